"""``varsel clean``: clear away what has come to its end."""

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from serving.retention.broom import Clearable

EXAMPLES = (
    "Examples: [bold]varsel clean --dry-run[/bold] says what would go and why; [bold]varsel clean[/bold] does it now; "
    "[bold]varsel clean --compact[/bold] also shrinks an SQLite file, while the site is stopped."
)


def clean(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go and why; do nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines: what was found, as one JSON object.")] = False,
    compact: Annotated[
        bool, typer.Option("--compact", help="Write the SQLite file anew, without gaps; others wait meanwhile.")
    ] = False,
) -> None:
    """Clear away what has come to its end, by age and state (retention in the settings); the worker does so too.

    Never what is not analysed to its end, not delivered, or not committed where that is asked.
    """
    from datetime import UTC, datetime

    from serving.processes.retention import places_of
    from serving.records.compaction import compact_whole
    from serving.retention.sweep import believed_now, brooms, find_all
    from varsel.existing import existing_database

    settings = context.obj.load_settings()
    engine = existing_database(settings)
    of = brooms(places_of(settings, engine), settings.retention)
    now = believed_now(engine, datetime.now(UTC))
    found = list(find_all(of.values(), now))
    _print_json(found) if as_json else _print_found(found)
    if not dry_run:
        _clear(found, lambda one: of[one.kind].clear(one, now))
        if compact:
            print(f"the database gave {compact_whole(engine) / 1e6:.1f} MB back to the disk", file=sys.stderr)


def _clear(found: "Sequence[Clearable]", clear: "Callable[[Clearable], int]") -> None:
    from varsel.console import progress
    from varsel.errors import PartlyDoneError

    freed, stuck = 0, 0
    with progress() as bar:
        task = bar.add_task("Clearing", total=len(found))
        for one in found:
            try:
                freed += clear(one)
            except OSError:
                stuck += 1
            bar.advance(task)
    print(f"{len(found) - stuck} cleared away, {freed / 1e6:.1f} MB", file=sys.stderr)
    if stuck:
        raise PartlyDoneError(f"{stuck} could not be removed; see that this user may write below site.data_dir")


def _print_json(found: "Sequence[Clearable]") -> None:
    rows = [asdict(one) | {"kind": one.kind.value, "since": one.since.isoformat()} for one in found]
    print(json.dumps({"clearable": rows}, ensure_ascii=False, indent=2))


def _print_found(found: "Sequence[Clearable]") -> None:
    from rich import box
    from rich.table import Table

    from varsel.console import output

    table = Table(box=box.SIMPLE)
    for head in ("What", "Which", "Count", "MB", "Since", "Why"):
        table.add_column(head, overflow="fold")
    for one in found:
        size = f"{one.size_bytes / 1e6:.1f}"
        table.add_row(one.kind.value, one.subject, str(one.count), size, f"{one.since:%Y-%m-%d %H:%M}", one.why)
    output().print(table if found else "Nothing is to be cleared away.")
