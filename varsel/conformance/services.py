"""What Varsel offers and asks for over DICOM, read off the code that does it."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.uid import UID, UID_dictionary

from dicom_io.commitment import CommitmentReport
from dicom_io.receive.commitment import commitment_service
from dicom_io.receive.negotiation import VERIFICATION, is_storage_class
from dicom_io.receive.notifications import MemoryNotificationBook, notification_services
from dicom_io.results.kinds import ResultKind
from dicom_io.results.rehearsal import write_rehearsal

#: What our own requests are for; the code that makes them lies in ``dicom_io.send`` and ``dicom_io.receive``.
_REQUESTED = {
    VERIFICATION: "`varsel check` and `varsel send` ask whether a node is there",
    "1.2.840.10008.5.1.4.1.2.2.1": "which results an archive holds, before any is sent again; which studies to fetch",
    "1.2.840.10008.5.1.4.1.2.2.2": "`varsel pull`: priors and back-filling, to our own Storage SCP",
    "1.2.840.10008.5.1.4.1.2.2.3": "`varsel pull`: priors and back-filling, on the same association",
    "1.2.840.10008.1.20.1": "that an archive takes responsibility for results that it accepted",
}


@dataclass(frozen=True, kw_only=True)
class Service:
    """One SOP class in one role."""

    #: SOP Class UID.
    uid: str
    #: Its name in PS3.6.
    name: str
    #: What it is for; empty where the name says it.
    purpose: str = ""


@dataclass(frozen=True, kw_only=True)
class Emitted:
    """One kind of result object."""

    #: As a destination's profile names it.
    kind: ResultKind
    #: SOP class.
    service: Service
    #: Modality (0008,0060).
    modality: str
    #: Series Number (0020,0011).
    series_number: int
    #: Name of its transfer syntax.
    transfer_syntax: str


def offered() -> tuple[Service, ...]:
    """Services of our DICOM node beside storage."""
    extra = (commitment_service(_NoSink()), *notification_services(MemoryNotificationBook()))
    return tuple(_service(uid) for uid in (VERIFICATION, *(one.abstract_syntax_uid for one in extra)))


def stored() -> tuple[Service, ...]:
    """Every storage class of the standard that our node takes."""
    return tuple(_service(uid) for uid in sorted(_storage_classes(), key=lambda uid: UID(uid).name))


def requested() -> tuple[Service, ...]:
    """Services that we ask others for, beside storage."""
    return tuple(_service(uid, purpose) for uid, purpose in _REQUESTED.items())


def emitted() -> tuple[Emitted, ...]:
    """One of each kind of object that we send, as it is really written."""
    profiles = [(kind,) for kind in ResultKind]
    with tempfile.TemporaryDirectory() as scratch:
        found = {
            one.kind: _emitted(one.kind, one.path)
            for one in write_rehearsal(Path(scratch), [*profiles, tuple(ResultKind)])
        }
    return tuple(found[kind] for kind in ResultKind if kind in found)


def _emitted(kind: ResultKind, path: Path) -> Emitted:
    header = dcmread(path, stop_before_pixels=True)
    return Emitted(
        kind=kind,
        service=_service(str(header.SOPClassUID)),
        modality=str(header.Modality),
        series_number=int(header.SeriesNumber),
        transfer_syntax=header.file_meta.TransferSyntaxUID.name,
    )


def _storage_classes() -> Iterator[str]:
    for uid in UID_dictionary:
        if is_storage_class(uid, takes_unknown_classes=False):
            yield uid


def _service(uid: str, purpose: str = "") -> Service:
    # PS3.6 of pydicom's edition does not know the newest.
    name = {"1.2.840.10008.5.1.4.1.1.66.7": "Label Map Segmentation Storage"}.get(uid, UID(uid).name)
    return Service(uid=uid, name=name, purpose=purpose)


class _NoSink:
    """Stands where reports would go."""

    def reported(self, report: CommitmentReport) -> None:
        """Nothing comes: the service is only asked what it is."""
        del report
