"""Asking an archive which objects it holds: C-FIND, Study Root, IMAGE level (PS3.4 C.4.1)."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import groupby
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import build_context
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind

from dicom_io.errors import RejectedError, UnreachableError
from dicom_io.send.association import DicomAddress, associated
from dicom_io.send.destination import Reference

#: UIDs in one List of UID Matching key (PS3.4 C.2.2.2.2); keeps the identifier in one small PDU.
_UIDS_PER_QUERY = 100
_PENDING = (0xFF00, 0xFF01)


def find_held(address: DicomAddress, references: Sequence[Reference]) -> AbstractSet[str]:
    """The SOP Instance UIDs of those *references* that the archive at *address* holds.

    Raises:
        UnreachableError: no association, or it broke.
        RejectedError: the archive refuses the query.
    """
    if not references:
        return frozenset()
    asked = {reference.sop_instance_uid for reference in references}
    held: set[str] = set()
    with associated(address, [build_context(StudyRootQueryRetrieveInformationModelFind)]) as association:
        for query in _queries(references):
            held.update(_answers(association, query, address))
    # An archive that does not know List of UID Matching may answer with the whole series.
    return held & asked


def _queries(references: Sequence[Reference]) -> Iterator[Dataset]:
    def place(reference: Reference) -> tuple[str, str]:
        return reference.study_instance_uid, reference.series_instance_uid

    for (study_uid, series_uid), members in groupby(sorted(references, key=place), key=place):
        uids = sorted({member.sop_instance_uid for member in members})
        for start in range(0, len(uids), _UIDS_PER_QUERY):
            query = Dataset()
            query.QueryRetrieveLevel = "IMAGE"
            query.StudyInstanceUID = study_uid
            query.SeriesInstanceUID = series_uid
            query.SOPInstanceUID = uids[start : start + _UIDS_PER_QUERY]
            yield query


def _answers(association: Any, query: Dataset, address: DicomAddress) -> Iterator[str]:
    if not association.is_established:
        raise UnreachableError(f"{address} broke off the association. Ask again.")
    for response, identifier in association.send_c_find(query, StudyRootQueryRetrieveInformationModelFind):
        if "Status" not in response:
            raise UnreachableError(f"{address} did not answer a query in time or broke off. Ask again.")
        status = int(response.Status)
        if status in _PENDING and identifier is not None:
            yield str(identifier.SOPInstanceUID)
        elif status not in (0x0000, *_PENDING):
            raise RejectedError(
                f"{address} refused a C-FIND with status {status:04X}; required: success (PS3.4 C.4.1.1.4). "
                "Allow queries from our AE title there."
            )
