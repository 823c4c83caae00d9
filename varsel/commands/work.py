"""``varsel work``: the worker, and a person's hand on its work."""

from typing import TYPE_CHECKING, Annotated

import typer

from varsel.commands.processes import WORK_EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from serving.records.work_detail import DeliveryPlace, WorkDetail
    from varsel.case_status import CaseStatus

work = typer.Typer(help="Run the worker; or look at its work and take it in hand.", epilog=WORK_EXAMPLES)

_Id = Annotated[str, typer.Argument(help="Id of the work item, from varsel work list or a case's page.", metavar="ID")]
_Json = Annotated[bool, typer.Option("--json", help="For machines: everything, as one JSON object.")]


@work.callback(invoke_without_command=True)
def run(context: typer.Context) -> None:
    """Run the worker: closes studies, analyses them, delivers what came out. Its subcommands look at that work."""
    from serving.processes.work import run_work
    from varsel.ports import demand_ports

    if context.invoked_subcommand is None:
        settings = context.obj.load_settings()
        # Before the lease is taken: a second worker that is started by mistake would take it from the first.
        demand_ports(settings, "work")
        run_work(settings)


@work.command(
    "list",
    epilog="Examples: [bold]varsel work list[/bold]   [bold]varsel work list --state failed[/bold]   "
    "[bold]varsel work list --destination pacs --json[/bold].",
)
def list_work(
    context: typer.Context,
    state: Annotated[
        str, typer.Option(help="Only this state: queued, running, waiting, delivering, done, failed, superseded.")
    ] = "",
    destination: Annotated[str, typer.Option(help="Only what this destination has not got yet.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Also what is done.")] = False,
    as_json: _Json = False,
) -> None:
    """List work that is not done, oldest first: its state, tries, deliveries and reason."""
    import json
    from dataclasses import asdict

    from serving.work.item import State
    from varsel.case_status import read_cases
    from varsel.existing import existing_database

    known = [one.value for one in State]
    if state and state not in known:
        raise typer.BadParameter(f"'{state}' is none of {', '.join(known)}", param_hint="--state")
    engine = existing_database(context.obj.load_settings())
    found = [one for one in read_cases(engine) if _is_asked_for(one, state, destination, everything=everything)]
    if as_json:
        print(json.dumps({"work": [asdict(one) for one in found]}, ensure_ascii=False, indent=2))
    else:
        _print_list(found)


@work.command("show", epilog="Example: [bold]varsel work show 2.25.1234[/bold].")
def show(context: typer.Context, work_item: _Id, as_json: _Json = False) -> None:
    """Show one work item: every object at every destination, and all that happened, with reasons."""
    import json
    from dataclasses import asdict

    from serving.records.work_detail import read_work
    from varsel.existing import existing_database

    detail = read_work(existing_database(context.obj.load_settings()), work_item)
    if as_json:
        print(json.dumps(asdict(detail), ensure_ascii=False, indent=2))
    else:
        _print_detail(detail)


@work.command("retry", epilog="Example: [bold]varsel work retry 2.25.1234[/bold].")
def retry(context: typer.Context, work_item: _Id) -> None:
    """Try a failed case again: send what did not arrive (the archive is asked first), or analyse it anew."""
    import getpass
    from datetime import UTC, datetime

    from serving.records.database import writing
    from serving.records.retry import retry as try_again
    from varsel.errors import VarselError
    from varsel.existing import existing_database

    engine = existing_database(context.obj.load_settings())
    with writing(engine) as connection:
        begun = try_again(connection, work_item, getpass.getuser(), datetime.now(UTC))
    if not begun:
        raise VarselError(f"'{work_item}' has not failed, so there is nothing to try again; see `varsel work list`")
    print(f"{work_item} is tried again; see `varsel work show {work_item}`")


@work.command("cancel", epilog="Example: [bold]varsel work cancel 2.25.1234[/bold]. What runs at this moment goes on.")
def cancel(context: typer.Context, work_item: _Id) -> None:
    """Call off what has not begun: an analysis, or what is still to be sent. What arrived stays; see withdraw."""
    import getpass
    from datetime import UTC, datetime

    from serving.records.cancel import cancel as call_off
    from serving.records.database import writing
    from varsel.errors import VarselError
    from varsel.existing import existing_database

    engine = existing_database(context.obj.load_settings())
    with writing(engine) as connection:
        called_off = call_off(connection, work_item, getpass.getuser(), datetime.now(UTC))
    if not called_off:
        raise VarselError(f"nothing of '{work_item}' waits, so there is nothing to call off; see `varsel work list`")
    print(f"{work_item} is called off")


@work.command(
    "withdraw",
    epilog='Example: [bold]varsel work withdraw 2.25.1234 --reason "side markers were swapped"[/bold]. Archives get a '
    "rejection note, the RIS and the record a withdrawal; follow it with varsel work show.",
)
def withdraw(
    context: typer.Context,
    work_item: _Id,
    reason: Annotated[str, typer.Option(help="Why, for the RIS, the record and the log; nothing about a patient.")],
    patient_safety: Annotated[
        bool, typer.Option("--patient-safety", help="It must not be used for this patient, e.g. the wrong study.")
    ] = False,
) -> None:
    """Take a result back at every destination that has it."""
    import getpass

    from dicom_io.results.withdrawal import WithdrawalReason
    from serving.withdraw import Retraction, Withdrawer
    from varsel.existing import existing_database

    if not reason.strip():
        raise typer.BadParameter("say why, in a few words", param_hint="--reason")
    settings = context.obj.load_settings()
    withdrawer = Withdrawer(existing_database(settings), settings.results_dir, settings.site.language)
    kind = WithdrawalReason.PATIENT_SAFETY if patient_safety else WithdrawalReason.WITHDRAWN
    retraction = Retraction(work_item_id=work_item, reason=kind, words=reason, actor=getpass.getuser())
    print(f"{work_item} is taken back at {', '.join(withdrawer.withdraw(retraction))}")


@work.command(
    "drain",
    epilog="Examples: [bold]varsel work drain --node node-2[/bold] before maintenance of one machine;   "
    "[bold]varsel work drain --end[/bold] afterwards. Exit code 3 when work is still under way after --wait.",
)
def drain(
    context: typer.Context,
    node: Annotated[str, typer.Option(help="Only this node, in place of what was drained before; empty = all.")] = "",
    minutes: Annotated[float, typer.Option(min=0, max=55, help="Nodes begin again by themselves after so long.")] = 30,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait until nothing is under way.")] = 600,
    end: Annotated[bool, typer.Option("--end", help="Let nodes begin work again, now.")] = False,
) -> None:
    """Let nodes begin nothing more, and say when all that was begun has ended. Studies are received all the same."""
    from datetime import UTC, datetime, timedelta

    from serving.records import drains
    from serving.records.database import writing
    from serving.records.leases import pulses
    from varsel.existing import existing_database

    engine = existing_database(context.obj.load_settings())
    with writing(engine) as connection:
        running = sorted(one.node for one in pulses(connection, besides=""))
        if end:
            drains.end(connection)
        elif node and node not in running:
            what = f"no node '{node}' runs; running: {', '.join(running) or 'none'}"
            raise typer.BadParameter(what, param_hint="--node")
        else:
            drains.begin(connection, node, datetime.now(UTC) + timedelta(minutes=minutes))
    if end:
        print("nodes begin work again")
    else:
        _await_empty(engine, node, wait)
        print(f"nothing is under way; it stays so for {minutes:g} minutes, or until varsel work drain --end")


def _await_empty(engine: "Engine", node: str, seconds: float) -> None:
    import time

    from serving.records.database import reading
    from serving.records.drains import under_way
    from varsel.console import progress
    from varsel.errors import PartlyDoneError

    deadline = time.monotonic() + seconds
    with progress() as bar:
        task = bar.add_task("Under way", total=None)
        while True:
            with reading(engine) as connection:
                left = under_way(connection, node)
            bar.update(task, description=f"Under way: {left}")
            if not left:
                return
            if time.monotonic() > deadline:
                raise PartlyDoneError(f"{left} cases and deliveries are still under way after {seconds:g} seconds")
            time.sleep(0.2)


def _is_asked_for(case: "CaseStatus", state: str, destination: str, *, everything: bool) -> bool:
    if destination:
        arrived = ("accepted", "committed", "cancelled")
        return any(one.destination == destination and one.state not in arrived for one in case.deliveries)
    if state:
        return case.state == state
    return everything or case.state not in ("done", "superseded")


def _print_list(found: "Sequence[CaseStatus]") -> None:
    from varsel.console import output

    console = output()
    if not found:
        console.print("No such work.")
    for line in (line for one in found for line in _work_lines(one)):
        # Neither cut nor broken, whatever the width: ids and reasons are there to be copied and searched for.
        console.print(line, soft_wrap=True)


def _work_lines(one: "CaseStatus") -> list[str]:
    model = f"{one.model} {one.model_version}" if one.model else "no model"
    sent = [f"  {to.destination}: {to.state} ({to.attempts})" for to in one.deliveries]
    reason = [f"  reason: {one.reason}"] if one.reason else []
    return [one.work_item_id, f"  {one.state}; {model}; case {one.case_id} #{one.generation}", *sent, *reason]


def _print_detail(detail: "WorkDetail") -> None:
    from varsel.console import output

    console = output()
    model = f"{detail.model} {detail.model_version} ({detail.release_digest[:12]})" if detail.model else "no model"
    console.print(f"{detail.work_item_id}   {detail.state}   {detail.outcome}   {model}", soft_wrap=True)
    console.print(f"case {detail.case_id} #{detail.generation}, attempts {detail.attempts}", soft_wrap=True)
    if detail.reason:
        console.print(f"reason: {detail.reason}", soft_wrap=True)
    for line in (line for sent in detail.deliveries for line in _delivery_lines(sent)):
        console.print(line, soft_wrap=True)
    console.print("history:")
    for one in detail.history:
        failure = f" ({one.failure})" if one.failure else ""
        console.print(f"  {one.at[:19]}  {one.of}: {one.state}{failure} {one.detail}".rstrip(), soft_wrap=True)


def _delivery_lines(one: "DeliveryPlace") -> list[str]:
    why = f": {one.reason}" if one.reason else ""
    commitments = f", commitment {', '.join(one.commitments)}" if one.commitments else ""
    lines = [f"{one.purpose} to {one.destination}: {one.state}, attempts {one.attempts}{commitments}{why}"]
    for placed in one.objects:
        reason = f": {placed.reason}" if placed.reason else ""
        lines.append(f"  {placed.kind:<8} {placed.state:<9} {placed.sop_instance_uid}{reason}")
    return lines
