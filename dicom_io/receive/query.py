"""Finding studies in an archive by C-FIND, Study Root (PS3.4 C.4.1)."""

from collections.abc import Sequence
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import build_context
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind

from dicom_io.errors import RejectedError, UnreachableError
from dicom_io.retrieve.source import FoundStudy, StudyQuery
from dicom_io.send.association import DicomAddress, associated
from dicom_io.uids import is_valid_uid

_PENDING = (0xFF00, 0xFF01)
_CANCELLED = 0xFE00


def find_studies(address: DicomAddress, query: StudyQuery) -> Sequence[FoundStudy]:
    """The studies at *address* that match; see `StudySource.find`."""
    found: list[FoundStudy] = []
    with associated(address, [build_context(StudyRootQueryRetrieveInformationModelFind)]) as association:
        answers = association.send_c_find(_identifier(query), StudyRootQueryRetrieveInformationModelFind)
        for status, identifier in answers:
            if "Status" not in status:
                raise UnreachableError(f"{address} did not answer a query in time or broke off. Ask again.")
            if not _is_pending(int(status.Status), address) or identifier is None:
                continue
            if is_valid_uid(str(identifier.get("StudyInstanceUID", ""))):
                found.append(_found(identifier))
            if query.limit and len(found) == query.limit:
                # What is still under way is let pass; more is not worth its while.
                association.send_c_cancel(1, None, StudyRootQueryRetrieveInformationModelFind)
    return found[: query.limit or None]


def _identifier(query: StudyQuery) -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "STUDY"
    identifier.StudyInstanceUID = query.study_uid
    identifier.StudyDate = query.date_range
    identifier.ModalitiesInStudy = query.modality
    identifier.PatientID = query.patient_id
    identifier.NumberOfStudyRelatedInstances = None
    return identifier


def _is_pending(status: int, address: DicomAddress) -> bool:
    if status not in (0x0000, _CANCELLED, *_PENDING):
        raise RejectedError(
            f"{address} refused a C-FIND with status {status:04X}; required: success (PS3.4 C.4.1.1.4). "
            "Allow queries from our AE title there."
        )
    return status in _PENDING


def _found(identifier: Any) -> FoundStudy:
    count = str(identifier.get("NumberOfStudyRelatedInstances", "") or "")
    return FoundStudy(study_uid=str(identifier.StudyInstanceUID), instances=int(count) if count.isdigit() else None)
