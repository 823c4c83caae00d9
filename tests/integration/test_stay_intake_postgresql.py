"""What the feeds tell is kept on PostgreSQL as on SQLite, also by two writers at once."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from factories.hl7 import message, visit
from postgresql_server import postgresql
from sqlalchemy import Engine, select

from ehr_io.hl7.reader import ReaderSettings
from serving.errors import DatabaseDownError
from serving.feed.kept import kept_messages
from serving.feed.neck import judge, keep_items
from serving.records.database import open_database, reading, writing
from serving.records.migrate import migrate
from serving.records.schema import EVENT, STAY
from serving.records.stay_clock import Freshness, Limits, close_on_clock, freshness, old_stays
from serving.records.stays import ClosedStay, close_generation

SETTINGS = ReaderSettings(zone=ZoneInfo("Europe/Copenhagen"))


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with postgresql() as url:
        made = open_database(url)
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
