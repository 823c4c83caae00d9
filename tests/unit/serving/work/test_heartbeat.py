"""A node that falls silent loses its work to the others, and its right to write."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select

from serving.errors import FencedError
from serving.records import leases, work
from serving.records.database import open_database, reading, writing
from serving.records.fence import under
from serving.records.migrate import migrate
from serving.records.node_schema import NODE_LEASE
from serving.records.schema import DELIVERY, WORK_ITEM
from serving.work.heartbeat import Heartbeat
from serving.work.item import DeliveryState, State

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
#: When everything is due.
LATER = datetime(2200, 1, 1, tzinfo=UTC)
SILENCE = 15.0


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    opened = open_database(f"sqlite:///{tmp_path / 'varsel.db'}")
    migrate(opened)
    yield opened
    opened.dispose()


class Node:
    """One worker process as the tables see it."""

    def __init__(self, database: Engine, name: str) -> None:
        with writing(database) as connection:
            self.lease = leases.take(connection, name)
        self.engine = under(database, self.lease)
        self.heartbeat = Heartbeat(self.engine, self.lease, silence_seconds=SILENCE, on_lost=lambda: None)

    def claim(self) -> list[str]:
        with writing(self.engine) as connection:
            return [item.id for item in work.claim_items(connection, self.lease.node, 9, LATER)]


def queue_item(database: Engine, item_id: str) -> None:
    times = dict.fromkeys(("not_before", "created_at", "input_at"), NOW)
    row = {"case_id": "1.2", "generation": 1, "kind": "imaging", "rule": "chest", "model": "m", "model_version": "1"}
    with writing(database) as connection:
        values = row | times | {"id": item_id, "release_digest": "d", "priority": 2, "state": State.QUEUED.value}
        connection.execute(insert(WORK_ITEM).values(**values))


def queue_delivery(database: Engine, item_id: str) -> None:
    with writing(database) as connection:
        connection.execute(
            insert(DELIVERY).values(
                id="d1",
                work_item_id=item_id,
                destination="pacs",
                state="queued",
                priority=2,
                objects=["1.2.3"],
                attempts=0,
                not_before=NOW,
                created_at=NOW,
            )
        )


def state_of(database: Engine, item_id: str) -> str:
    with reading(database) as connection:
        return str(connection.scalar(select(WORK_ITEM.c.state).where(WORK_ITEM.c.id == item_id)))


def test_a_silent_nodes_work_is_taken_over_and_it_can_write_nothing_more(database: Engine):
    first, second = Node(database, "node-1"), Node(database, "node-2")
    queue_item(database, "a")
    assert first.claim() == ["a"]

    second.heartbeat.beat(now=100.0)
    second.heartbeat.beat(now=100.0 + SILENCE)

    assert second.claim() == ["a"]
    with pytest.raises(FencedError), writing(first.engine) as connection:
        work.move_item(connection, "a", State.FAILED, NOW)
    with pytest.raises(FencedError):
        first.heartbeat.beat(now=200.0)
    assert state_of(database, "a") == "running"


def test_a_node_that_beats_keeps_its_work_however_long_it_takes(database: Engine):
    first, second = Node(database, "node-1"), Node(database, "node-2")
    queue_item(database, "a")
    first.claim()

    for moment in range(0, 100, 5):
        first.heartbeat.beat(now=float(moment))
        second.heartbeat.beat(now=float(moment))

    assert second.claim() == []


def test_a_jump_of_the_wall_clock_buries_nobody(database: Engine, monkeypatch: pytest.MonkeyPatch):
    """Only the observer's monotonic clock counts; the fake wall clock is a century ahead."""

    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            del tz
            return datetime(2126, 1, 1, tzinfo=UTC)

    monkeypatch.setattr("serving.work.heartbeat.datetime", Tomorrow)
    first, second = Node(database, "node-1"), Node(database, "node-2")
    queue_item(database, "a")
    first.claim()

    second.heartbeat.beat(now=100.0)
    second.heartbeat.beat(now=100.1)

    assert second.claim() == []


def test_a_delivery_of_a_lost_node_asks_the_archive_first(database: Engine):
    first, second = Node(database, "node-1"), Node(database, "node-2")
    queue_item(database, "a")
    queue_delivery(database, "a")
    with writing(first.engine) as connection:
        work.claim_delivery(connection, "pacs", "node-1", NOW)

    second.heartbeat.beat(now=0.0)
    second.heartbeat.beat(now=SILENCE)
    with writing(second.engine) as connection:
        taken = work.claim_delivery(connection, "pacs", "node-2", LATER)

    assert taken is not None
    assert (taken.state, taken.attempts, taken.node) == (DeliveryState.WAITING, 2, "node-2")


def test_a_restarted_node_ends_the_right_of_its_older_self(database: Engine):
    older = Node(database, "node-1")
    newer = Node(database, "node-1")

    with pytest.raises(FencedError), writing(older.engine):
        pass
    with writing(newer.engine):
        pass


def test_a_zombie_writes_nothing_after_another_process_took_its_buried_name(database: Engine):
    zombie, second = Node(database, "node-1"), Node(database, "node-2")
    second.heartbeat.beat(now=0.0)
    second.heartbeat.beat(now=SILENCE)
    Node(database, "node-1")

    with pytest.raises(FencedError), writing(zombie.engine):
        pass


def test_two_that_bury_the_same_node_free_its_work_once(database: Engine):
    dead, *others = (Node(database, f"node-{number}") for number in range(3))
    queue_item(database, "a")
    dead.claim()
    with reading(database) as connection:
        (pulse,) = [one for one in leases.pulses(connection, besides="") if one.node == "node-0"]

    freed = []
    for other in others:
        with writing(other.engine) as connection:
            freed.append(leases.bury(connection, pulse, NOW))

    assert freed == [("a",), None]


def test_a_node_that_stops_leaves_its_work_to_the_others_at_once(database: Engine):
    first, second = Node(database, "node-1"), Node(database, "node-2")
    queue_item(database, "a")
    first.claim()
    first.heartbeat.start()

    first.heartbeat.stop()

    assert second.claim() == ["a"]
    with reading(database) as connection:
        assert list(connection.scalars(select(NODE_LEASE.c.node))) == ["node-2"]


def test_a_fenced_node_stops_itself(database: Engine):
    told = []
    first = Node(database, "node-1")
    heartbeat = Heartbeat(first.engine, first.lease, silence_seconds=0.04, on_lost=lambda: told.append("stop"))
    Node(database, "node-1")

    heartbeat.start()
    heartbeat._thread.join(10)  # its end is what is waited for

    assert told == ["stop"]
