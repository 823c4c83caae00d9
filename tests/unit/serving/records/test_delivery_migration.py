"""A site with results under way goes to the ledger of one row an object, and back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, text

from serving.records.database import open_database
from serving.records.migrate import _config

WORK_ITEM = (
    "INSERT INTO work_item (id, kind, case_id, generation, rule, model, model_version, release_digest, priority, state,"
    " outcome, reason_code, reason, attempts, not_before, node, created_at, input_at, timings, scores) VALUES ('w',"
    " 'imaging', '1.2', 1, 'r', 'm', '1', 'd', 2, 'delivering', 'finding', '', '', 1, '2026-01-01 00:00:00', '',"
    " '2026-01-01 00:00:00', '2026-01-01 00:00:00', '{}', '{}')"
)
RESULT = (
    "INSERT INTO result_object (sop_instance_uid, work_item_id, kind, sop_class_uid, series_instance_uid, path, sha256,"
    " created_at) VALUES (:uid, 'w', 'sr', 'c', 's', 'p', 'h', '2026-01-01 00:00:00')"
)
DELIVERY = (
    "INSERT INTO delivery (id, work_item_id, destination, objects, state, attempts, not_before, priority, node, reason,"
    " created_at, accepted_at) VALUES (:to, 'w', :to, '[\"1.1\", \"1.2\"]', :state, 1, '2026-01-01 00:00:00', 2, '',"
    " '', '2026-01-01 00:00:00', :accepted_at)"
)


@pytest.fixture
def before(tmp_path: Path) -> Iterator[Engine]:
    """One delivery that arrived, one that waits."""
    engine = open_database(f"sqlite:///{tmp_path / 'varsel.db'}")
    move(engine, "0001")
    with engine.begin() as connection:
        connection.execute(text(WORK_ITEM))
        for uid in ("1.1", "1.2"):
            connection.execute(text(RESULT), {"uid": uid})
        for to, state, at in (("a", "accepted", "2026-01-01 00:00:01"), ("b", "waiting", None)):
            connection.execute(text(DELIVERY), {"to": to, "state": state, "accepted_at": at})
    yield engine
    engine.dispose()


def move(engine: Engine, revision: str) -> None:
    with engine.connect() as connection:
        (command.downgrade if revision == "-1" else command.upgrade)(_config(connection), revision)
        connection.commit()


def test_what_is_under_way_is_in_the_ledger_object_by_object(before: Engine):
    move(before, "0003")

    with before.connect() as connection:
        rows = connection.execute(
            text("SELECT delivery_id, sop_instance_uid, state FROM delivery_object ORDER BY delivery_id, position")
        ).all()
    assert [tuple(row) for row in rows] == [
        ("a", "1.1", "accepted"),
        ("a", "1.2", "accepted"),
        ("b", "1.1", "queued"),
        ("b", "1.2", "queued"),
    ]


def test_the_way_back_keeps_the_deliveries(before: Engine):
    move(before, "0003")
    move(before, "-1")

    with before.connect() as connection:
        rows = connection.execute(text("SELECT id, state, objects FROM delivery ORDER BY id")).all()
    assert [tuple(row) for row in rows] == [("a", "accepted", '["1.1", "1.2"]'), ("b", "waiting", '["1.1", "1.2"]')]
