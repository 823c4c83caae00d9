"""The one way in for received objects: every door converts what it got to an Offer and calls `Neck.take`."""

import contextlib
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dicom_io.errors import DicomIoError, InboxUnavailableError, IncompleteObjectError, NotDicomError, SpoolError
from dicom_io.file_format import split_file
from dicom_io.headers import Header, read_dataset_header
from dicom_io.receive.inbox import Arrival, Inbox, Landing, Refusal, RefusalCode
from dicom_io.receive.intake import Envelope, Incoming
from dicom_io.receive.recorder import Recorder
from dicom_io.receive.spool import Draft, Spool
from dicom_io.receive.statuses import StoreStatus

_log = logging.getLogger(__name__)
_NO_LIMIT = 2**63


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

    def __init__(
        self, inbox: Inbox, spool: Spool, observer: StoreObserver, *, maximum_object_bytes: int = _NO_LIMIT
    ) -> None:
        """Keep files in *spool*, record them in *inbox*, tell *observer*; refuse what is above the limit."""
        self._inbox = inbox
        self._spool = spool
        self._observer = observer
        self._maximum_object_bytes = maximum_object_bytes
        self._recorder = Recorder(inbox)

    def take(self, offer: Offer) -> Verdict:
        """Take *offer* or say why not. Success means that it is on disk and recorded (PS3.4 B.2.3)."""
        incoming = self.begin(_envelope(offer))
        incoming.write(memoryview(offer.dataset))
        return self.end(incoming)

    def blank(self) -> Draft | None:
        """A file for the next `begin`, made when no sender waits; None when the disk fails, as `begin` will say."""
        with contextlib.suppress(SpoolError):
            return self._spool.blank()
        return None

    def begin(self, envelope: Envelope, blank: Draft | None = None) -> Incoming:
        """Begin to take an object that comes in pieces; then `end` it, or drop it when it breaks off."""
        return Incoming(envelope, self._spool, self._maximum_object_bytes, blank)

    def end(self, incoming: Incoming) -> Verdict:
        """Take the object, which is whole now, or say why not, as `take` does."""
        verdict = self.judge(incoming)
        self.tell(verdict, incoming)
        return verdict

    def judge(self, incoming: Incoming) -> Verdict:
        """As `end`, for a door that answers its sender before it calls `tell`."""
        started = time.perf_counter()
        outcome = self._judge(incoming)
        return Verdict(
            status=outcome.status,
            reason=outcome.reason,
            study_uid=outcome.study_uid,
            landing=outcome.landing,
            size_bytes=incoming.size_bytes,
            seconds=time.perf_counter() - started,
        )

    def tell(self, verdict: Verdict, incoming: Incoming) -> None:
        """Note the *verdict* on *incoming* in the log and with the observer."""
        if verdict.reason:
            envelope = incoming.envelope
            _log.warning(
                "An object was not taken: %s",
                verdict.reason,
                extra={"action": "store_refused", "door": envelope.door, "source_ae": envelope.source_ae},
            )
        self._observer.took(verdict)

    def _judge(self, incoming: Incoming) -> "_Outcome":
        if incoming.failure is not None:
            return _try_later(incoming.failure)
        if incoming.is_too_large:
            return self._refuse(incoming, RefusalCode.TOO_LARGE, self._too_large)
        try:
            header = incoming.header()
        except NotDicomError as error:
            return self._refuse(incoming, RefusalCode.NOT_DICOM, str(error))
        except IncompleteObjectError as error:
            return self._refuse(incoming, RefusalCode.INCOMPLETE_OBJECT, str(error))
        mismatch = _find_mismatch(incoming.envelope, header)
        if mismatch:
            return self._refuse(incoming, RefusalCode.COMMAND_MISMATCH, mismatch, header.study_instance_uid)
        return self._keep(incoming, header)

    @property
    def _too_large(self) -> str:
        return (
            f"The object has more than {self._maximum_object_bytes} bytes; required: at most so many. "
            "Raise receive.maximum_object_mib, or send the object in parts."
        )

    def _keep(self, incoming: Incoming, header: Header) -> "_Outcome":
        study_uid = header.study_instance_uid
        try:
            spooled = self._spool.keep(
                incoming.hand_over(), study_uid=study_uid, sop_uid=header.instance.sop_instance_uid
            )
            # A file whose record fails stays: it may have been recorded all the same. The next start of the receiver
            # brings files and records together.
            landing = self._recorder.record(
                Arrival(
                    path=spooled.path,
                    header=header.at(spooled.path),
                    digest=spooled.digest,
                    size_bytes=spooled.size_bytes,
                    source_ae=incoming.envelope.source_ae,
                )
            )
        except (SpoolError, InboxUnavailableError) as error:
            return _try_later(error, study_uid)
        return _Outcome(status=StoreStatus.SUCCESS, study_uid=study_uid, landing=landing)

    def _refuse(self, incoming: Incoming, code: RefusalCode, reason: str, study_uid: str = "") -> "_Outcome":
        refusal = Refusal(
            door=incoming.envelope.door,
            reason_code=code,
            reason=reason,
            source_ae=incoming.envelope.source_ae,
            path=self._keep_evidence(incoming),
            study_uid=study_uid,
        )
        try:
            self._inbox.refuse(refusal)
        except InboxUnavailableError as error:
            return _try_later(error, study_uid)
        return _Outcome(status=_STATUS_OF_REFUSAL[code], reason=reason, study_uid=study_uid)

    def _keep_evidence(self, incoming: Incoming) -> Path | None:
        if incoming.is_too_large:
            return None
        try:
            return self._spool.keep_refused(incoming.hand_over())
        except SpoolError:
            # No room for evidence; the refusal itself is still recorded.
            return None


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
    RefusalCode.TOO_LARGE: StoreStatus.TOO_LARGE,
}


def _try_later(error: DicomIoError, study_uid: str = "") -> _Outcome:
    return _Outcome(status=StoreStatus.OUT_OF_RESOURCES, reason=str(error), study_uid=study_uid)


def _envelope(offer: Offer) -> Envelope:
    # A door without a command takes the object's own word; what cannot be read is refused when it is judged.
    class_uid, instance_uid = offer.sop_class_uid, offer.sop_instance_uid
    if class_uid is None or instance_uid is None:
        with contextlib.suppress(DicomIoError):
            instance = read_dataset_header(offer.dataset, offer.transfer_syntax_uid).instance
            class_uid, instance_uid = class_uid or instance.sop_class_uid, instance_uid or instance.sop_instance_uid
    return Envelope(
        transfer_syntax_uid=offer.transfer_syntax_uid,
        door=offer.door,
        source_ae=offer.source_ae,
        sop_class_uid=class_uid or "",
        sop_instance_uid=instance_uid or "",
    )


def _find_mismatch(envelope: Envelope, header: Header) -> str:
    for name, commanded, found in (
        ("SOP Class UID", envelope.sop_class_uid, header.instance.sop_class_uid),
        ("SOP Instance UID", envelope.sop_instance_uid, header.instance.sop_instance_uid),
    ):
        if commanded != found:
            return (
                f"{name}: the C-STORE command and its dataset name different ones; required: the same (PS3.7 9.1.1). "
                "Send the object again from its source."
            )
    return ""
