"""The same stays, replayed as an HL7 feed message by message, get the very scores that the batch evaluation gives."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from factories.hl7 import HEADER
from sqlalchemy import Engine, select

from ehr_io.events import Event, EventKind, Stay
from ehr_io.hl7.message import parse
from ehr_io.hl7.reader import ReaderSettings, read_message
from models.folder_store import shipped_releases
from models.onnx_runtime import open_runtime
from models.prediction import RiskScore
from models.provider import ExecutionProvider
from models.release import Release, open_release
from models.runtime import Runtime
from serving.errors import NotAnalysedError
from serving.records.database import open_database, reading, writing
from serving.records.migrate import migrate
from serving.records.schema import STAY
from serving.records.stay_intake import keep_told
from serving.records.stays import close_generation, due_stays, load_stay
from serving.stay_pipeline import StaySubject, score_stay
from serving.stopwatch import Stopwatch
from training.phantoms.region.hl7 import Hl7Writer
from training.phantoms.region.region import moment, synthesize_region
from training.phantoms.region.told import region_stays

NOW = datetime(2027, 1, 1, tzinfo=UTC)
SETTINGS = ReaderSettings(zone=ZoneInfo("Europe/Copenhagen"))
#: Minutes between two looks at which stays have fallen due.
_EVERY_MINUTES = 360


@pytest.fixture(scope="module")
def release() -> Release:
    (path,) = [path for path in shipped_releases() if path.parent.name == "infection_urinary"]
    return open_release(path)


@pytest.fixture(scope="module")
def runtime(release: Release) -> Runtime:
    return open_runtime(release, provider=ExecutionProvider.CPU, threads=1)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_database(f"sqlite:///{tmp_path / 'varsel.db'}")
    migrate(made)
    yield made
    made.dispose()


def score(stay: Stay, at: datetime, release: Release, runtime: Runtime) -> RiskScore | str:
    try:
        return score_stay(StaySubject(stay=stay, moment=at, release=release), runtime, Stopwatch())
    except NotAnalysedError as error:
        return error.code


def told_numbers(found: RiskScore | str) -> object:
    """All that a score says but the names of its sources, which FHIR and HL7 do not share."""
    if isinstance(found, str):
        return found
    reasons = [replace(reason, source="") for reason in found.reasons]
    return (found.probability, found.baseline, reasons, found.as_of, found.horizon_hours)


def keep(engine: Engine, *bodies: bytes) -> None:
    with writing(engine) as connection:
        keep_told(connection, [read_message(parse(body), NOW, SETTINGS).told for body in bodies], NOW)


def test_a_replayed_feed_gives_the_batch_scores_to_the_last_digit(engine: Engine, release: Release, runtime: Runtime):
    region = synthesize_region(24, 6, 5)
    batch = {stay.stay_id: stay for _, stays in region_stays(region) for stay in stays}
    compared = scored = 0
    for hours in itertools.groupby(Hl7Writer(region).messages(), lambda message: message.minute // _EVERY_MINUTES):
        keep(engine, *(message.body for message in hours[1]))
        with writing(engine) as connection:
            closed = {stay: close_generation(connection, stay, NOW) for stay in due_stays(connection, NOW)}
            live = {stay: load_stay(connection, stay) for stay in closed}
        for stay_id, generation in closed.items():
            assert generation is not None
            at = generation.as_of
            mine, theirs = (score(stay[stay_id], at, release, runtime) for stay in (live, batch))
            assert told_numbers(mine) == told_numbers(theirs)
            compared += 1
            scored += isinstance(mine, RiskScore)
    assert compared > 100
    assert scored > 50


def test_knowledge_from_the_future_moves_no_score(engine: Engine, release: Release, runtime: Runtime):
    region = synthesize_region(24, 10, 6)
    keep(engine, *(message.body for message in Hl7Writer(region).messages()))
    at = moment(5 * 1440)
    with reading(engine) as connection:
        names = list(connection.scalars(select(STAY.c.stay_id)))
        before = {name: load_stay(connection, name, with_history=True) for name in names}
    scores = {name: score(stay, at, release, runtime) for name, stay in before.items()}
    keep(engine, *(_planted(name, stay.patient_id, at) for name, stay in before.items()))
    with reading(engine) as connection:
        after = {name: load_stay(connection, name, with_history=True) for name in names}

    assert all(len(after[name].events) > len(before[name].events) for name in names)
    assert {name: score(stay, at, release, runtime) for name, stay in after.items()} == scores
    later = at + timedelta(hours=2)
    moved = [
        name
        for name in names
        if score(after[name], later, release, runtime) != score(before[name], later, release, runtime)
    ]
    assert moved


def _planted(stay_id: str, patient_id: str, at: datetime) -> bytes:
    """A fever and a catheter that were true an hour before *at* and are told an hour after."""
    sent, true = (f"{when:%Y%m%d%H%M%S}+0000" for when in (at + timedelta(hours=1), at - timedelta(hours=1)))
    return "\r".join(
        (
            HEADER.format(sent=sent, kind="ORU^R01", control_id=f"F{stay_id}"),
            f"PID|1||{patient_id}",
            f"PV1|1|I|{'|' * 16}{stay_id}",
            f"OBR|1||FUTURE-{stay_id}|v^v^L|||{true}",
            "OBX|1|NM|8310-5^T^LN||41.5|Cel|||||F",
        )
    ).encode()


def test_a_correction_told_later_moves_no_earlier_score(release: Release, runtime: Runtime):
    (person, (stay, *_)) = next(iter(region_stays(synthesize_region(24, 10, 7))))
    del person
    fever = next(event for event in stay.events if event.code == "temperature")
    at = fever.known_time + timedelta(minutes=1)
    corrected = Event(**vars(fever) | {"value": 42.0, "known_time": at + timedelta(hours=1)})
    replaced = Event(**vars(fever) | {"retired_time": corrected.known_time})
    others = tuple(event for event in stay.events if event is not fever)
    told = Stay(stay_id=stay.stay_id, patient_id=stay.patient_id, events=(*others, replaced, corrected))

    assert told_numbers(score(told, at, release, runtime)) == told_numbers(score(stay, at, release, runtime))
    assert EventKind.OBSERVATION in {event.kind for event in told.as_of(at).events}
