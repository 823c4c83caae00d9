"""The one way in for received objects: every door converts what it got to an Offer and calls `Neck.take`."""

import logging
import time
from dataclasses import dataclass
from typing import Protocol

from dicom_io.errors import DicomIoError, InboxUnavailableError, IncompleteObjectError, NotDicomError, SpoolError
from dicom_io.file_format import file_head, split_file
from dicom_io.headers import Header, read_dataset_header
from dicom_io.receive.inbox import Arrival, Inbox, Landing, Refusal, RefusalCode
from dicom_io.receive.spool import Spool
from dicom_io.receive.statuses import StoreStatus

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One object as a door received it."""

    #: The dataset as encoded by the sender, without File Meta Information.
    dataset: bytes
    #: Transfer Syntax UID that *dataset* is encoded in.
    transfer_syntax_uid: str
    #: Which door it came to, e.g. ``dimse``.
    door: str
    #: Calling AE title, or the name of another door's client; empty when unknown.
    source_ae: str
    #: Affected SOP Class UID of the command (0000,0002); None where a door has no command.
    sop_class_uid: str | None = None
    #: Affected SOP Instance UID of the command (0000,1000); None where a door has no command.
    sop_instance_uid: str | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of an offer."""

    #: The answer to the sender.
    status: StoreStatus
    #: Why it was not taken, without patient data; empty on success.
    reason: str
    #: Study Instance UID when it could be read, else empty.
    study_uid: str
    #: What the arrival meant to the books; None when it was not taken.
    landing: Landing | None
    #: Size of the dataset.
    size_bytes: int
    #: From the offer to the answer.
    seconds: float


class StoreObserver(Protocol):
    """Counts what the neck did."""

    def took(self, verdict: Verdict) -> None:
        """Note *verdict*. Called from many threads at once."""


class SilentObserver:
    """Counts nothing."""

    def took(self, verdict: Verdict) -> None:
        """Let *verdict* pass."""


def offer_from_file(data: bytes, *, door: str, source_ae: str) -> Offer:
    """The offer that a DICOM file (PS3.10) makes; its own File Meta Information is left behind.

    Raises:
        NotDicomError: *data* is no DICOM file.
        IncompleteObjectError: it does not say its transfer syntax.
    """
    part10 = split_file(data)
    return Offer(
        dataset=data[part10.dataset_offset :],
        transfer_syntax_uid=part10.transfer_syntax_uid,
        door=door,
        source_ae=source_ae,
    )


class Neck:
    """Bytes in, verdict out: header read, file kept, arrival recorded, in that order."""

    def __init__(self, inbox: Inbox, spool: Spool, observer: StoreObserver) -> None:
        """Keep files in *spool*, record them in *inbox*, tell *observer*."""
        self._inbox = inbox
        self._spool = spool
        self._observer = observer

    def take(self, offer: Offer) -> Verdict:
        """Take *offer* or say why not. Success means that it is on disk and recorded (PS3.4 B.2.3)."""
        started = time.perf_counter()
        outcome = self._judge(offer)
        verdict = Verdict(
            status=outcome.status,
            reason=outcome.reason,
            study_uid=outcome.study_uid,
            landing=outcome.landing,
            size_bytes=len(offer.dataset),
            seconds=time.perf_counter() - started,
        )
        if verdict.reason:
            _log.warning(
                "An object was not taken: %s",
                verdict.reason,
                extra={"action": "store_refused", "door": offer.door, "source_ae": offer.source_ae},
            )
        self._observer.took(verdict)
        return verdict

    def _judge(self, offer: Offer) -> "_Outcome":
        try:
            header = read_dataset_header(offer.dataset, offer.transfer_syntax_uid)
        except NotDicomError as error:
            return self._refuse(offer, RefusalCode.NOT_DICOM, str(error))
        except IncompleteObjectError as error:
            return self._refuse(offer, RefusalCode.INCOMPLETE_OBJECT, str(error))
        mismatch = _find_mismatch(offer, header)
        if mismatch:
            return self._refuse(offer, RefusalCode.COMMAND_MISMATCH, mismatch, header.study_instance_uid)
        return self._keep(offer, header)

    def _keep(self, offer: Offer, header: Header) -> "_Outcome":
        uid = header.instance.sop_instance_uid
        head = file_head(header.instance.sop_class_uid, uid, offer.transfer_syntax_uid)
        try:
            spooled = self._spool.keep((head, offer.dataset), study_uid=header.study_instance_uid, sop_uid=uid)
            # A file whose record fails stays: the repeated send meets it again, and another association may
            # have recorded the same file in the meantime.
            landing = self._inbox.land(
                Arrival(
                    path=spooled.path,
                    header=header.at(spooled.path),
                    sha256=spooled.sha256,
                    size_bytes=spooled.size_bytes,
                    source_ae=offer.source_ae,
                )
            )
        except (SpoolError, InboxUnavailableError) as error:
            return _try_later(error, header.study_instance_uid)
        return _Outcome(status=StoreStatus.SUCCESS, study_uid=header.study_instance_uid, landing=landing)

    def _refuse(self, offer: Offer, code: RefusalCode, reason: str, study_uid: str = "") -> "_Outcome":
        try:
            path = self._spool.keep_refused(offer.dataset)
        except SpoolError:
            # No room for evidence; the refusal itself is still recorded.
            path = None
        refusal = Refusal(
            door=offer.door,
            reason_code=code,
            reason=reason,
            source_ae=offer.source_ae,
            path=path,
            study_uid=study_uid,
        )
        try:
            self._inbox.refuse(refusal)
        except InboxUnavailableError as error:
            return _try_later(error, study_uid)
        return _Outcome(status=_STATUS_OF_REFUSAL[code], reason=reason, study_uid=study_uid)


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    status: StoreStatus
    reason: str = ""
    study_uid: str = ""
    landing: Landing | None = None


_STATUS_OF_REFUSAL = {
    RefusalCode.NOT_DICOM: StoreStatus.CANNOT_UNDERSTAND,
    RefusalCode.INCOMPLETE_OBJECT: StoreStatus.CANNOT_UNDERSTAND,
    RefusalCode.COMMAND_MISMATCH: StoreStatus.DATA_SET_MISMATCH,
}


def _try_later(error: DicomIoError, study_uid: str) -> _Outcome:
    return _Outcome(status=StoreStatus.OUT_OF_RESOURCES, reason=str(error), study_uid=study_uid)


def _find_mismatch(offer: Offer, header: Header) -> str:
    for name, commanded, found in (
        ("SOP Class UID", offer.sop_class_uid, header.instance.sop_class_uid),
        ("SOP Instance UID", offer.sop_instance_uid, header.instance.sop_instance_uid),
    ):
        if commanded is not None and commanded != found:
            return (
                f"{name}: the C-STORE command and its dataset name different ones; required: the same (PS3.7 9.1.1). "
                "Send the object again from its source."
            )
    return ""
