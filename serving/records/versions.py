"""Which version of what a source said holds: the one said last, however the versions arrive."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ehr_io.events import Event
from ehr_io.told import Telling

#: An event as the row that it is or becomes.
EventRow = dict[str, Any]
#: What makes two events the same fact, whenever they were said.
_FACT = ("stay_id", "source", "kind", "code", "event_time", "end_time", "value", "unit", "text")


@dataclass(kw_only=True)
class SourceState:
    """What is kept of one source."""

    #: When the version that holds was said; None while nothing was.
    told_at: datetime | None = None
    #: Rows that hold; none after a withdrawal.
    rows: list[EventRow] = field(default_factory=list)


@dataclass(kw_only=True)
class Changes:
    """What is to be written."""

    #: New rows.
    added: list[EventRow] = field(default_factory=list)
    #: Rows that no longer hold, with ``retired_time`` set; those with an ``id`` lie in the database.
    retired: list[EventRow] = field(default_factory=list)
    #: Source -> when it was withdrawn.
    withdrawn: dict[str, datetime] = field(default_factory=dict)


def apply(telling: Telling, state: SourceState, changes: Changes) -> bool:
    """Let *telling* replace what *state* holds, or come too late for it; whether anything changed."""
    rows = [event_row(event, telling.told_at) for event in telling.events]
    if state.told_at is not None and telling.told_at < state.told_at:
        return _add_history(rows, state.told_at, changes)
    if rows and len(rows) == len(state.rows) and _facts(rows) == _facts(state.rows):
        return False
    if not rows:
        changes.withdrawn[telling.source] = telling.told_at
    until = min((row["known_time"] for row in rows), default=telling.told_at)
    for row in state.rows:
        row["current"], row["retired_time"] = False, until
    # What this transaction itself adds is written once, with its end.
    changes.retired += [row for row in state.rows if "id" in row]
    changes.added += rows
    had_any = bool(state.rows or rows)
    state.told_at, state.rows = telling.told_at, rows
    return had_any


def _add_history(rows: Sequence[EventRow], until: datetime, changes: Changes) -> bool:
    """Keep what came too late to hold for those who ask what was known before it was replaced."""
    for row in rows:
        row["current"], row["retired_time"] = False, until
    changes.added += rows
    return bool(rows)


def event_row(event: Event, told_at: datetime) -> EventRow:
    """*event*, said at *told_at*, as a row that holds."""
    return vars(event) | {"kind": event.kind.value, "told_at": told_at, "current": True}


def _facts(rows: Sequence[EventRow]) -> list[tuple[object, ...]]:
    return sorted((tuple(row[name] for name in _FACT) for row in rows), key=repr)
