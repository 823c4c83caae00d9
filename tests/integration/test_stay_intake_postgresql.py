"""What the feeds tell is kept on PostgreSQL as on SQLite, also by two writers at once."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from factories.hl7 import message, visit
from postgresql_server import postgresql
from sqlalchemy import Engine, select

from ehr_io.hl7.reader import ReaderSettings
from serving.feed.kept import kept_messages
from serving.feed.neck import judge, keep_items
from serving.records.database import open_database, reading
from serving.records.migrate import migrate
from serving.records.schema import EVENT, STAY

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
