"""The feed from the wire to the database and back: answered by the book, durable before AA, mended and replayed."""

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import hl7
import hl7.client
import hl7.mllp
import pytest
from factories.hl7 import message, visit
from sqlalchemy import Engine, func, select

from ehr_io.hl7.acknowledgement import ErrorCondition, read_acknowledgement
from ehr_io.hl7.reader import ReaderSettings
from ehr_io.hl7.server import MllpServer, MllpSettings
from ehr_io.receive.fhir import read_bundle
from ehr_io.receive.reading import RefusalCode, ResourceRefusal
from ehr_io.receive.telling import told_by
from ehr_io.told import Told
from serving.errors import DatabaseDownError
from serving.feed.group_commit import GroupCommit
from serving.feed.kept import KeptState, kept_messages
from serving.feed.neck import FeedItem, FeedNeck, judge, keep_items
from serving.feed.replay import replay_message
from serving.records.database import open_database, reading
from serving.records.migrate import migrate
from serving.records.schema import EVENT, REFUSAL, STAY
from serving.records.workitem_schema import PRIORITY_HINT

SETTINGS = ReaderSettings(zone=ZoneInfo("Europe/Copenhagen"))
ADMITTED = message("ADT^A01", visit())
BAD_RESULT = message(
    "ORU^R01",
    visit(),
    "OBR|1||F1|v^v^L|||20260110100000+0100",
    "OBX|1|NM|8310-5^T^LN||98.6|Cel|||||F",
    "OBX|2|NM|8867-4^P^LN||80|/min|||||F",
)


class Counts:
    """Remembers what the neck tells."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, str]] = []
        self.refusals: list[str] = []

    def answered(self, kind: str, code: str, seconds: float) -> None:
        assert seconds >= 0
        self.answers.append((kind, code))

    def refused(self, door: str, reason_code: str) -> None:
        self.refusals.append(f"{door} {reason_code}")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_database(f"sqlite:///{tmp_path / 'varsel.db'}")
    migrate(made)
    yield made
    made.dispose()


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
def neck(engine: Engine, counts: Counts) -> Iterator[FeedNeck]:
    commit = GroupCommit(keep_items(engine))
    commit.start()
    yield FeedNeck(SETTINGS, commit, counts, timeout_seconds=30)
    commit.stop()


def answer(neck: FeedNeck, body: bytes) -> tuple[str, ErrorCondition | None]:
    told = read_acknowledgement(neck.answer(body))
    return told.code.value, told.condition


def count(engine: Engine, table) -> int:
    with reading(engine) as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def test_what_is_accepted_lies_in_the_database(neck: FeedNeck, engine: Engine, counts: Counts):
    assert answer(neck, ADMITTED) == ("AA", None)
    assert count(engine, STAY) == 1
    assert counts.answers == [("ADT^A01", "AA")]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"nonsense", ("AE", ErrorCondition.SEGMENT_SEQUENCE)),
        (message("ADT^A01"), ("AE", ErrorCondition.SEGMENT_SEQUENCE)),
        (message("MDM^T02"), ("AR", ErrorCondition.MESSAGE_TYPE)),
        (message("ADT^A60"), ("AR", ErrorCondition.EVENT_CODE)),
        (ADMITTED.replace(b"|P|2.5.1", b"|T|2.5.1"), ("AR", ErrorCondition.PROCESSING_ID)),
        (ADMITTED.replace(b"|P|2.5.1", b"|P|9"), ("AR", ErrorCondition.VERSION_ID)),
    ],
)
def test_a_refused_message_is_kept_with_its_reason(
    neck: FeedNeck, engine: Engine, body: bytes, expected: tuple[str, ErrorCondition]
):
    assert answer(neck, body) == expected
    with reading(engine) as connection:
        (kept,) = kept_messages(connection, limit=9)
    assert (kept.body, kept.state, kept.reason_code) == (body, KeptState.REFUSED, expected[1].name.lower())
    assert count(engine, STAY) == 0


def test_a_part_that_cannot_be_true_is_kept_and_the_rest_is_taken(neck: FeedNeck, engine: Engine, counts: Counts):
    told = read_acknowledgement(neck.answer(BAD_RESULT))

    assert told.is_accepted
    assert told.text.startswith("in part: OBX[1]")
    with reading(engine) as connection:
        assert list(connection.scalars(select(EVENT.c.code))) == ["heart_rate"]
        assert [one.state for one in kept_messages(connection, limit=9)] == [KeptState.PARTLY]
    assert count(engine, REFUSAL) == 1
    assert counts.refusals == ["hl7 impossible-value"]


def test_a_mended_message_is_replayed_and_is_put_aside_no_more(neck: FeedNeck, engine: Engine):
    neck.answer(BAD_RESULT)
    now = datetime.now(UTC)
    with reading(engine) as connection:
        (kept,) = kept_messages(connection, limit=9)

    still_bad = replay_message(engine, SETTINGS, kept.id, BAD_RESULT, now)
    mended = replay_message(engine, SETTINGS, kept.id, BAD_RESULT.replace(b"|Cel|", b"|[degF]|"), now)

    assert (still_bad.text[:7], mended.text) == ("in part", "")
    with reading(engine) as connection:
        assert kept_messages(connection, limit=9) == ()
        assert [one.state for one in kept_messages(connection, limit=9, with_replayed=True)] == [KeptState.REPLAYED]
        wanted = select(EVENT.c.code, EVENT.c.value).where(EVENT.c.current)
        assert sorted(map(tuple, connection.execute(wanted))) == [("heart_rate", 80.0), ("temperature", 37.0)]


def test_an_urgent_imaging_order_is_a_hint_until_it_is_cancelled(neck: FeedNeck, engine: Engine):
    request = f"OBR|1|P1|F9|XR^Chest^L{'|' * 23}^^^^^S"
    assert answer(neck, message("ORM^O01", "ORC|NW|P1|F9", request)) == ("AA", None)
    assert count(engine, PRIORITY_HINT) == 1
    assert answer(neck, message("ORM^O01", "ORC|CA|P1|F9", request)) == ("AA", None)
    assert count(engine, PRIORITY_HINT) == 0


def test_nothing_is_accepted_while_the_database_is_down(counts: Counts):
    def keep(_: Sequence[FeedItem]) -> None:
        raise DatabaseDownError

    commit = GroupCommit(keep)
    commit.start()
    neck = FeedNeck(SETTINGS, commit, counts, timeout_seconds=30)
    assert answer(neck, ADMITTED) == ("AR", ErrorCondition.INTERNAL)
    commit.stop()


def test_what_waits_during_a_commit_is_committed_together():
    groups: list[int] = []
    is_writing, may_go_on = threading.Event(), threading.Event()

    def keep(items: Sequence[int]) -> None:
        groups.append(len(items))
        is_writing.set()
        assert may_go_on.wait(30)

    commit = GroupCommit(keep)
    threads = [threading.Thread(target=commit.keep, args=(n, 30)) for n in range(5)]
    threads[0].start()
    commit.start()
    assert is_writing.wait(30)
    for thread in threads[1:]:
        thread.start()
    while commit.waiting < 4:
        threading.Event().wait(0.001)
    may_go_on.set()
    for thread in threads:
        thread.join()
    commit.stop()
    assert groups == [1, 4]


def test_one_that_the_database_refuses_does_not_take_the_others_with_it():
    kept: list[int] = []
    is_first = threading.Event()

    def keep(items: Sequence[int]) -> None:
        if 13 in items:
            raise DatabaseDownError
        is_first.wait(30)
        kept.extend(items)

    commit = GroupCommit(keep)
    failed: list[int] = []

    def hand_in(number: int) -> None:
        try:
            commit.keep(number, 30)
        except DatabaseDownError:
            failed.append(number)

    threads = [threading.Thread(target=hand_in, args=(n,)) for n in (1, 13, 2)]
    for thread in threads:
        thread.start()
    is_first.set()
    commit.start()
    for thread in threads:
        thread.join()
    commit.stop()
    assert (sorted(kept), failed) == ([1, 2], [13])


def test_an_outside_peer_is_answered(neck: FeedNeck, engine: Engine):
    """The peer is the client of the PyPI package hl7, which shares no line with ours."""
    server = MllpServer(MllpSettings(port=0), neck.answer)
    server.start()
    with hl7.client.MLLPClient("127.0.0.1", server.port) as peer:
        told = hl7.parse(peer.send_message(hl7.parse(ADMITTED.decode())).strip(b"\x0b\x1c\r").decode())
    server.stop()

    assert (str(told.segment("MSA")[1]), str(told.segment("MSA")[2])) == ("AA", "M1")
    assert str(told.segment("MSH")[9]) == "ACK^A01^ACK"
    assert count(engine, STAY) == 1


def test_an_outside_asynchronous_peer_is_answered_in_turn(neck: FeedNeck):
    """The peer is hl7.mllp, which parses the framing on its own."""
    server = MllpServer(MllpSettings(port=0), neck.answer)
    server.start()

    async def exchange() -> list[str]:
        reader, writer = await hl7.mllp.open_hl7_connection("127.0.0.1", server.port)
        codes = []
        for number in range(3):
            writer.writemessage(hl7.parse(message("ADT^A01", visit(), control_id=f"M{number}").decode()))
            await writer.drain()
            told = await reader.readmessage()
            codes.append(f"{told.segment('MSA')[1]} {told.segment('MSA')[2]}")
        writer.close()
        await writer.wait_closed()
        return codes

    assert asyncio.run(exchange()) == ["AA M0", "AA M1", "AA M2"]
    server.stop()


def test_a_message_with_a_nul_is_kept_as_any_database_can(engine: Engine):
    body = message("ADT^A01", visit(), control_id="M\0001")
    keep_items(engine)([judge(body.replace(b"ADT^A01", b"ADT^A\x0099"), datetime.now(UTC), SETTINGS).item])
    with reading(engine) as connection:
        (kept,) = kept_messages(connection, limit=1)
    assert (kept.control_id, kept.kind) == ("M?1", "ADT^A?99")


ANOTHERS = message(
    "ORU^R01",
    visit(),
    "OBR|1||F1|v^v^L|||20260110100000+0100",
    "OBX|1|NM|8310-5^T^LN||39.1|Cel|||||F",
    patient="PID|1||SYN-P-2||||19500505|M",
)


def test_a_result_of_another_patient_than_the_stays_is_put_aside_until_a_merge_makes_them_one(
    neck: FeedNeck, engine: Engine
):
    neck.answer(ADMITTED)
    assert answer(neck, ANOTHERS) == ("AE", ErrorCondition.UNKNOWN_KEY)
    with reading(engine) as connection:
        (kept,) = kept_messages(connection, limit=9)
        assert list(connection.scalars(select(STAY.c.patient_id))) == ["SYN-P-1"]
    assert (kept.state, kept.reason_code, kept.body) == (KeptState.REFUSED, "wrong-patient", ANOTHERS)
    assert count(engine, REFUSAL) == 1

    too_early = replay_message(engine, SETTINGS, kept.id, ANOTHERS, datetime.now(UTC))
    neck.answer(message("ADT^A40", "MRG|SYN-P-1", patient="PID|1||SYN-P-2||||19500505|M"))
    in_time = replay_message(engine, SETTINGS, kept.id, ANOTHERS, datetime.now(UTC))

    assert [too_early.code.value, in_time.code.value] == ["AE", "AA"]
    with reading(engine) as connection:
        assert list(connection.scalars(select(EVENT.c.value).where(EVENT.c.code == "temperature"))) == [39.1]


WRONG_ONE = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "subject": {"reference": "Patient/SYN-P-2"},
    "encounter": {"reference": "Encounter/SYN-E-1"},
    "code": {"coding": [{"system": "http://loinc.org", "code": "8310-5"}]},
    "effectiveDateTime": "2026-01-10T10:00:00+01:00",
    "valueQuantity": {"value": 39.1, "code": "Cel"},
}


def test_a_resource_of_another_patient_than_the_stays_is_not_kept_and_of_a_transaction_nothing(engine: Engine):
    keep_items(engine)([judge(ADMITTED, datetime.now(UTC), SETTINGS).item])
    for bundle_type in ("batch", "transaction"):
        body = json.dumps({"resourceType": "Bundle", "type": bundle_type, "entry": [{"resource": WRONG_ONE}]})
        told = told_by(read_bundle(body.encode(), datetime.now(UTC)), datetime.now(UTC))
        item = FeedItem(told=told, kept=None, received_at=datetime.now(UTC))
        keep_items(engine)([item])
        assert [one.reason_code for one in item.denied] == [RefusalCode.WRONG_PATIENT]
    with reading(engine) as connection:
        assert list(connection.scalars(select(EVENT.c.value).where(EVENT.c.code == "temperature"))) == []


def test_a_text_that_no_database_can_write_does_not_end_the_writer(engine: Engine):
    refusal = ResourceRefusal(source="x", reason_code=RefusalCode.MALFORMED, reason="\ud800")
    impossible = FeedItem(told=Told(door="fhir", refusals=(refusal,)), kept=None, received_at=datetime.now(UTC))
    commit = GroupCommit(keep_items(engine))
    commit.start()
    with pytest.raises(DatabaseDownError):
        commit.keep(impossible, 30)
    commit.keep(judge(ADMITTED, datetime.now(UTC), SETTINGS).item, 30)
    commit.stop()
    assert count(engine, STAY) == 1
