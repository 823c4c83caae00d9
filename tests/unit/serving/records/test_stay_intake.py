"""Late, corrected, cancelled, reordered, repeated and merged tellings leave the one state that they all amount to."""

import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from factories.hl7 import message, visit
from sqlalchemy import Engine, select

from ehr_io.events import Event, EventKind, Stay
from ehr_io.hl7.message import parse
from ehr_io.hl7.reader import ReaderSettings, read_message
from serving.records.database import open_database, reading, writing
from serving.records.migrate import migrate
from serving.records.schema import EVENT, STAY
from serving.records.stay_intake import keep_told
from serving.records.stays import due_stays, load_stay

NOW = datetime(2026, 1, 20, tzinfo=UTC)
SETTINGS = ReaderSettings(zone=ZoneInfo("Europe/Copenhagen"))
ADMITTED = message("ADT^A01", visit(), sent="20260110080000+0100")
MOVED = message("ADT^A02", "EVN||20260110180000||||20260110180000+0100", visit("SURG-1"), sent="20260110180000+0100")
NOT_MOVED = message("ADT^A12", "EVN||20260110190000||||20260110180000+0100", visit(), sent="20260110190000+0100")
LEFT = message("ADT^A03", visit(discharged="20260114100000+0100"), sent="20260114100000+0100")
NOT_LEFT = message("ADT^A13", visit(), sent="20260114110000+0100")
NEVER_CAME = message("ADT^A11", visit(), sent="20260115080000+0100")


def measured(value: str, status: str = "F", hour: int = 12) -> bytes:
    result = f"OBX|1|NM|8310-5^T^LN||{value}|Cel|||||{status}"
    return message("ORU^R01", visit(), "OBR|1||F1|v^v^L|||20260110100000+0100", result, sent=f"20260110{hour}0000+0100")


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "varsel.db"
    engine = open_database(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()
    return path


@contextmanager
def copy_of(empty: Path, path: Path) -> Iterator[Engine]:
    shutil.copyfile(empty, path)
    engine = open_database(f"sqlite:///{path}")
    yield engine
    engine.dispose()


@pytest.fixture
def engine(empty: Path, tmp_path: Path) -> Iterator[Engine]:
    with copy_of(empty, tmp_path / "varsel.db") as made:
        yield made


def keep(engine: Engine, *bodies: bytes, at_once: bool = False) -> None:
    told = [read_message(parse(body), NOW, SETTINGS).told for body in bodies]
    for group in [told] if at_once else [[one] for one in told]:
        with writing(engine) as connection:
            keep_told(connection, group, NOW)


def stay(engine: Engine, *, with_history: bool = False) -> Stay:
    with reading(engine) as connection:
        return load_stay(connection, "SYN-E-1", with_history=with_history)


def standing(engine: Engine) -> tuple[str, str, bool]:
    with reading(engine) as connection:
        row = connection.execute(select(STAY).where(STAY.c.stay_id == "SYN-E-1")).one()
        return row.status, row.ward, row.stay_id in due_stays(connection, NOW)


def rows(engine: Engine) -> list[tuple[object, ...]]:
    columns = [column for column in EVENT.c if column.name != "id"]
    with reading(engine) as connection:
        return sorted((tuple(row) for row in connection.execute(select(*columns))), key=repr)


def values(of: Stay) -> list[float | None]:
    return [event.value for event in of.events if event.code == "temperature"]


def test_an_admission_makes_a_stay_of_a_known_patient_that_falls_due(engine: Engine):
    keep(engine, ADMITTED)
    kinds = {event.kind for event in stay(engine).events}
    assert kinds == {EventKind.PATIENT, EventKind.ADMISSION, EventKind.WARD}
    assert standing(engine) == ("open", "MED-1", True)


def test_the_same_messages_in_any_order_one_by_one_or_at_once_twice_or_not_give_the_same_rows(
    empty: Path, tmp_path: Path
):
    told = [ADMITTED, MOVED, NOT_MOVED, measured("37.1"), measured("38.2", "C", 15)]
    found = []
    for number, order in enumerate(itertools.islice(itertools.permutations(told), 0, 120, 23)):
        with copy_of(empty, tmp_path / f"{number}.db") as engine:
            keep(engine, *order, *order[: number % 3], at_once=number % 2 == 0)
            found.append((standing(engine), set(stay(engine).events)))
    assert all(one == found[0] for one in found)
    assert found[0][0] == ("open", "MED-1", True)


def test_a_repeated_message_changes_nothing(engine: Engine):
    keep(engine, ADMITTED, measured("37.1"))
    before = rows(engine)
    keep(engine, ADMITTED, measured("37.1"))
    assert rows(engine) == before


def test_a_correction_is_not_known_before_it_was_told(engine: Engine):
    keep(engine, ADMITTED, measured("37.1", hour=12), measured("39.9", "C", hour=15))
    whole = stay(engine, with_history=True)
    noon = datetime(2026, 1, 10, 11, tzinfo=UTC)

    assert values(stay(engine)) == [39.9]
    assert [values(whole.as_of(noon + timedelta(hours=h))) for h in (-1, 0, 2, 3)] == [[], [37.1], [37.1], [39.9]]


def test_a_correction_that_arrives_first_holds_against_the_original(engine: Engine):
    keep(engine, ADMITTED, measured("39.9", "C", hour=15), measured("37.1", hour=12))
    whole = stay(engine, with_history=True)
    assert values(stay(engine)) == [39.9]
    assert values(whole.as_of(datetime(2026, 1, 10, 13, tzinfo=UTC))) == [37.1]


def test_a_withdrawn_result_is_gone_also_when_the_withdrawal_arrives_first(engine: Engine):
    keep(engine, ADMITTED, measured("39.9", "D", hour=15), measured("39.9", hour=12))
    assert values(stay(engine)) == []


def test_a_cancelled_transfer_brings_the_patient_back(engine: Engine):
    keep(engine, ADMITTED, MOVED)
    assert standing(engine)[1] == "SURG-1"
    keep(engine, NOT_MOVED)
    assert standing(engine)[1] == "MED-1"


def test_a_cancelled_discharge_opens_the_stay_again(engine: Engine):
    keep(engine, ADMITTED, LEFT)
    assert standing(engine)[0] == "ended"
    keep(engine, NOT_LEFT)
    assert standing(engine)[0] == "open"


def test_a_cancelled_admission_after_a_score_is_not_scored_again(engine: Engine):
    keep(engine, ADMITTED, measured("37.1"), NEVER_CAME)
    assert standing(engine) == ("cancelled", "", False)


def test_results_before_the_admission_wait_for_it(engine: Engine):
    keep(engine, measured("37.1"))
    assert standing(engine) == ("expected", "", False)
    keep(engine, ADMITTED)
    assert standing(engine) == ("open", "MED-1", True)
    assert values(stay(engine)) == [37.1]


def test_a_merge_in_the_middle_of_a_stay_moves_it_and_what_comes_under_the_old_identity(engine: Engine):
    merged = message("ADT^A40", "MRG|SYN-P-1", patient="PID|1||SYN-P-2||||19500505|M", sent="20260111080000+0100")
    keep(engine, ADMITTED, merged, merged, measured("37.1"))

    found = stay(engine)
    born = next(event for event in found.events if event.code == "birth_date")
    assert found.patient_id == "SYN-P-2"
    assert (born.source, born.event_time) == ("Patient/SYN-P-2", datetime(1950, 5, 5, tzinfo=UTC))
    assert values(found) == [37.1]


@pytest.mark.parametrize("at_once", [True, False])
def test_what_comes_under_the_first_of_three_names_goes_to_the_last(engine: Engine, *, at_once: bool):
    first = message("ADT^A40", "MRG|SYN-P-1", patient="PID|1||SYN-P-2||||19500505|M", sent="20260111080000+0100")
    second = message("ADT^A40", "MRG|SYN-P-2", patient="PID|1||SYN-P-3||||19500506|M", sent="20260112080000+0100")
    keep(engine, ADMITTED, first, second, measured("37.1"), MOVED, at_once=at_once)

    found = stay(engine)
    born = [(event.source, event.event_time.day) for event in found.events if event.code == "birth_date"]
    assert (found.patient_id, born) == ("SYN-P-3", [("Patient/SYN-P-3", 6)])


def test_a_corrected_birth_date_reaches_the_stays_that_there_are(engine: Engine):
    keep(engine, ADMITTED)
    keep(engine, message("ADT^A08", visit(), patient="PID|1||SYN-P-1||||19490202|F", sent="20260111080000+0100"))
    born = [event.event_time.year for event in stay(engine).events if event.code == "birth_date"]
    assert born == [1949]


def test_the_end_of_a_ward_is_known_when_the_next_one_is(engine: Engine):
    keep(engine, ADMITTED, MOVED)

    def first_ward(at: datetime) -> Event:
        return next(event for event in stay(engine).as_of(at).events if event.code == "MED-1")

    moved = datetime(2026, 1, 10, 17, tzinfo=UTC)
    assert first_ward(moved - timedelta(minutes=1)).end_time is None
    assert first_ward(moved).end_time == moved
