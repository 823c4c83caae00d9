"""What the inbox makes of arrivals."""

import hashlib
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from factories.dicom import cr_image, ct_series, structured_report
from pydicom.dataset import Dataset
from sqlalchemy import Connection, Engine, event, select, update

from dicom_io.errors import InboxUnavailableError
from dicom_io.receive.digests import digest_of
from dicom_io.receive.inbox import Landing, Refusal, RefusalCode
from serving.records import cases
from serving.records.database import reading, writing
from serving.records.inbox import DatabaseInbox
from serving.records.schema import INSTANCE, REFUSAL, STUDY

Land = Callable[[Dataset], Landing]


def close(engine: Engine, study_uid: str) -> int | None:
    with writing(engine) as connection:
        closed = cases.close_next(connection, datetime.now(UTC))
    return closed.generation if closed is not None and closed.study_uid == study_uid else None


def is_open(engine: Engine, study_uid: str) -> bool:
    with reading(engine) as connection:
        return connection.scalar(select(STUDY.c.due_at).where(STUDY.c.study_uid == study_uid)) is not None


def test_a_first_instance_opens_the_study(engine: Engine, land: Land):
    image = cr_image()

    assert land(image) is Landing.NEW

    assert is_open(engine, image.StudyInstanceUID)


def test_the_same_instance_twice_is_one_and_opens_nothing(engine: Engine, land: Land):
    image = cr_image()
    land(image)
    assert close(engine, image.StudyInstanceUID) == 1

    assert land(image) is Landing.SAME

    assert not is_open(engine, image.StudyInstanceUID)


def test_an_object_recorded_under_its_sha256_is_the_same_when_it_comes_again(engine: Engine, land: Land):
    """Rows from before decision 0015; the row that is written for it now takes the place of the old one."""
    image = cr_image()
    land(image)
    close(engine, image.StudyInstanceUID)
    with writing(engine) as connection:
        path = Path(connection.scalars(select(INSTANCE.c.path)).one())
        connection.execute(update(INSTANCE).values(digest=hashlib.sha256(path.read_bytes()).hexdigest()))

    assert [land(image), land(image)] == [Landing.SAME, Landing.SAME]

    assert not is_open(engine, image.StudyInstanceUID)
    with reading(engine) as connection:
        kept = connection.execute(select(INSTANCE.c.digest, INSTANCE.c.current).order_by(INSTANCE.c.id)).all()
    assert [row.current for row in kept] == [False, True]
    assert kept[1].digest == digest_of(path)


def test_other_bytes_under_the_same_uid_replace_and_open_a_generation(engine: Engine, land: Land):
    image = cr_image()
    land(image)
    close(engine, image.StudyInstanceUID)
    image.PatientComments = "corrected"

    assert land(image) is Landing.REPLACED

    assert close(engine, image.StudyInstanceUID) == 2
    with reading(engine) as connection:
        kept = connection.scalars(select(INSTANCE.c.current).order_by(INSTANCE.c.id)).all()
    assert kept == [False, True]


def test_a_late_slice_makes_a_new_generation(engine: Engine, land: Land):
    first, second, late = ct_series(3)
    land(first)
    land(second)
    assert close(engine, first.StudyInstanceUID) == 1

    land(late)

    assert close(engine, first.StudyInstanceUID) == 2
    with reading(engine) as connection:
        assert len(cases.load_study(connection, first.StudyInstanceUID).instances) == 3


def test_a_report_that_comes_later_opens_nothing(engine: Engine, land: Land):
    """Else our own results, forwarded by the archive, would be analysed without end."""
    image = ct_series(1)[0]
    land(image)
    close(engine, image.StudyInstanceUID)
    report = structured_report()
    report.StudyInstanceUID = image.StudyInstanceUID

    assert land(report) is Landing.NEW

    assert not is_open(engine, image.StudyInstanceUID)


def test_a_generation_is_closed_once(engine: Engine, land: Land):
    image = cr_image()
    land(image)

    assert close(engine, image.StudyInstanceUID) == 1

    assert close(engine, image.StudyInstanceUID) is None


A_REFUSAL = Refusal(
    door="dimse",
    reason_code=RefusalCode.NOT_DICOM,
    reason="the bytes are no DICOM object",
    source_ae="SENDER",
    path=None,
    study_uid="",
)


def test_a_refusal_is_kept_with_its_reason(engine: Engine, inbox: DatabaseInbox):
    inbox.refuse(A_REFUSAL)

    with reading(engine) as connection:
        row = connection.execute(select(REFUSAL)).one()
    assert (row.door, row.reason_code, row.reason) == ("dimse", "not_dicom", "the bytes are no DICOM object")


def test_a_database_that_is_down_is_told_to_the_door_without_the_values(
    inbox: DatabaseInbox, engine: Engine, land: Land
):
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE instance")
    image = cr_image(patient_id="MARKED-PATIENT")

    with pytest.raises(InboxUnavailableError) as caught:
        land(image)

    assert "MARKED-PATIENT" not in str(caught.value)


def test_what_can_be_written_again_is_committed_without_waiting_for_the_disk(
    engine: Engine, inbox: DatabaseInbox, land: Land
):
    said: list[str] = []

    def note(_connection: Connection, _cursor: object, statement: str, *_others: object) -> None:
        if statement.startswith("PRAGMA synchronous"):
            said.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    image = cr_image()
    land(image)
    inbox.association_ended("SENDER", {str(image.StudyInstanceUID)}, aborted=False)
    inbox.refuse(A_REFUSAL)
    assert said == ["PRAGMA synchronous=NORMAL", "PRAGMA synchronous=FULL"]


def test_each_transaction_says_for_itself_whether_its_commit_waits(engine: Engine, inbox: DatabaseInbox, land: Land):
    """The slices after the first are recorded on a connection of their own, which others may get later."""
    first, *others = ct_series(4)
    land(first)
    full, normal = 2, 1
    for image in others:
        inbox.refuse(A_REFUSAL)
        assert _synchronous(engine) == full
        assert land(image) is Landing.NEW
        with inbox._kept.writing() as driver:
            assert driver.execute("PRAGMA synchronous").fetchone() == (normal,)
        inbox._kept.close()


def test_a_later_slice_is_recorded_after_the_database_was_closed_and_opened_again(engine: Engine, land: Land):
    for image in ct_series(4):
        assert land(image) is Landing.NEW
        engine.dispose()


def _synchronous(engine: Engine) -> int:
    with closing(engine.raw_connection()) as connection:
        return int(connection.driver_connection.execute("PRAGMA synchronous").fetchone()[0])


def test_a_later_slice_that_is_not_recorded_leaves_nothing_and_says_so(engine: Engine, land: Land):
    first, second = ct_series(2)
    land(first)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TRIGGER no BEFORE UPDATE ON study BEGIN SELECT RAISE(ABORT, 'MARKED'); END")

    with pytest.raises(InboxUnavailableError) as caught:
        land(second)

    assert "MARKED" not in str(caught.value)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER no")
    assert land(second) is Landing.NEW


def test_a_study_that_was_closed_meanwhile_is_opened_again_by_its_next_slice(engine: Engine, land: Land):
    """What the inbox remembers of a study is checked against the table."""
    first, second, third = ct_series(3)
    land(first)
    land(second)
    assert close(engine, first.StudyInstanceUID) == 1

    assert land(third) is Landing.NEW

    assert is_open(engine, first.StudyInstanceUID)
    assert land(second) is Landing.SAME
