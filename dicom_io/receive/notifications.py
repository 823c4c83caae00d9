"""Hints that a study is whole: Instance Availability Notification (PS3.4 R) and MPPS (PS3.4 F) on the DICOM node."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.sop_class import InstanceAvailabilityNotification, ModalityPerformedProcedureStep

from dicom_io.errors import InboxUnavailableError
from dicom_io.receive.store_scp import ExtraService
from dicom_io.uids import is_valid_uid

_log = logging.getLogger(__name__)

_SUCCESS, _PROCESSING_FAILURE, _DUPLICATE, _NO_SUCH_INSTANCE = 0x0000, 0x0110, 0x0111, 0x0112
_MISSING_ATTRIBUTE, _INVALID_VALUE, _OUT_OF_RESOURCES = 0x0120, 0x0106, 0x0213
#: More instances than the largest study has; a longer list is a mistake or an attack.
_MAXIMUM_INSTANCES = 50_000
#: An object that another system has already deleted or put away will not come (PS3.3 C.4.24).
_NOT_AVAILABLE = "UNAVAILABLE"


class NotificationSource(Enum):
    """Who tells."""

    #: An image manager: these instances are with me.
    IAN = "ian"
    #: A modality: I have made these.
    MPPS = "mpps"


class StepState(Enum):
    """Performed Procedure Step Status (0040,0252)."""

    #: More will come.
    IN_PROGRESS = "IN PROGRESS"
    #: All was made.
    COMPLETED = "COMPLETED"
    #: Broken off; what was made is what there is.
    DISCONTINUED = "DISCONTINUED"


@dataclass(frozen=True, kw_only=True)
class Notification:
    """What one message says will make up a study."""

    #: SOP Instance UID of the message's own object.
    id: str
    #: Who tells.
    source: NotificationSource
    #: Study Instance UID (0020,000D).
    study_uid: str
    #: Whether more will come.
    state: StepState
    #: SOP Instance UIDs that it names.
    instance_uids: frozenset[str]
    #: Calling AE title.
    sender: str


class NotificationBook(Protocol):
    """Keeps what is told. Called from many threads at once."""

    def note(self, said: Notification) -> None:
        """Keep *said* durably before returning.

        Raises:
            InboxUnavailableError: it cannot be kept now.
        """

    def step(self, step_uid: str) -> tuple[str, StepState] | None:
        """Study Instance UID and state of a performed procedure step; None when it is not known.

        Raises:
            InboxUnavailableError: it cannot be told now.
        """


class MemoryNotificationBook:
    """Forgets at exit: the small double."""

    def __init__(self) -> None:
        """Start empty."""
        #: The latest word by its id.
        self.said: dict[str, Notification] = {}

    def note(self, said: Notification) -> None:
        """Keep it in memory."""
        self.said[said.id] = said

    def step(self, step_uid: str) -> tuple[str, StepState] | None:
        """Look it up."""
        known = self.said.get(step_uid)
        return None if known is None else (known.study_uid, known.state)


def notification_services(book: NotificationBook) -> tuple[ExtraService, ...]:
    """The services for the DICOM node; everything said goes to *book*."""
    door = _Door(book)
    ian, mpps = str(InstanceAvailabilityNotification), str(ModalityPerformedProcedureStep)
    return (
        ExtraService(abstract_syntax_uid=ian, event=evt.EVT_N_CREATE, handler=door.on_create),
        ExtraService(abstract_syntax_uid=mpps, event=evt.EVT_N_SET, handler=door.on_set),
    )


class _RefusedError(Exception):
    """Answered with a status of PS3.7 C."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class _Door:
    def __init__(self, book: NotificationBook) -> None:
        self._book = book

    def on_create(self, event: Any) -> tuple[int, Dataset | None]:
        request = event.request
        read = _read_ian if request.AffectedSOPClassUID == InstanceAvailabilityNotification else _read_new_step
        return self._answered(lambda: self._create(read, event))

    def on_set(self, event: Any) -> tuple[int, Dataset | None]:
        return self._answered(lambda: self._set(event))

    def _create(self, read: Callable[[str, Dataset, str], Notification], event: Any) -> None:
        uid = str(event.request.AffectedSOPInstanceUID or "")
        if not is_valid_uid(uid):
            raise _RefusedError(_INVALID_VALUE, "the SOP Instance UID is none by PS3.5 9.1")
        if self._book.step(uid) is not None:
            raise _RefusedError(_DUPLICATE, "the SOP Instance UID is known already")
        self._book.note(read(uid, event.attribute_list, _sender(event)))

    def _set(self, event: Any) -> None:
        uid = str(event.request.RequestedSOPInstanceUID or "")
        known = self._book.step(uid)
        if known is None:
            raise _RefusedError(_NO_SUCH_INSTANCE, "the performed procedure step was not created here")
        study_uid, state = known
        if state is not StepState.IN_PROGRESS:
            # PS3.4 F.7.2.2.2: a final step may no longer be updated.
            raise _RefusedError(_PROCESSING_FAILURE, "the performed procedure step is final")
        said = event.modification_list
        after = _state(said) if "PerformedProcedureStepStatus" in said else state
        self._book.note(
            Notification(
                id=uid,
                source=NotificationSource.MPPS,
                study_uid=study_uid,
                state=after,
                instance_uids=_performed_uids(said),
                sender=_sender(event),
            )
        )

    def _answered(self, act: Callable[[], None]) -> tuple[int, Dataset | None]:
        try:
            act()
        except _RefusedError as error:
            _log.warning("A notification was not taken: %s", error, extra={"action": "notification_refused"})
            return error.status, None
        except InboxUnavailableError:
            return _OUT_OF_RESOURCES, None
        return _SUCCESS, None


def _read_ian(uid: str, said: Dataset, sender: str) -> Notification:
    series = said.get("ReferencedSeriesSequence") or []
    items = [item for one in series for item in one.get("ReferencedSOPSequence") or []]
    available = [item for item in items if item.get("InstanceAvailability") != _NOT_AVAILABLE]
    return Notification(
        id=uid,
        source=NotificationSource.IAN,
        study_uid=_study_uid(said),
        state=StepState.COMPLETED,
        instance_uids=_uids(available),
        sender=sender,
    )


def _read_new_step(uid: str, said: Dataset, sender: str) -> Notification:
    if _state(said) is not StepState.IN_PROGRESS:
        raise _RefusedError(_INVALID_VALUE, "a new performed procedure step must be IN PROGRESS")
    scheduled = said.get("ScheduledStepAttributesSequence") or []
    if not scheduled:
        raise _RefusedError(_MISSING_ATTRIBUTE, "Scheduled Step Attributes Sequence (0040,0270) is missing")
    return Notification(
        id=uid,
        source=NotificationSource.MPPS,
        study_uid=_study_uid(scheduled[0]),
        state=StepState.IN_PROGRESS,
        instance_uids=_performed_uids(said),
        sender=sender,
    )


def _performed_uids(said: Dataset) -> frozenset[str]:
    keywords = ("ReferencedImageSequence", "ReferencedNonImageCompositeSOPInstanceSequence")
    series: Sequence[Dataset] = said.get("PerformedSeriesSequence") or []
    return _uids(item for one in series for keyword in keywords for item in one.get(keyword) or [])


def _uids(items: Iterable[Dataset]) -> frozenset[str]:
    found = {str(item.get("ReferencedSOPInstanceUID", "")) for item in items}
    if len(found) > _MAXIMUM_INSTANCES:
        raise _RefusedError(_PROCESSING_FAILURE, f"more than {_MAXIMUM_INSTANCES} instances are named")
    if not all(is_valid_uid(uid) for uid in found):
        raise _RefusedError(_INVALID_VALUE, "a referenced SOP Instance UID is none by PS3.5 9.1")
    return frozenset(found)


def _study_uid(said: Dataset) -> str:
    uid = str(said.get("StudyInstanceUID", "") or "")
    if not uid:
        raise _RefusedError(_MISSING_ATTRIBUTE, "Study Instance UID (0020,000D) is missing")
    if not is_valid_uid(uid):
        raise _RefusedError(_INVALID_VALUE, "Study Instance UID (0020,000D) is none by PS3.5 9.1")
    return uid


def _state(said: Dataset) -> StepState:
    try:
        return StepState(str(said.get("PerformedProcedureStepStatus", "")))
    except ValueError:
        raise _RefusedError(
            _INVALID_VALUE, "Performed Procedure Step Status (0040,0252) is none of the three"
        ) from None


def _sender(event: Any) -> str:
    return str(event.assoc.requestor.ae_title).strip()
