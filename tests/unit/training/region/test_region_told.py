"""The region as HL7 and as FHIR tells what the region is; a replayed feed knows at each moment what the batch knows."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from ehr_io.events import Event, Stay
from ehr_io.hl7.files import read_messages
from ehr_io.hl7.message import parse
from ehr_io.hl7.reader import ReaderSettings, read_message
from ehr_io.receive.fhir import read_bundle
from ehr_io.receive.telling import told_by
from serving.records.database import open_database, reading, writing
from serving.records.migrate import migrate
from serving.records.stay_intake import keep_told
from serving.records.stays import load_stay
from training.phantoms.region.files import write_region
from training.phantoms.region.hl7 import Hl7Writer, SentMessage, at_speed
from training.phantoms.region.region import Region, moment, synthesize_region
from training.phantoms.region.told import region_stays

NOW = datetime(2027, 1, 1, tzinfo=UTC)
SETTINGS = ReaderSettings(zone=ZoneInfo("Europe/Copenhagen"))


@pytest.fixture(scope="module")
def region() -> Region:
    return synthesize_region(30, 25, 3)


@pytest.fixture(scope="module")
def stays(region: Region) -> list[Stay]:
    return [stay for _, stays in region_stays(region) for stay in stays]


@pytest.fixture(scope="module")
def engine(region: Region, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    made = open_database(f"sqlite:///{tmp_path_factory.mktemp('region') / 'varsel.db'}")
    migrate(made)
    told = [read_message(parse(one.body), NOW, SETTINGS) for one in Hl7Writer(region).messages()]
    assert [refusal for one in told for refusal in one.told.refusals] == []
    with writing(made) as connection:
        keep_told(connection, [one.told for one in told], NOW)
    yield made
    made.dispose()


def _facts(stay: Stay) -> set[tuple[object, ...]]:
    return {_fact(event) for event in stay.events}


def _fact(event: Event) -> tuple[object, ...]:
    return (*(event.kind, event.code, event.event_time), *(event.value, event.unit, event.text, event.end_time))


def test_a_replayed_feed_knows_at_every_moment_what_the_batch_knows(stays: list[Stay], engine: Engine):
    compared = 0
    with reading(engine) as connection:
        for stay in stays[::3]:
            live = load_stay(connection, stay.stay_id, with_history=True)
            first = min(event.event_time for event in stay.events if event.code == "IMP")
            for hours in (1, 9, 30, 60, 100, 200, 400):
                at = first + timedelta(hours=hours, minutes=7)
                assert _facts(live.as_of(at)) == _facts(stay.as_of(at))
                compared += 1
    assert compared > 100


def test_fhir_tells_the_same_as_the_batch(region: Region, stays: list[Stay], tmp_path: Path):
    counts = write_region(region, tmp_path)
    lines = [line for path in (tmp_path / "fhir").glob("*.ndjson") for line in path.read_text("utf-8").splitlines()]
    entries = [{"resource": json.loads(line)} for line in lines]
    bundle = json.dumps({"resourceType": "Bundle", "type": "batch", "entry": entries[:9_999]}).encode()
    told = told_by(read_bundle(bundle, NOW), NOW)

    assert len(entries) == sum(counts.values()) - counts["HL7 messages"] - counts["true cases"] < 10_000
    assert told.refusals == ()
    found = {(event.stay_id, *_fact(event)) for telling in told.tellings for event in telling.events}
    true = {(stay.stay_id, *fact) for stay in stays for fact in _facts(stay) if fact[0].value != "patient"}
    assert found == true


def test_the_file_of_messages_holds_what_is_sent(region: Region, tmp_path: Path):
    write_region(region, tmp_path)
    sent = [one.body.strip() for one in Hl7Writer(region).messages()]
    assert list(read_messages(tmp_path / "hl7" / "messages.hl7")) == sent


def test_messages_are_sent_in_order_and_an_hour_a_second_when_asked(region: Region):
    minutes = [one.minute for one in Hl7Writer(region).messages()]
    assert minutes == sorted(minutes)
    waited: list[float] = []
    told = [SentMessage(minute=minute, body=b"") for minute in (10, 70, 70, 130)]
    assert len(list(at_speed(told, 3600, waited.append))) == 4
    assert waited == [1.0, 1.0]
    assert list(at_speed(told, 0, waited.append))
    assert waited == [1.0, 1.0]


def test_nothing_is_told_before_it_is_true(stays: list[Stay]):
    assert all(event.known_time >= event.event_time for stay in stays for event in stay.events)
    assert max(event.event_time for stay in stays for event in stay.events) <= moment(25 * 1440)
