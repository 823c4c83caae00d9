"""Hints make studies fall due sooner and change how urgent they are; they never delay and never lose anything."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from factories.deliveries import Sending
from pydicom.dataset import Dataset
from sqlalchemy import Engine, select, update

from dicom_io.receive.completion import CompletionPolicy
from dicom_io.receive.inbox import Landing
from dicom_io.receive.notifications import Notification, NotificationSource, StepState
from dicom_io.results.kinds import ResultKind
from dicom_io.send.memory import MemoryDestination
from dicom_io.uids import derive_uid
from models.folder_store import FolderStore
from serving.intake import Intake
from serving.records import cases, hints, work
from serving.records.database import reading, writing
from serving.records.hints import HintSource, PriorityHint
from serving.records.inbox import DatabaseInbox
from serving.records.schema import DELIVERY, HISTORY, STUDY, WORK_ITEM
from serving.records.workitem_schema import PRIORITY_HINT
from serving.rules import Route
from serving.settings.destinations import Destination
from serving.settings.file import Rule
from tests.factories.dicom import ct_series, structured_report

NOW = datetime.now(UTC)
STUDY_UID = derive_uid("study-1")
ROUTE = Route(rule="nodules", model="ct_lung_nodule", alias="champion", priority=2)


@pytest.fixture
def inbox(engine: Engine) -> DatabaseInbox:
    """An inbox whose quiet timer would take an hour."""
    return DatabaseInbox(engine, CompletionPolicy(quiet_seconds=3600, quiet_after_release_seconds=3600))


def told(
    datasets: list[Dataset], *, name: str = "ian", state: StepState = StepState.COMPLETED, source: str = "ian"
) -> Notification:
    return Notification(
        id=derive_uid(name),
        source=NotificationSource(source),
        study_uid=STUDY_UID,
        state=state,
        instance_uids=frozenset(dataset.SOPInstanceUID for dataset in datasets),
        sender="PACS",
    )


def note(engine: Engine, *said: Notification) -> None:
    with writing(engine) as connection:
        for one in said:
            hints.note_notification(connection, one, datetime.now(UTC))


def close_whole(engine: Engine) -> tuple[str, ...]:
    """What the worker's look does."""
    now = datetime.now(UTC)
    with writing(engine) as connection:
        whole = hints.fulfilled_studies(connection, now)
        hints.bring_forward(connection, whole, now)
        return tuple(closed.study_uid for _ in whole if (closed := cases.close_next(connection, now)) is not None)


def due_at(engine: Engine) -> datetime | None:
    with reading(engine) as connection:
        return connection.scalar(select(STUDY.c.due_at))


def test_a_study_is_closed_as_soon_as_all_that_was_promised_is_here(engine: Engine, land: Callable[[Dataset], Landing]):
    slices = ct_series(3)
    note(engine, told(slices))
    for dataset in slices[:2]:
        land(dataset)
    assert close_whole(engine) == ()

    land(slices[2])

    assert close_whole(engine) == (STUDY_UID,)


def test_the_workers_look_closes_it(engine: Engine, land: Callable[[Dataset], Landing], tmp_path: Path):
    slices = ct_series(2)
    for dataset in slices:
        land(dataset)
    intake = Intake(engine, FolderStore(tmp_path / "releases"), [])
    assert intake.take_due() == 0
    note(engine, told(slices))

    assert intake.take_due() == 1

    # No rule matched: not analysed, and said so.
    with reading(engine) as connection:
        (item,) = connection.execute(select(WORK_ITEM)).all()
    assert (item.case_id, item.reason_code) == (STUDY_UID, "no_rule")


def test_a_promise_that_comes_after_the_images_closes_too(engine: Engine, land: Callable[[Dataset], Landing]):
    slices = ct_series(3)
    for dataset in slices:
        land(dataset)

    note(engine, told(slices))

    assert close_whole(engine) == (STUDY_UID,)


def test_an_unkept_promise_leaves_the_quiet_timer_as_it_was(engine: Engine, land: Callable[[Dataset], Landing]):
    slices = ct_series(3)
    land(slices[0])
    before = due_at(engine)

    note(engine, told(slices))
    close_whole(engine)

    assert due_at(engine) == before


def test_a_step_that_goes_on_keeps_a_finished_one_from_closing(engine: Engine, land: Callable[[Dataset], Landing]):
    first, second = ct_series(2, series="a"), ct_series(2, series="b")
    for dataset in first:
        land(dataset)
    note(
        engine,
        told(first, name="step-1", source="mpps"),
        told([], name="step-2", state=StepState.IN_PROGRESS, source="mpps"),
    )
    assert close_whole(engine) == ()

    for dataset in second:
        land(dataset)
    note(engine, told(second, name="step-2", state=StepState.DISCONTINUED, source="mpps"))

    assert close_whole(engine) == (STUDY_UID,)


def test_a_late_slice_opens_a_generation_that_waits_for_the_quiet_timer(
    engine: Engine, land: Callable[[Dataset], Landing]
):
    slices = ct_series(4)
    note(engine, told(slices[:3]))
    for dataset in slices[:3]:
        land(dataset)
    close_whole(engine)

    land(slices[3])

    assert close_whole(engine) == ()
    late = due_at(engine)
    assert late is not None
    assert late > datetime.now(UTC) + timedelta(seconds=3000)


@pytest.mark.parametrize(
    ("said", "priority"),
    [
        ([], 2),
        ([(HintSource.ORDER, 0)], 0),
        ([(HintSource.ORDER, 3)], 2),
        ([(HintSource.BACKFILL, 3)], 3),
        ([(HintSource.BACKFILL, 3), (HintSource.UPS, 1)], 1),
    ],
)
def test_hints_raise_a_priority_and_only_back_filling_lowers_it(
    engine: Engine, land: Callable[[Dataset], Landing], said: list[tuple[HintSource, int]], priority: int
):
    land(ct_series(1)[0])
    with writing(engine) as connection:
        for source, wanted in said:
            hints.note_priority(connection, hint(source=source, priority=wanted, study_uid=STUDY_UID), NOW)
        (route,) = hints.with_hints(connection, STUDY_UID, [ROUTE], NOW)
    assert route.priority == priority
    assert (route.urgency != "") == (priority != ROUTE.priority)


def test_work_that_waits_already_moves_forward(engine: Engine, land: Callable[[Dataset], Landing]):
    land(ct_series(1)[0])
    item = {"kind": "imaging", "case_id": STUDY_UID, "generation": 1, "rule": "r", "model": "m", "model_version": "1"}
    times = {"not_before": NOW, "created_at": NOW, "input_at": NOW, "release_digest": "", "priority": 2}
    with writing(engine) as connection:
        for name, state in (("a", "queued"), ("b", "running")):
            work.add_item(connection, {"id": name, "state": state, **item, **times})
        hints.note_priority(connection, hint(accession_number="ACC-1", patient_id="PID-0001"), NOW)
        rows = connection.execute(select(WORK_ITEM)).all()
        told = connection.execute(select(HISTORY).where(HISTORY.c.detail != "")).all()
    assert {row.id: row.priority for row in rows} == {"a": 0, "b": 2}
    until = f"{hint().expires_at:%Y-%m-%d %H:%M} UTC"
    assert [(row.work_item_id, row.detail) for row in told] == [
        ("a", f"priority 0: {hint().reason}, a wish that holds until {until}")
    ]


def test_a_word_that_came_before_the_study_is_told_in_the_history_of_its_work(
    engine: Engine, land: Callable[[Dataset], Landing], tmp_path: Path
):
    with writing(engine) as connection:
        hints.note_priority(connection, hint(accession_number="ACC-1", patient_id="PID-0001"), NOW)
    land(ct_series(1)[0])
    with writing(engine) as connection:
        connection.execute(update(STUDY).values(due_at=datetime.now(UTC)))
    rule = Rule(name="nodules", model="ct_lung_nodule", modalities=("CT",))
    Intake(engine, FolderStore(tmp_path), (rule,)).take_due()
    with reading(engine) as connection:
        (item,) = connection.execute(select(WORK_ITEM)).all()
        told = connection.scalars(select(HISTORY.c.detail).where(HISTORY.c.work_item_id == item.id)).all()
    assert item.priority == 0
    assert told[-1].startswith(f"priority 0: {hint().reason}, a wish that holds until")


def test_results_that_wait_move_forward_and_arrived_ones_stay(
    engine: Engine, land: Callable[[Dataset], Landing], tmp_path: Path
):
    land(ct_series(1)[0])
    pacs = Destination(name="pacs", host="127.0.0.1", port=104, ae_title="PACS")
    sending = Sending(engine=engine, directory=tmp_path, destinations=[pacs], outlet_of=lambda _: MemoryDestination())
    sending.queue("study-1", {ResultKind.SR: structured_report()})
    sending.send("pacs")
    sending.queue("later", {ResultKind.SR: structured_report(name="later")})
    with writing(engine) as connection:
        hints.note_priority(connection, hint(study_uid=STUDY_UID), NOW)
        rows = connection.execute(select(DELIVERY.c.state, DELIVERY.c.priority)).all()
    assert {row.state: row.priority for row in rows} == {"accepted": 2, "queued": 0}


def test_an_expired_word_is_forgotten_and_one_that_comes_too_late_hurries_nothing(
    engine: Engine, land: Callable[[Dataset], Landing]
):
    land(ct_series(1)[0])
    with writing(engine) as connection:
        hints.note_priority(connection, hint(study_uid=STUDY_UID), NOW)
        hints.note_priority(connection, hint(study_uid="1.2.3"), NOW + timedelta(days=30))
        kept = connection.scalars(select(PRIORITY_HINT.c.study_uid)).all()
    assert kept == ["1.2.3"]


def test_a_hint_expires(engine: Engine, land: Callable[[Dataset], Landing]):
    land(ct_series(1)[0])
    with writing(engine) as connection:
        hints.note_priority(connection, hint(study_uid=STUDY_UID), NOW)
        (route,) = hints.with_hints(connection, STUDY_UID, [ROUTE], NOW + timedelta(hours=2))
    assert route.priority == 2


def test_an_accession_number_counts_only_with_its_patient(engine: Engine, land: Callable[[Dataset], Landing]):
    land(ct_series(1)[0])
    with writing(engine) as connection:
        hints.note_priority(connection, hint(accession_number="ACC-1", patient_id="ANOTHER"), NOW)
        (other,) = hints.with_hints(connection, STUDY_UID, [ROUTE], NOW)
        hints.note_priority(connection, hint(accession_number="ACC-1", patient_id="PID-0001"), NOW)
        (same,) = hints.with_hints(connection, STUDY_UID, [ROUTE], NOW)
    assert (other.priority, same.priority) == (2, 0)


def test_a_cancelled_order_is_forgotten(engine: Engine, land: Callable[[Dataset], Landing]):
    land(ct_series(1)[0])
    with writing(engine) as connection:
        hints.note_priority(connection, hint(study_uid=STUDY_UID), NOW)
        hints.withdraw_priority(connection, hint(study_uid=STUDY_UID))
        (route,) = hints.with_hints(connection, STUDY_UID, [ROUTE], NOW)
    assert route.priority == 2


def hint(**values: object) -> PriorityHint:
    """An order's word that something is acute, for an hour."""
    said = {"source": HintSource.ORDER, "priority": 0, "reason": "ordered as acute"}
    return PriorityHint(**(said | {"expires_at": NOW + timedelta(hours=1)} | values))  # type: ignore[arg-type]
