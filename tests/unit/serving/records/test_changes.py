"""Whether anything was committed, asked from outside."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from serving.records import drains
from serving.records.changes import ChangeDetector
from serving.records.database import open_database, writing


def test_a_commit_of_another_is_seen_once_and_not_before(engine: Engine):
    changes = ChangeDetector(engine)
    changes.changed()
    with writing(engine) as connection:
        drains.begin(connection, "node-1", datetime.now(UTC))
        before = changes.changed()

    after = [changes.changed(), changes.changed()]
    changes.close()
    assert (before, after) == (False, [True, False])


def test_where_it_cannot_be_asked_everything_may_have_changed(tmp_path: Path):
    file = tmp_path / "varsel.db"
    file.write_bytes(b"this is no database at all" * 100)
    changes = ChangeDetector(open_database(f"sqlite:///{file}"))

    assert [changes.changed(), changes.changed()] == [True, True]
