"""Sending DICOM files by C-STORE (PS3.4 B) as they lie on disk."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmread
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    SecondaryCaptureImageStorage,
)
from pynetdicom import build_context

from dicom_io.errors import RejectedError, SendError, UnreachableError
from dicom_io.headers import read_header
from dicom_io.send.association import DicomAddress, associated
from dicom_io.send.destination import Receipt, Reference, Refusal
from dicom_io.send.kept_association import KeptAssociation
from dicom_io.send.query import find_held
from dicom_io.send.side_association import SideAssociation
from dicom_io.study import Instance
from dicom_io.vendor_errors import PARSE_ERRORS

#: PS3.8 9.3.2.2: context ids are the odd numbers 1 to 255. An uncompressed class asks for two.
_MAXIMUM_CLASSES = 64
#: Our own pictures: unpacked for a peer that takes no JPEG. Other compressed objects go as they are or not at all.
_UNPACKED = (SecondaryCaptureImageStorage, JPEGBaseline8Bit)
_CANNOT_UNPACK: tuple[type[Exception], ...] = (RuntimeError, *PARSE_ERRORS)
#: Duplicate SOP Instance (PS3.7 C.5.7): it is there, which is what was wanted.
_ALREADY_HELD = 0x0111


@dataclass(frozen=True, kw_only=True)
class SendResult:
    """What became of one file."""

    #: The file.
    instance: Instance
    #: The destination's word; None when it did not take the file.
    receipt: Receipt | None
    #: Why it did not; None when it did.
    error: SendError | None


class StoreScu:
    """A DICOM archive as a destination."""

    def __init__(self, address: DicomAddress, keep_open_seconds: float = 0.0) -> None:
        """Send to *address*; associations are kept open for *keep_open_seconds* after a call."""
        self._address = address
        self._association = KeptAssociation(address, keep_open_seconds)
        self._for_pictures = SideAssociation(address, keep_open_seconds)

    def send(self, objects: Sequence[Path]) -> tuple[Receipt | Refusal, ...]:
        """Send files, pictures over an association of their own; see `Destination.send`."""
        instances = [read_header(path).instance for path in objects]
        first, pictures, then = _side_by_side(instances)
        if not first or not pictures:
            return tuple(self._send_all(self._association, instances))
        with suppress(RejectedError):
            # Opened before the other: an archive that takes one association alone shall give it to this one.
            self._association.prepare(_contexts(next(_batches(first))))
        with ThreadPoolExecutor(1) as beside:
            # An archive takes some 10 ms for an object whatever its size, and several at once.
            pending = beside.submit(self._send_pictures, pictures)
            answers = self._send_all(self._association, first)
            taken = pending.result()
        rest = then if taken is not None else [*pictures, *then]
        answers += [*(taken or ()), *self._send_all(self._association, rest)]
        by_uid = {answer.sop_instance_uid: answer for answer in answers}
        return tuple(by_uid[one.sop_instance_uid] for one in instances)

    def prepare(self) -> None:
        """Open the associations again that were needed before: something is about to be sent.

        Raises:
            UnreachableError, RejectedError: the archive takes none.
        """
        self._association.reopen()
        self._for_pictures.reopen()

    def holds(self, references: Sequence[Reference]) -> AbstractSet[str]:
        """Ask by C-FIND; see `Destination.holds`."""
        return find_held(self._address, references)

    def close(self) -> None:
        """Release the associations that are kept open."""
        self._association.close()
        self._for_pictures.close()

    def _send_pictures(self, pictures: Sequence[Instance]) -> list[Receipt | Refusal] | None:
        """The answers; None where nothing was sent, since the archive takes no second association."""
        if not self._for_pictures.is_open(_contexts(pictures)):
            return None
        return self._send_all(self._for_pictures.kept, pictures)

    def _send_all(self, kept: KeptAssociation, instances: Sequence[Instance]) -> list[Receipt | Refusal]:
        return [answer for batch in _batches(instances) for answer in self._send_batch(kept, batch)]

    def _send_batch(self, kept: KeptAssociation, batch: Sequence[Instance]) -> list[Receipt | Refusal]:
        try:
            with kept.open(_contexts(batch)) as association:
                return [_answer(_try_store(association, instance, self._address)) for instance in batch]
        except RejectedError as error:
            # None of their classes is taken, so there was no association at all.
            return [Refusal(sop_instance_uid=one.sop_instance_uid, reason=str(error)) for one in batch]


def _side_by_side(
    instances: Sequence[Instance],
) -> tuple[Sequence[Instance], Sequence[Instance], Sequence[Instance]]:
    """What is sent first, the pictures that may be sent meanwhile, and what has to wait for both."""
    end = max((place for place, one in enumerate(instances, start=1) if _is_picture(one)), default=0)
    first = [one for one in instances[:end] if not _is_picture(one)]
    return first, [one for one in instances[:end] if _is_picture(one)], instances[end:]


def _is_picture(instance: Instance) -> bool:
    return instance.sop_class_uid == SecondaryCaptureImageStorage


def _answer(sent: SendResult) -> Receipt | Refusal:
    if isinstance(sent.error, RejectedError):
        return Refusal(sop_instance_uid=sent.instance.sop_instance_uid, reason=str(sent.error))
    if sent.receipt is None:
        raise sent.error or UnreachableError
    return sent.receipt


def send_instances(instances: Sequence[Instance], address: DicomAddress) -> Iterator[SendResult]:
    """Send *instances* in order, over as few associations as their SOP classes allow; a result for each as it comes.

    Raises:
        UnreachableError: an association could not be made.
    """
    for batch in _batches(instances):
        with associated(address, _contexts(batch)) as association:
            for instance in batch:
                yield _try_store(association, instance, address)


def _batches(instances: Sequence[Instance]) -> Iterator[list[Instance]]:
    batch: list[Instance] = []
    classes: set[tuple[str, str]] = set()
    for instance in instances:
        wanted = (instance.sop_class_uid, instance.transfer_syntax_uid)
        if wanted not in classes and len(classes) == _MAXIMUM_CLASSES:
            yield batch
            batch, classes = [], set()
        batch.append(instance)
        classes.add(wanted)
    if batch:
        yield batch


def _contexts(instances: Sequence[Instance]) -> list[Any]:
    # One transfer syntax a context: the peer cannot choose another than the file's own, so no re-encoding.
    wanted = dict.fromkeys((instance.sop_class_uid, instance.transfer_syntax_uid) for instance in instances)
    fallback = {(uid, other) for uid, syntax in wanted for other in _others(uid, syntax)}
    return [build_context(uid, syntax) for uid, syntax in (*wanted, *sorted(fallback - wanted.keys()))]


def _others(sop_class_uid: str, transfer_syntax_uid: str) -> tuple[str, ...]:
    """What an object can be turned into, best first; every peer knows Implicit VR Little Endian (PS3.5 10.1)."""
    if transfer_syntax_uid == ExplicitVRLittleEndian:
        return (ImplicitVRLittleEndian,)
    if (sop_class_uid, transfer_syntax_uid) == _UNPACKED:
        return ExplicitVRLittleEndian, ImplicitVRLittleEndian
    return ()


def _try_store(association: Any, instance: Instance, address: DicomAddress) -> SendResult:
    try:
        receipt = _store(association, instance, address)
    except SendError as error:
        return SendResult(instance=instance, receipt=None, error=error)
    return SendResult(instance=instance, receipt=receipt, error=None)


def _store(association: Any, instance: Instance, address: DicomAddress) -> Receipt:
    if not association.is_established:
        raise UnreachableError(f"{address} broke off the association. Send the rest again.")
    payload = _payload(association, instance, address)
    try:
        response = association.send_c_store(payload)
    except (AttributeError, ValueError) as error:
        raise RejectedError(
            f"An object of SOP class {instance.sop_class_uid} cannot be sent: its File Meta Information and dataset "
            "contradict each other or break off; required: a whole DICOM file (PS3.10)."
        ) from error
    if "Status" not in response:
        raise UnreachableError(f"{address} did not answer a C-STORE in time or broke off. Send the object again.")
    return _receipt(int(response.Status), instance, address)


def _payload(association: Any, instance: Instance, address: DicomAddress) -> Any:
    accepted = {(str(cx.abstract_syntax), str(cx.transfer_syntax[0])) for cx in association.accepted_contexts}
    wanted = (instance.sop_class_uid, instance.transfer_syntax_uid)
    if wanted in accepted:
        return instance.path
    if any((instance.sop_class_uid, other) in accepted for other in _others(*wanted)):
        return _uncompressed(instance.path)
    raise RejectedError(
        f"{address} does not accept SOP class {instance.sop_class_uid} in transfer syntax "
        f"{instance.transfer_syntax_uid}; required: both. Allow them there, or send the object in another form."
    )


def _uncompressed(path: Path) -> Dataset:
    """The object for a peer that does not take its transfer syntax, under the same UID: nothing else of it changes."""
    dataset = dcmread(path)
    if dataset.file_meta.TransferSyntaxUID.is_compressed:
        try:
            dataset.decompress(generate_instance_uid=False)
        except _CANNOT_UNPACK as error:
            raise RejectedError(
                "A compressed picture cannot be unpacked for an archive that takes no JPEG; required: a whole JPEG "
                "stream (PS3.5 8.2.1). Have the archive take JPEG Baseline, or make the result anew."
            ) from error
    return dataset


def _receipt(status: int, instance: Instance, address: DicomAddress) -> Receipt:
    if 0xA700 <= status <= 0xA7FF:
        # The one failure that passes by itself (PS3.4 B.2.3), so the one to be tried again.
        raise UnreachableError(f"{address} is out of resources (status {status:04X}). Send the object again later.")
    if not (status in (0x0000, 0x0001, 0x0107, 0x0116, _ALREADY_HELD) or 0xB000 <= status <= 0xBFFF):
        raise RejectedError(
            f"{address} refused an object of SOP class {instance.sop_class_uid} with status {status:04X}; required: "
            "success or a warning (PS3.4 B.2.3). Look in its log for the reason."
        )
    return Receipt(sop_instance_uid=instance.sop_instance_uid, status=status, at=datetime.now(UTC))
