"""Hints and work items on PostgreSQL: the tables of revision 0004, and claims that meet."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from factories.dicom import ct_series, write
from factories.workitems import workitem
from postgresql_server import postgresql
from pydicom.dataset import Dataset
from sqlalchemy import Engine, inspect

from dicom_io.headers import read_header
from dicom_io.receive.completion import CompletionPolicy
from dicom_io.receive.digests import digest_of
from dicom_io.receive.inbox import Arrival
from dicom_io.receive.notifications import Notification, NotificationSource, StepState
from dicom_io.uids import derive_uid
from dicom_io.ups.errors import WorkitemConflictError
from dicom_io.ups.performed import Performed, performed
from dicom_io.ups.workitem import StepState as UpsState
from serving.records import hints, migrate, subscriptions, workitems
from serving.records.database import open_database, reading_in_parts, writing
from serving.records.hints import HintSource, PriorityHint
from serving.records.inbox import DatabaseInbox
from serving.records.subscriptions import FILTERED_SUBSCRIPTION, Subscription
from serving.rules import Route

STUDY_UID, UID = derive_uid("study-1"), derive_uid("work item")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with postgresql() as url:
        opened = open_database(url)
        migrate.migrate(opened)
        yield opened
        opened.dispose()


def test_the_revision_goes_back_and_forth(engine: Engine):
    before = set(inspect(engine).get_table_names())
    with engine.begin() as connection:
        command.downgrade(_config(connection), "0003")
    assert "ups_workitem" not in inspect(engine).get_table_names()
    migrate.migrate(engine)
    assert set(inspect(engine).get_table_names()) == before


def test_a_study_is_closed_by_what_was_promised_and_as_urgent_as_was_asked(engine: Engine, tmp_path: Path):
    inbox = DatabaseInbox(engine, CompletionPolicy(quiet_seconds=3600, quiet_after_release_seconds=3600))
    now = datetime.now(UTC)
    slices = ct_series(2)
    for path in write(slices, tmp_path / "ct"):
        digest, size = digest_of(path), path.stat().st_size
        inbox.land(Arrival(path=path, header=read_header(path), digest=digest, size_bytes=size, source_ae="CT1"))
    said = Notification(
        id=derive_uid("ian"),
        source=NotificationSource.IAN,
        study_uid=STUDY_UID,
        state=StepState.COMPLETED,
        instance_uids=frozenset(one.SOPInstanceUID for one in slices),
        sender="PACS",
    )
    route = Route(rule="r", model="m", alias="champion", priority=2)
    order = PriorityHint(
        source=HintSource.ORDER,
        priority=0,
        reason="stat",
        expires_at=now + timedelta(hours=1),
        accession_number="ACC-1",
        patient_id="PID-0001",
    )
    with writing(engine) as connection:
        hints.note_notification(connection, said, now)
        hints.note_priority(connection, order, now)
        assert hints.fulfilled_studies(connection, now) == (STUDY_UID,)
        hints.bring_forward(connection, [STUDY_UID], now)
        assert hints.fulfilled_studies(connection, now) == ()
        assert [one.priority for one in hints.with_hints(connection, STUDY_UID, [route], now)] == [0]


def test_of_claims_that_meet_one_holds_and_the_work_item_comes_to_its_end(engine: Engine):
    now = datetime.now(UTC)
    with writing(engine) as connection:
        wanted = Subscription(ae_title="RIS", uid=FILTERED_SUBSCRIPTION, keys={"00741200": "MEDIUM"}, is_locked=False)
        subscriptions.subscribe(connection, wanted, now)
        workitems.create(connection, UID, Dataset.from_json(workitem()), now)

    def claim(number: int) -> str:
        try:
            with writing(engine) as connection:
                workitems.move(connection, UID, UpsState.IN_PROGRESS, f"2.25.{number}", now)
        except WorkitemConflictError:
            return ""
        return f"2.25.{number}"

    with ThreadPoolExecutor(8) as performers:
        (holder,) = filter(None, performers.map(claim, range(1, 9)))
    what = Performed(
        code=("nodules", "99VARSEL", "nodules"),
        station="VARSEL",
        started_at=now,
        ended_at=now,
        outputs=[],
        archives=[],
        comment="no_finding",
    )
    with writing(engine) as connection:
        workitems.change(connection, UID, performed(what), holder, now)
        assert workitems.move(connection, UID, UpsState.COMPLETED, holder, now)
        assert not workitems.move(connection, UID, UpsState.COMPLETED, holder, now)
    with reading_in_parts(engine) as connection:
        assert workitems.get(connection, UID).state is UpsState.COMPLETED
        found = workitems.search(connection, {"00741000": "COMPLETED", "00741200": "MEDIUM"}, 0, 9)
        assert [one["00080018"]["Value"] for one in found] == [[UID]]
    with writing(engine) as connection:
        events = subscriptions.take_events(connection, "RIS")
    told = [one["00741000"]["Value"][0] for one in events if "00741000" in one]
    assert told == ["SCHEDULED", "IN PROGRESS", "COMPLETED"]


def _config(connection: object) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config
