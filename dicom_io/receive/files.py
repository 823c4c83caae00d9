"""DICOM files (PS3.10) that came by HTTP or from an archive, handed to the neck piece by piece."""

from dataclasses import dataclass
from pathlib import Path

from pydicom.uid import ExplicitVRLittleEndian

from dicom_io.errors import DicomIoError
from dicom_io.file_format import split_file
from dicom_io.headers import read_header
from dicom_io.receive.intake import Envelope
from dicom_io.receive.neck import Neck
from dicom_io.receive.statuses import StoreStatus

#: Group 2 and whatever stands before it is never longer.
_HEAD_BYTES = 128 * 1024
_PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class OfferedFile:
    """A file at a door."""

    #: Where it lies; left there.
    path: Path
    #: Which door it came to, e.g. ``stow``.
    door: str
    #: Name of who sent it; empty when unknown.
    source: str
    #: The study that it must belong to; empty when any will do.
    study_uid: str = ""


@dataclass(frozen=True, kw_only=True)
class TakenFile:
    """What became of a file."""

    #: The answer of the neck.
    status: StoreStatus
    #: Why it was not taken, without patient data; empty on success.
    reason: str
    #: Whose it is; empty when its header could not be read.
    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str


def take_file(neck: Neck, offered: OfferedFile) -> TakenFile:
    """Let *neck* take a file or say why not; no more than a piece of it is in memory."""
    try:
        header = read_header(offered.path)
        with offered.path.open("rb") as file:
            part10 = split_file(file.read(_HEAD_BYTES))
    except DicomIoError as error:
        return _refused(neck, offered, str(error))
    uids = {
        "sop_class_uid": header.instance.sop_class_uid,
        "sop_instance_uid": header.instance.sop_instance_uid,
    }
    named = uids | {"study_uid": header.study_instance_uid}
    if offered.study_uid not in ("", header.study_instance_uid):
        reason = "The object belongs to another study than the one that was asked for."
        return TakenFile(status=StoreStatus.DATA_SET_MISMATCH, reason=reason, **named)
    envelope = Envelope(
        transfer_syntax_uid=part10.transfer_syntax_uid, door=offered.door, source_ae=offered.source, **uids
    )
    status, reason = _hand_over(neck, offered.path, envelope, part10.dataset_offset)
    return TakenFile(status=status, reason=reason, **named)


def _refused(neck: Neck, offered: OfferedFile, reason: str) -> TakenFile:
    # The neck refuses it too, and keeps the evidence: nothing in it bears the empty name.
    envelope = Envelope(
        transfer_syntax_uid=str(ExplicitVRLittleEndian),
        door=offered.door,
        source_ae=offered.source,
        sop_class_uid="",
        sop_instance_uid="",
    )
    status, _ = _hand_over(neck, offered.path, envelope, 0)
    return TakenFile(status=status, reason=reason, sop_class_uid="", sop_instance_uid="", study_uid="")


def _hand_over(neck: Neck, path: Path, envelope: Envelope, offset: int) -> tuple[StoreStatus, str]:
    incoming = neck.begin(envelope)
    try:
        with path.open("rb") as file:
            file.seek(offset)
            while piece := file.read(_PIECE_BYTES):
                incoming.write(memoryview(piece))
        verdict = neck.end(incoming)
    finally:
        incoming.drop()
    return verdict.status, verdict.reason
