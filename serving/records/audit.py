"""The append-only, hash-chained log: each record carries the hash of the one before it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, select, text

from serving.records.database import reading, reading_in_parts
from serving.records.schema import AUDIT
from serving.records.statements import Insertion, Statement

_FIRST = "0" * 64
#: Records held in memory while the chain is looked through.
_AT_ONCE = 1000
_LOCK = Statement(text("LOCK TABLE audit IN EXCLUSIVE MODE"))
_NEWEST = Statement(select(AUDIT.c.hash).order_by(AUDIT.c.sequence.desc()).limit(1))
_APPEND = Insertion(AUDIT)


def append(connection: Connection, action: str, subject: str, detail: Mapping[str, Any]) -> None:
    """Add one record inside the caller's transaction, so that the fact and its record stand or fall together."""
    if connection.dialect.name == "postgresql":
        # The chain has one end; writers take turns at it. SQLite has one writer anyway.
        _LOCK.run(connection)
    newest = _NEWEST.first(connection)
    last = _FIRST if newest is None else newest.hash
    at = datetime.now(UTC)
    record = {"at": at, "action": action, "subject": subject, "detail": dict(detail), "previous_hash": last}
    _APPEND.add(connection, hash=_hash(record), **record)


@dataclass(frozen=True, kw_only=True)
class Link:
    """One record's place in the chain."""

    #: Its number, counted from one.
    sequence: int
    #: When it was written.
    at: datetime
    #: SHA-256 of what it says and of the hash before it, hexadecimal.
    hash: str


def newest_link(engine: Engine) -> Link | None:
    """The end of the chain; None while there is none."""
    with reading(engine) as connection:
        newest = select(AUDIT.c.sequence, AUDIT.c.at, AUDIT.c.hash).order_by(AUDIT.c.sequence.desc()).limit(1)
        row = connection.execute(newest).mappings().first()
    return None if row is None else Link(**row)


def first_broken_link(engine: Engine) -> int | None:
    """Sequence number of the first record that was altered or whose predecessor is gone; None when all hold."""
    previous = _FIRST
    every = select(AUDIT).order_by(AUDIT.c.sequence).execution_options(yield_per=_AT_ONCE)
    with reading_in_parts(engine) as connection:
        for row in connection.execute(every).mappings():
            if row["previous_hash"] != previous or row["hash"] != _hash({**row}):
                return int(row["sequence"])
            previous = row["hash"]
    return None


def _hash(record: Mapping[str, Any]) -> str:
    said = [
        record["at"].isoformat(),
        record["action"],
        record["subject"],
        json.dumps(record["detail"], sort_keys=True),
        record["previous_hash"],
    ]
    return hashlib.sha256("\x1f".join(said).encode()).hexdigest()
