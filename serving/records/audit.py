"""The append-only, hash-chained log: each record carries the hash of the one before it."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, select, text

from serving.records.database import reading
from serving.records.schema import AUDIT
from serving.records.statements import Insertion, Statement

_FIRST = "0" * 64
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


def first_broken_link(engine: Engine) -> int | None:
    """Sequence number of the first record that was altered or whose predecessor is gone; None when all hold."""
    previous = _FIRST
    with reading(engine) as connection:
        for row in connection.execute(select(AUDIT).order_by(AUDIT.c.sequence)).mappings():
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
