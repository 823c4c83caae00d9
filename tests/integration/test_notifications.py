"""MPPS and availability notifications over real associations with the DICOM node."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import InstanceAvailabilityNotification, ModalityPerformedProcedureStep

from dicom_io.errors import InboxUnavailableError
from dicom_io.receive.inbox import MemoryInbox
from dicom_io.receive.neck import SilentObserver
from dicom_io.receive.notifications import (
    MemoryNotificationBook,
    Notification,
    NotificationSource,
    StepState,
    notification_services,
)
from dicom_io.receive.spool import Spool
from dicom_io.receive.store_scp import StoreScp, StoreScpSettings
from dicom_io.uids import derive_uid

STUDY, STEP = derive_uid("study-1"), derive_uid("step")
IMAGES = [derive_uid("image", str(number)) for number in range(3)]


class Book(MemoryNotificationBook):
    """A book that can be out of reach."""

    is_down = False

    def note(self, said: Notification) -> None:
        if self.is_down:
            raise InboxUnavailableError
        super().note(said)


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def modality(tmp_path: Path, book: Book) -> Iterator[Association]:
    """An association of a modality with the node."""
    services = notification_services(book)
    scp = StoreScp(StoreScpSettings(port=0), MemoryInbox(), Spool(tmp_path), SilentObserver(), extra_services=services)
    scp.start()
    entity = AE(ae_title="CT1")
    entity.add_requested_context(ModalityPerformedProcedureStep)
    entity.add_requested_context(InstanceAvailabilityNotification)
    association = entity.associate("127.0.0.1", scp.port)
    assert association.is_established
    yield association
    association.release()
    scp.stop()


def step(state: str = "IN PROGRESS", study: str = STUDY) -> Dataset:
    scheduled = Dataset()
    scheduled.StudyInstanceUID = study
    said = Dataset()
    said.ScheduledStepAttributesSequence = [scheduled]
    said.PerformedProcedureStepStatus = state
    return said


def end_of_step(state: str = "COMPLETED", images: list[str] = IMAGES) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = derive_uid("series")
    series.ReferencedImageSequence = [reference(uid) for uid in images]
    said = Dataset()
    said.PerformedProcedureStepStatus = state
    said.PerformedSeriesSequence = [series]
    return said


def availability(images: list[str], availability: str = "ONLINE") -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = derive_uid("series")
    series.ReferencedSOPSequence = [reference(uid, availability) for uid in images]
    said = Dataset()
    said.StudyInstanceUID = STUDY
    said.ReferencedSeriesSequence = [series]
    return said


def reference(uid: str, availability: str = "") -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    item.ReferencedSOPInstanceUID = uid
    if availability:
        item.InstanceAvailability = availability
    return item


def create(modality: Association, said: Dataset, uid: str = STEP, kind: str = ModalityPerformedProcedureStep) -> int:
    status, _ = modality.send_n_create(said, kind, uid)
    return int(status.Status)


def finish(modality: Association, said: Dataset, uid: str = STEP) -> int:
    status, _ = modality.send_n_set(said, ModalityPerformedProcedureStep, uid)
    return int(status.Status)


@pytest.mark.parametrize("state", ["COMPLETED", "DISCONTINUED"])
def test_a_step_is_followed_from_its_begin_to_its_end(modality: Association, book: Book, state: str) -> None:
    assert create(modality, step()) == 0x0000
    assert book.said[STEP].state is StepState.IN_PROGRESS
    assert finish(modality, end_of_step(state)) == 0x0000
    assert book.said[STEP] == Notification(
        id=STEP,
        source=NotificationSource.MPPS,
        study_uid=STUDY,
        state=StepState(state),
        instance_uids=frozenset(IMAGES),
        sender="CT1",
    )


def test_an_availability_notification_names_what_is_to_be_had(modality: Association, book: Book) -> None:
    said = availability(IMAGES[:2])
    said.ReferencedSeriesSequence[0].ReferencedSOPSequence.append(reference(IMAGES[2], "UNAVAILABLE"))
    assert create(modality, said, derive_uid("ian"), InstanceAvailabilityNotification) == 0x0000
    (told,) = book.said.values()
    assert (told.source, told.study_uid, told.instance_uids) == (NotificationSource.IAN, STUDY, frozenset(IMAGES[:2]))


@pytest.mark.filterwarnings("ignore:Invalid value for VR:UserWarning")
def test_what_breaks_the_rules_is_answered_by_the_book(modality: Association, book: Book) -> None:
    assert finish(modality, end_of_step()) == 0x0112, "no such step"
    assert create(modality, step("COMPLETED")) == 0x0106, "a new step goes on"
    assert create(modality, step(study="../../etc")) == 0x0106
    assert create(modality, step(study="")) == 0x0120
    unscheduled = step()
    del unscheduled.ScheduledStepAttributesSequence
    assert create(modality, unscheduled) == 0x0120
    assert book.said == {}
    assert create(modality, step()) == 0x0000
    assert create(modality, step()) == 0x0111, "twice"
    assert finish(modality, end_of_step(images=["a/b"])) == 0x0106
    assert finish(modality, end_of_step("RESTED")) == 0x0106
    assert finish(modality, end_of_step()) == 0x0000
    assert finish(modality, end_of_step()) == 0x0110, "final"


def test_nothing_is_acknowledged_that_could_not_be_kept(modality: Association, book: Book) -> None:
    book.is_down = True
    assert create(modality, step()) == 0x0213
    assert book.said == {}
