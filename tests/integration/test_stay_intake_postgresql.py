"""What the feeds tell is kept on PostgreSQL as on SQLite, also by two writers at once."""

import itertools
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from factories.hl7 import message, visit
from postgresql_server import PostgresqlPeer, running_postgresql
from sqlalchemy import Engine, select

from ehr_io.hl7.reader import ReaderSettings
from serving.errors import DatabaseDownError
from serving.feed.group_commit import GroupCommit
from serving.feed.kept import kept_messages
from serving.feed.neck import FeedItem, judge, keep_items
from serving.records.database import open_database, reading, writing
from serving.records.migrate import migrate
from serving.records.schema import EVENT, STAY
from serving.records.stay_clock import Freshness, Limits, close_on_clock, freshness, old_stays
from serving.records.stay_schema import PATIENT
from serving.records.stays import ClosedStay, close_generation

SETTINGS = ReaderSettings(zone=ZoneInfo("Europe/Copenhagen"))


@pytest.fixture(scope="module")
def peer() -> Iterator[PostgresqlPeer]:
    with running_postgresql() as running:
        yield running


@pytest.fixture(scope="module")
def engine(peer: PostgresqlPeer) -> Iterator[Engine]:
    made = open_database(peer.url)
    migrate(made)
    yield made
    made.dispose()


def _measured(value: str, hour: int, status: str = "F") -> bytes:
    result = f"OBX|1|NM|8310-5^T^LN||{value}|Cel|||||{status}"
    return message("ORU^R01", visit(), "OBR|1||F1|v^v^L|||20260110100000+0100", result, sent=f"20260110{hour}0000+0100")


def test_two_writers_that_tell_the_same_stay_leave_one_state(engine: Engine):
    now = datetime.now(UTC)
    bodies = [message("ADT^A01", visit()), _measured("37.1", 12), _measured("39.9", 15, "C"), message("ADT^A60")]
    keep = keep_items(engine)

    def tell(order: list[bytes]) -> None:
        for body in order:
            keep([judge(body, now, SETTINGS).item])

    threads = [threading.Thread(target=tell, args=(order,)) for order in (bodies, bodies[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with reading(engine) as connection:
        assert [tuple(row) for row in connection.execute(select(STAY.c.stay_id, STAY.c.status))] == [
            ("SYN-E-1", "open")
        ]
        wanted = select(EVENT.c.value).where(EVENT.c.code == "temperature", EVENT.c.current)
        assert list(connection.scalars(wanted)) == [39.9]
        assert [one.reason_code for one in kept_messages(connection, limit=9)] == ["event_code"] * 2


def test_what_the_database_refuses_is_told_and_does_not_keep_the_next_from_being_kept(engine: Engine):
    keep = keep_items(engine)
    item = judge(_measured("37.3", 18, "C"), datetime.now(UTC), SETTINGS).item
    assert item.told is not None
    # PostgreSQL takes no text with a null character in it; no reader lets one pass.
    refused = replace(item, told=replace(item.told, owners={"SYN-E-\0": "SYN-P-1"}))
    with pytest.raises(DatabaseDownError):
        keep([refused])
    keep([item])
    with reading(engine) as connection:
        wanted = select(EVENT.c.value).where(EVENT.c.code == "temperature", EVENT.c.current)
        assert list(connection.scalars(wanted)) == [37.3]


def test_what_is_refused_with_the_commit_behind_it_is_not_acknowledged_and_leaves_nothing(engine: Engine):
    keep = keep_items(engine)
    item = judge(message("ADT^A01", visit()), datetime.now(UTC), SETTINGS).item
    assert item.told is not None
    # The name is too long for its column, which the server finds when the commit is sent already.
    refused = replace(item, told=replace(item.told, owners={"SYN-E-7": "P" * 65}))
    with pytest.raises(DatabaseDownError):
        keep([refused, item])
    with reading(engine) as connection:
        assert list(connection.scalars(select(STAY.c.stay_id).where(STAY.c.stay_id == "SYN-E-7"))) == []
        assert list(connection.scalars(select(PATIENT.c.patient_id).where(PATIENT.c.patient_id.like("PP%")))) == []


def test_what_is_told_of_one_patient_over_many_groups_and_a_merge_is_kept_in_its_order(engine: Engine):
    born = [datetime(1940, 1, 1, tzinfo=UTC) + timedelta(days=number) for number in range(600)]
    stay = visit().replace("SYN-E-1", "SYN-E-O")
    first, second = (
        [message("ADT^A01", stay, patient=f"PID|1||{name}||||{day:%Y%m%d}|F") for day in days]
        for name, days in (("SYN-P-O", born[:300]), ("SYN-P-R", born[300:]))
    )
    merged = message("ADT^A40", "MRG|SYN-P-O", patient="PID|1||SYN-P-R||||19390101|F", sent="20260111080000+0100")
    commit = GroupCommit(keep_items(engine))
    # All are handed in before any is kept: nobody waits for an answer, so only the groups themselves keep the order.
    kept = [
        commit.hand_in(judge(body, datetime.now(UTC), SETTINGS).item) for body in (*first, merged, *second, *first[:9])
    ]
    commit.start()
    for one in kept:
        one.result(30)
    commit.stop()

    with reading(engine) as connection:
        owner = connection.scalar(select(STAY.c.patient_id).where(STAY.c.stay_id == "SYN-E-O"))
        told = select(EVENT.c.event_time).where(EVENT.c.stay_id == "SYN-E-O", EVENT.c.code == "birth_date")
        in_turn = list(connection.scalars(told.order_by(EVENT.c.id)))
    assert owner == "SYN-P-R"
    assert len(in_turn) > 3
    assert in_turn == sorted(in_turn)
    # What came under the name that was given up, after it was, says nothing of the one who remains.
    assert in_turn[-1] == born[-1]


def test_of_two_clocks_that_look_at_once_one_scores_a_stay(engine: Engine):
    told = message("ADT^A01", visit(), sent="20260110160000+0100")
    keep_items(engine)([judge(told, datetime.now(UTC), SETTINGS).item])
    now = datetime(2026, 1, 10, 18, tzinfo=UTC)
    limits = Limits(scored_before=now - timedelta(hours=1), heard_since=now - timedelta(hours=24))
    with writing(engine) as connection:
        first = close_generation(connection, "SYN-E-1", datetime.now(UTC))
    with reading(engine) as connection:
        assert old_stays(connection, limits) == ("SYN-E-1",)
        assert freshness(connection, limits) == Freshness(running=1, stale=1, silent=0)
    found: list[ClosedStay | None] = []

    def look() -> None:
        with writing(engine) as connection:
            found.append(close_on_clock(connection, "SYN-E-1", limits, now))

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert first is not None
    assert [one for one in found if one is not None] == [ClosedStay(generation=first.generation + 1, as_of=now)]


def test_what_was_acknowledged_outlives_a_crash_of_the_server_and_what_is_told_again_is_kept_once(
    engine: Engine, peer: PostgresqlPeer
):
    commit = GroupCommit(keep_items(engine))
    commit.start()
    acknowledged, refused = [], []
    is_under_way, is_restarted = threading.Event(), threading.Event()

    def tell(name: str) -> None:
        left = 9
        for number in itertools.count():
            request = f"OBR|1||CRASH-{name}-{number}|v^v^L|||20260110100000+0100"
            body = message("ORU^R01", visit(), request, "OBX|1|NM|8867-4^P^LN||80|/min|||||F")
            item = judge(body, datetime.now(UTC), SETTINGS).item
            assert item.told is not None
            _tell_until_it_is_kept(commit, item, refused)
            acknowledged.extend(telling.source for telling in item.told.tellings)
            is_under_way.set()
            left -= is_restarted.is_set()
            if not left:
                return

    threads = [threading.Thread(target=tell, args=(name,)) for name in "ABC"]
    for thread in threads:
        thread.start()
    assert is_under_way.wait(30)
    peer.restart()
    is_restarted.set()
    for thread in threads:
        thread.join(60)
    commit.stop()

    with reading(engine) as connection:
        kept = list(connection.scalars(select(EVENT.c.source).where(EVENT.c.source.like("%CRASH-%"))))
    assert sorted(kept) == sorted(acknowledged)
    assert refused


def _tell_until_it_is_kept(commit: GroupCommit[FeedItem], item: FeedItem, refused: list[str]) -> None:
    while True:
        try:
            commit.keep(item, 30)
        except DatabaseDownError as error:
            refused.append(str(error))
        else:
            return
