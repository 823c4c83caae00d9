"""Time alone lets a stay be scored anew: only one that runs, that is heard of, and whose score is old."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from factories.hl7 import message, visit
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, select, update

from ehr_io.hl7.message import parse
from ehr_io.hl7.reader import ReaderSettings, read_message
from models.folder_store import FolderStore
from serving.intake import Intake
from serving.records.database import open_database, reading, writing
from serving.records.migrate import migrate
from serving.records.schema import STAY, WORK_ITEM
from serving.records.stay_intake import keep_told
from serving.settings.file import Rule
from serving.settings.stays import Stays
from serving.stay_clock import StayClock
from serving.telemetry.metrics import StayMetrics
from serving.work.item import State

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
HOURLY = Rule(name="hourly", model="infection_sepsis", kind="stay")
AT_CULTURE = Rule(name="at-culture", model="bacteremia_at_culture", kind="stay", on_clock=False)
RULES = (HOURLY, AT_CULTURE)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_database(f"sqlite:///{tmp_path / 'varsel.db'}")
    migrate(made)
    yield made
    made.dispose()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def clock(engine: Engine, registry: CollectorRegistry, tmp_path: Path) -> StayClock:
    intake = Intake(engine, FolderStore(tmp_path / "store"), RULES)
    tell(engine, "ADT^A01", visit())
    intake.take_due()
    settle(engine, State.DONE)
    return StayClock(engine, intake, Stays(), RULES, StayMetrics(registry))


def tell(engine: Engine, kind: str, *segments: str) -> None:
    sent = f"{NOW:%Y%m%d%H%M%S}+0000"
    told = read_message(parse(message(kind, *segments, sent=sent)), NOW, ReaderSettings(zone=ZoneInfo("UTC"))).told
    with writing(engine) as connection:
        keep_told(connection, [told], NOW)


def settle(engine: Engine, state: State) -> None:
    with writing(engine) as connection:
        connection.execute(update(WORK_ITEM).values(state=state.value))


def scored(engine: Engine) -> list[tuple[int, str, datetime]]:
    wanted = select(WORK_ITEM.c.generation, WORK_ITEM.c.model, WORK_ITEM.c.input_at).order_by(
        WORK_ITEM.c.generation, WORK_ITEM.c.model
    )
    with reading(engine) as connection:
        return [tuple(row) for row in connection.execute(wanted)]


def test_an_old_score_is_made_anew_as_of_now_by_the_models_on_the_clock(clock: StayClock, engine: Engine):
    assert clock.turn(NOW + HOUR / 2) == 0
    assert clock.turn(NOW + HOUR) == 1
    first, second = (1, AT_CULTURE.model, NOW), (1, HOURLY.model, NOW)
    assert scored(engine) == [first, second, (2, HOURLY.model, NOW + HOUR)]


def test_a_score_that_is_still_being_made_is_not_asked_for_twice(clock: StayClock, engine: Engine):
    settle(engine, State.RUNNING)
    assert clock.turn(NOW + HOUR) == 0


def test_a_stay_of_which_nothing_is_heard_is_not_scored_but_counted(clock: StayClock, registry: CollectorRegistry):
    assert clock.turn(NOW + 25 * HOUR) == 0
    found = [registry.get_sample_value(f"varsel_stays_{name}") for name in ("running", "stale", "silent")]
    assert found == [1, 1, 1]


def test_a_stay_that_has_ended_is_left_alone(clock: StayClock, engine: Engine):
    tell(engine, "ADT^A03", visit(discharged=f"{NOW:%Y%m%d%H%M%S}+0000"))
    with writing(engine) as connection:
        connection.execute(update(STAY).values(due_at=None))
    assert clock.turn(NOW + HOUR) == 0


def test_what_comes_after_a_score_on_the_clock_is_not_scored_as_of_before_it(clock: StayClock, engine: Engine):
    clock.turn(NOW + HOUR)
    settle(engine, State.DONE)
    late = "OBX|1|NM|8310-5^T^LN||38.5|Cel|||||F"
    tell(engine, "ORU^R01", visit(), f"OBR|1||F1|v^v^L|||{NOW:%Y%m%d%H%M%S}+0000", late)
    clock._intake.take_due()
    assert {as_of for generation, _, as_of in scored(engine) if generation == 3} == {NOW + HOUR}


def test_the_clock_can_be_stopped_by_the_settings(engine: Engine, tmp_path: Path, clock: StayClock):
    del clock
    still = StayClock(
        engine,
        Intake(engine, FolderStore(tmp_path / "store"), RULES),
        Stays(every_minutes=0),
        RULES,
        StayMetrics(CollectorRegistry()),
    )
    assert still.turn(NOW + HOUR) == 0
