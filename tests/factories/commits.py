"""What a change detector sees of a commit."""

from datetime import UTC, datetime

from sqlalchemy import Engine

from serving.records import drains
from serving.records.changes import ChangeDetector
from serving.records.database import writing


def seen_around_a_commit(engine: Engine) -> tuple[bool, list[bool]]:
    """Whether something changed, asked in the midst of a transaction, and asked twice after its commit."""
    changes = ChangeDetector(engine)
    changes.changed()
    with writing(engine) as connection:
        drains.begin(connection, "node-1", datetime.now(UTC))
        before = changes.changed()
    after = [changes.changed(), changes.changed()]
    changes.close()
    return before, after
