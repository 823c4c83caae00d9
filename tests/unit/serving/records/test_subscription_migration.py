"""Who heard of all work items before a subscription was one to each goes on hearing of them, and back."""

from pathlib import Path

from alembic import command
from sqlalchemy import Engine, text

from serving.records.database import open_database
from serving.records.migrate import _config
from serving.records.subscriptions import FILTERED_SUBSCRIPTION, GLOBAL_SUBSCRIPTION

ITEM = (
    "INSERT INTO ups_workitem (uid, state, transaction_uid, dataset, created_at, updated_at) VALUES (:uid, :state, '',"
    " '{}', '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
)
SUBSCRIBED = "INSERT INTO ups_subscription (ae_title, uid) VALUES (:ae_title, :uid)"


def rows(engine: Engine, columns: str) -> list[tuple[str, ...]]:
    with engine.connect() as connection:
        found = connection.execute(text(f"SELECT {columns} FROM ups_subscription ORDER BY ae_title, uid"))
        return [tuple(row) for row in found]


def move(engine: Engine, revision: str) -> None:
    with engine.connect() as connection:
        (command.downgrade if revision == "0016" else command.upgrade)(_config(connection), revision)
        connection.commit()


def test_who_heard_of_all_hears_of_each_that_is_open(tmp_path: Path):
    engine = open_database(f"sqlite:///{tmp_path / 'varsel.db'}")
    move(engine, "0015")
    items = [("2.25.1", "SCHEDULED"), ("2.25.2", "IN PROGRESS"), ("2.25.3", "COMPLETED")]
    with engine.begin() as connection:
        for uid, state in items:
            connection.execute(text(ITEM), {"uid": uid, "state": state})
        for uid in (GLOBAL_SUBSCRIPTION, "2.25.1"):
            connection.execute(text(SUBSCRIBED), {"ae_title": "RIS", "uid": uid})

    move(engine, "0017")
    assert rows(engine, "uid, brought_by") == [
        (GLOBAL_SUBSCRIPTION, ""),
        ("2.25.1", ""),
        ("2.25.2", GLOBAL_SUBSCRIPTION),
    ]

    with engine.begin() as connection:
        connection.execute(text(SUBSCRIBED), {"ae_title": "RIS", "uid": FILTERED_SUBSCRIPTION})
    move(engine, "0016")
    assert rows(engine, "uid") == [(GLOBAL_SUBSCRIPTION,), ("2.25.1",), ("2.25.2",)]
    engine.dispose()
