"""``varsel status``."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
        _print_blocks(cases, refusals)


def _print_json(cases: "Sequence[CaseStatus]", refusals: "Sequence[RefusalStatus]") -> None:
    import json
    from dataclasses import asdict

    said = {"cases": [asdict(one) for one in cases], "refusals": [asdict(one) for one in refusals]}
    print(json.dumps(said, ensure_ascii=False, indent=2))


def _print_blocks(cases: "Sequence[CaseStatus]", refusals: "Sequence[RefusalStatus]") -> None:
    from varsel.console import output

    console = output()
    if not cases:
        console.print("No cases.")
    for line in (line for one in cases for line in _case_lines(one)):
        # Neither cut nor broken, whatever the width: ids and reasons are there to be copied and searched for.
        console.print(line, soft_wrap=True)
    if refusals:
        console.print("Refused at the doors:")
    for refusal in refusals:
        told = f"{refusal.at[:19]}  {refusal.door}  {refusal.source}  {refusal.reason_code}: {refusal.reason}"
        console.print(f"  {told}", soft_wrap=True)


def _case_lines(case: "CaseStatus") -> "Iterator[str]":
    from serving.work.item import State

    yield f"{case.case_id} #{case.generation}"
    model = f"{case.model} {case.model_version} ({case.release_digest[:12]})" if case.model else "no model"
    yield f"  {', '.join(filter(None, (case.state, case.outcome)))}; {model}"
    yield from (f"  {one.text} {one.probability:.2f}" for one in case.findings)
    if case.risk is not None:
        yield f"  {case.risk:.1%}"
    yield from (f"  {one.destination}: {one.state}{_why(one.reason)}" for one in case.deliveries)
    if case.reason:
        yield f"  reason: {case.reason}"
    if case.state == State.FAILED.value:
        yield f"  try it again: varsel work retry {case.work_item_id}"


def _why(reason: str) -> str:
    return f" ({reason})" if reason else ""
