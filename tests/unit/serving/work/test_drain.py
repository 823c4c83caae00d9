"""A drained node begins nothing, and begins again when told or when its time is over; clocks set back stop nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, update

from serving.records import cases, drains, duty_schema, outlook, stay_schema, workitem_schema  # noqa: F401  Their tables belong to METADATA.
from serving.records.cases import ClosedStudy
from serving.records.database import open_database, reading, writing
from serving.records.schema import METADATA, STUDY, WORK_ITEM
from serving.work.dispatcher import Dispatcher
from serving.work.engine import InlineEngine, RunKind
from serving.work.slots import Slots
from serving.work.starter import Starter

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'varsel.db'}")
    METADATA.create_all(engine)
    yield engine
    engine.dispose()


class NoIntake:
    def take_due(self) -> int:
        return 0


def begun_by_a_turn(engine: Engine) -> list[str]:
    begun: list[str] = []
    runs = InlineEngine()
    runs.start({RunKind.ANALYSE: begun.append})
    intake: object = NoIntake()
    slots = Slots({"analyse": 9})
    starter = Starter(engine, runs, node="node-1", slots=slots, destinations=())
    Dispatcher(engine, runs, intake, starter, node="node-1", slots=slots).turn()  # type: ignore[arg-type]
    return begun


def queue(engine: Engine, state: str = "queued") -> None:
    times = dict.fromkeys(("not_before", "created_at", "input_at"), NOW)
    row = {"kind": "imaging", "case_id": "1", "generation": 1, "rule": "r", "model": "m", "model_version": "1"}
    more = {"id": "1", "release_digest": "d", "priority": 2, "state": state, "node": "node-1"}
    with writing(engine) as connection:
        connection.execute(insert(WORK_ITEM).values(**row, **more, **times))


@pytest.mark.parametrize(("node", "begun"), [("node-1", []), (drains.ALL, []), ("node-2", ["1"])])
def test_a_drained_node_begins_nothing(engine: Engine, node: str, begun: list[str]):
    queue(engine)
    with writing(engine) as connection:
        drains.begin(connection, node, datetime.now(UTC) + HOUR)

    assert begun_by_a_turn(engine) == begun


def test_nodes_begin_again_when_told_and_when_the_time_is_over(engine: Engine):
    with writing(engine) as connection:
        drains.begin(connection, "node-1", NOW + HOUR)
        states = [drains.is_drained(connection, "node-1", NOW + after) for after in (HOUR / 2, HOUR)]
        drains.end(connection)
        states.append(drains.is_drained(connection, "node-1", NOW))

    assert states == [True, False, False]


def test_what_was_begun_is_counted_until_it_has_ended(engine: Engine):
    queue(engine, state="running")
    with reading(engine) as connection:
        counts = [drains.under_way(connection, node) for node in (drains.ALL, "node-1", "node-2")]
    with writing(engine) as connection:
        connection.execute(update(WORK_ITEM).values(state="delivering"))

        assert drains.under_way(connection, drains.ALL) == 0
    assert counts == [1, 1, 0]


@pytest.mark.parametrize("back", [2 * HOUR, timedelta(days=300)])
def test_a_clock_that_was_set_back_keeps_no_study_open(engine: Engine, back: timedelta):
    names = ("patient_id", "patient_name", "accession_number", "study_date", "description", "modalities", "source_ae")
    times = {"first_arrival_at": NOW, "last_arrival_at": NOW, "due_at": NOW + timedelta(seconds=10)}
    with writing(engine) as connection:
        connection.execute(insert(STUDY).values(study_uid="1", **dict.fromkeys(names, ""), **times))

    with writing(engine) as connection:
        assert cases.due_studies(connection, NOW) == ()
        assert outlook.look(connection, NOW - back).cases
        assert cases.due_studies(connection, NOW - back) == ("1",)
        closed = cases.close_next(connection, NOW - back)
    assert closed == ClosedStudy(study_uid="1", generation=1)
