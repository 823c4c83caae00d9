"""Storage commitment (PS3.4 J): what is asked of an archive, and what it reports."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from pydicom.dataset import Dataset

from dicom_io.errors import NotDicomError
from dicom_io.uids import is_valid_uid

#: Failure Reason (0008,1197) in words (PS3.3 C.14.1.1).
_REASONS = {
    0x0110: "processing failure",
    0x0112: "no such object instance",
    0x0119: "class and instance conflict",
    0x0122: "SOP class not supported",
    0x0131: "duplicate transaction UID",
    0x0213: "resource limitation",
}


@dataclass(frozen=True, kw_only=True)
class CommitmentItem:
    """One object whose storage is to be committed."""

    #: SOP Class UID (0008,0016).
    sop_class_uid: str
    #: SOP Instance UID (0008,0018).
    sop_instance_uid: str


@dataclass(frozen=True, kw_only=True)
class CommitmentReport:
    """An archive's answer to one request."""

    #: Transaction UID (0008,1195) of the request.
    transaction_uid: str
    #: SOP Instance UIDs that it has taken responsibility for.
    committed: AbstractSet[str]
    #: SOP Instance UID -> why not, in words.
    failed: Mapping[str, str]


def action_information(transaction_uid: str, items: Sequence[CommitmentItem]) -> Dataset:
    """The Action Information of a request (PS3.4 Table J.3-1)."""
    made = Dataset()
    made.TransactionUID = transaction_uid
    made.ReferencedSOPSequence = [_referenced(item) for item in items]
    return made


def read_report(information: Dataset) -> CommitmentReport:
    """The Event Information of a report (PS3.4 Table J.3-2).

    Raises:
        NotDicomError: it names no transaction.
    """
    transaction_uid = str(information.get("TransactionUID", ""))
    if not is_valid_uid(transaction_uid):
        raise NotDicomError("A storage commitment report bears no valid Transaction UID (0008,1195); required: ours.")
    committed = (str(item.ReferencedSOPInstanceUID) for item in information.get("ReferencedSOPSequence") or ())
    failed = {
        str(item.ReferencedSOPInstanceUID): _in_words(item.get("FailureReason"))
        for item in information.get("FailedSOPSequence") or ()
    }
    return CommitmentReport(
        transaction_uid=transaction_uid, committed=frozenset(committed) - failed.keys(), failed=failed
    )


def _referenced(item: CommitmentItem) -> Dataset:
    made = Dataset()
    made.ReferencedSOPClassUID = item.sop_class_uid
    made.ReferencedSOPInstanceUID = item.sop_instance_uid
    return made


def _in_words(reason: int | None) -> str:
    return "no reason given" if reason is None else f"{reason:04X} {_REASONS.get(reason, 'unknown reason')}"
