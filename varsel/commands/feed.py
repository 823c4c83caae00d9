"""``varsel feed``: the HL7 v2 feed, and the messages that were put aside."""

from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from varsel.errors import PartlyDoneError, VarselError

if TYPE_CHECKING:
    from serving.feed.kept import KeptMessage
    from serving.settings.file import Settings

SERVE_EXAMPLES = "Example: [bold]varsel feed serve[/bold]. Runs until SIGTERM or Ctrl-C; logs are JSON lines."
LIST_EXAMPLES = "Examples: [bold]varsel feed list[/bold]   [bold]varsel feed list --show 12[/bold] prints message 12."
REPLAY_EXAMPLES = (
    "Examples: [bold]varsel feed replay 12[/bold]   "
    "[bold]varsel feed list --show 12 > mended.hl7[/bold], mend it, "
    "[bold]varsel feed replay 12 --mended mended.hl7[/bold]."
)
SEND_EXAMPLES = "Example: [bold]varsel feed send --to 127.0.0.1:2575 region/hl7/messages.hl7[/bold]."

IMPORT_EXAMPLES = "Example: [bold]varsel feed import mimic3 mimic-iii-demo/[/bold]."


class TableKind(Enum):
    """Research databases whose tables are read."""

    #: MIMIC-III, whole or demo, as CSV.
    MIMIC3 = "mimic3"


feed = typer.Typer(help="The patient record's HL7 v2 feed.", no_args_is_help=True)


@feed.command("serve", epilog=SERVE_EXAMPLES)
def serve(context: typer.Context) -> None:
    """Take HL7 v2 messages over MLLP; each is acknowledged once it is durable."""
    from serving.processes.feed import run_feed
    from varsel.ports import demand_ports

    settings = context.obj.load_settings()
    demand_ports(settings, "feed")
    run_feed(settings)


@feed.command("list", epilog=LIST_EXAMPLES)
def list_kept(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 20,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also those that were replayed.")] = False,
    show: Annotated[int | None, typer.Option(help="Print this message as it came.", show_default=False)] = None,
) -> None:
    """List messages that were refused, as a whole or in part, with their reasons."""
    from serving.feed.kept import kept_messages
    from serving.records.database import reading
    from varsel.existing import existing_database

    if show is not None:
        print(_find(context.obj.load_settings(), show).body.decode("utf-8", "replace").replace("\r", "\n"))
        return
    with reading(existing_database(context.obj.load_settings())) as connection:
        found = kept_messages(connection, limit=limit, with_replayed=everything)
    for one in found:
        print(f"{one.id:>6}  {one.received_at:%Y-%m-%d %H:%M:%S}  {one.kind or '?':8} {one.state.value:8} {one.reason}")
    if not found:
        print("no message is put aside")


@feed.command("replay", epilog=REPLAY_EXAMPLES)
def replay(
    context: typer.Context,
    numbers: Annotated[list[int], typer.Argument(help="Numbers of messages, as `varsel feed list` shows.")],
    mended: Annotated[Path | None, typer.Option(help="The mended text of the one message.", exists=True)] = None,
) -> None:
    """Send messages that were put aside through again, as they came or mended."""
    from serving.feed.replay import replay_message
    from serving.processes.feed import reader_settings
    from varsel.existing import existing_database

    if mended is not None and len(numbers) != 1:
        raise typer.BadParameter("one mended message takes the place of one; name one number", param_hint="--mended")
    settings = context.obj.load_settings()
    engine = existing_database(settings)
    refused = 0
    for number in numbers:
        body = _find(settings, number).body if mended is None else mended.read_bytes()
        answer = replay_message(engine, reader_settings(settings.feed), number, body, datetime.now(UTC))
        print(f"{number:>6}  {answer.code.value}  {answer.text}".rstrip())
        refused += not answer.is_accepted or bool(answer.text)
    if refused:
        raise PartlyDoneError(f"{refused} of {len(numbers)} are still not taken as a whole; mend them with --mended")


@feed.command("import", epilog=IMPORT_EXAMPLES)
def import_tables(
    context: typer.Context,
    kind: Annotated[TableKind, typer.Argument(help="What the tables are.")],
    directory: Annotated[Path, typer.Argument(help="Where they lie.", exists=True, file_okay=False)],
    urine_cfu: Annotated[
        float | None,
        typer.Option(min=0, help="Colonies per ml to take for organisms in urine, which MIMIC-III does not tell."),
    ] = None,
) -> None:
    """Read tables of a research database as if its record had told them."""
    from ehr_io.mimic3 import Mimic3
    from serving.processes.lifecycle import open_own_database
    from serving.records.database import writing
    from serving.records.stay_intake import keep_told
    from varsel.console import progress

    del kind
    tables = Mimic3(directory=directory, urine_cfu_per_ml=urine_cfu)
    engine = open_own_database(context.obj.load_settings())
    with progress() as bar, writing(engine) as connection:
        told = list(bar.track(tables.tell(), description="Admissions", total=None))
        keep_told(connection, told, datetime.now(UTC))
    facts, refused = (sum(len(getattr(one, name)) for one in told) for name in ("tellings", "refusals"))
    print(f"{len(told)} admissions, {facts} facts; {refused} values of unknown units or beyond belief were refused")
    for reason, count in tables.passed_over.most_common():
        print(f"{count:>8} rows passed over: {reason}")


@feed.command("send", epilog=SEND_EXAMPLES)
def send(
    files: Annotated[list[Path], typer.Argument(help="Files of HL7 v2 messages.", exists=True, dir_okay=False)],
    to: Annotated[str, typer.Option(help="Receiver.", metavar="HOST:PORT")] = "127.0.0.1:2575",
) -> None:
    """Send the HL7 v2 messages of files over MLLP, one after the other, and say how they were answered."""
    from ehr_io.hl7.files import read_messages
    from varsel.console import progress
    from varsel.feeding import feed_messages

    messages = [message for path in files for message in read_messages(path)]
    with progress() as bar:
        counts = feed_messages(to, bar.track(messages, description="Messages"))
    print(", ".join(f"{count} {code}" for code, count in sorted(counts.items())) or "the files hold no message")
    if set(counts) - {"AA"}:
        raise PartlyDoneError("some messages were not taken; `varsel feed list` at the receiver says why")


def _find(settings: "Settings", number: int) -> "KeptMessage":
    from serving.feed.kept import kept_message
    from serving.records.database import reading
    from varsel.existing import existing_database

    with reading(existing_database(settings)) as connection:
        found = kept_message(connection, number)
    if found is None:
        raise VarselError(f"no message {number} is put aside; `varsel feed list --all` shows which are")
    return found
