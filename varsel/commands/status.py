"""``varsel status``."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from varsel.case_status import CaseStatus, RefusalStatus

EXAMPLES = (
    "Examples: [bold]varsel status[/bold]   "
    "[bold]varsel status --json | jq '.cases[] | select(.state == \"failed\")'[/bold]."
)


def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="For machines: everything, as one JSON object.")] = False,
) -> None:
    """Show every case with its state, answer, model and deliveries, and what was refused at the doors."""
    from varsel.case_status import read_cases, read_refusals
    from varsel.existing import existing_database

    engine = existing_database(context.obj.load_settings())
    cases, refusals = read_cases(engine), read_refusals(engine)
    if as_json:
        _print_json(cases, refusals)
    else:
        _print_tables(cases, refusals)


def _print_json(cases: "Sequence[CaseStatus]", refusals: "Sequence[RefusalStatus]") -> None:
    import json
    from dataclasses import asdict

    said = {"cases": [asdict(one) for one in cases], "refusals": [asdict(one) for one in refusals]}
    print(json.dumps(said, ensure_ascii=False, indent=2))


def _print_tables(cases: "Sequence[CaseStatus]", refusals: "Sequence[RefusalStatus]") -> None:
    from rich import box
    from rich.table import Table

    from serving.work.item import State
    from varsel.console import output

    console = output()
    table = Table(box=box.SIMPLE)
    for head in ("Case", "State", "Outcome", "Model", "Findings", "Deliveries", "Reason"):
        # Nothing is cut off: ids and reasons are there to be copied.
        table.add_column(head, overflow="fold")
    for one in cases:
        table.add_row(*_cells(one))
    console.print(table if cases else "No cases.")
    for one in cases:
        if one.state == State.FAILED.value:
            # Not in the table, whose cells would break it in two: it is there to be copied.
            console.print(f"Try {one.case_id} again: varsel work retry {one.work_item_id}", soft_wrap=True)
    if refusals:
        refused = Table("Refused at", "Door", "Sender", "Code", "Reason", box=box.SIMPLE)
        for refusal in refusals:
            refused.add_row(refusal.at[:19], refusal.door, refusal.source, refusal.reason_code, refusal.reason)
        console.print(refused)


def _cells(case: "CaseStatus") -> tuple[str, ...]:
    model = f"{case.model} {case.model_version} ({case.release_digest[:12]})" if case.model else ""
    findings = [f"{one.text} {one.probability:.2f}" for one in case.findings]
    risk = [] if case.risk is None else [f"{case.risk:.1%}"]
    sent = [f"{one.destination}: {one.state}{_why(one.reason)}" for one in case.deliveries]
    case_id = f"{case.case_id} #{case.generation}"
    return case_id, case.state, case.outcome, model, "\n".join(findings + risk), "\n".join(sent), case.reason


def _why(reason: str) -> str:
    return f" ({reason})" if reason else ""
