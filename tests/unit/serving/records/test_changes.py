"""Whether anything was committed, asked from outside."""

from pathlib import Path

from factories.commits import seen_around_a_commit
from sqlalchemy import Engine

from serving.records.changes import ChangeDetector
from serving.records.database import open_database


def test_a_commit_of_another_is_seen_once_and_not_before(engine: Engine):
    assert seen_around_a_commit(engine) == (False, [True, False])


def test_where_it_cannot_be_asked_everything_may_have_changed(tmp_path: Path):
    file = tmp_path / "varsel.db"
    file.write_bytes(b"this is no database at all" * 100)
    changes = ChangeDetector(open_database(f"sqlite:///{file}"))

    assert [changes.changed(), changes.changed()] == [True, True]
