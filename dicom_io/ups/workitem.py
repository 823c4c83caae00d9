"""A Unified Procedure Step as a value, read from its attributes (PS3.3 C.30)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from pydicom.dataset import Dataset

from dicom_io.uids import is_valid_uid
from dicom_io.ups.errors import WorkitemFormatError

_Member = TypeVar("_Member", bound=Enum)

#: Coding Scheme Designator (0008,0102) of the codes that name our rules in a Scheduled Workitem Code Sequence.
CODING_SCHEME = "99VARSEL"


class StepState(Enum):
    """Procedure Step State (0074,1000)."""

    #: Waits for a performer.
    SCHEDULED = "SCHEDULED"
    #: Claimed.
    IN_PROGRESS = "IN PROGRESS"
    #: Done; its outputs are named.
    COMPLETED = "COMPLETED"
    #: Ended without being done.
    CANCELED = "CANCELED"


#: States that nothing leads out of.
FINAL = frozenset({StepState.COMPLETED, StepState.CANCELED})


class StepPriority(Enum):
    """Scheduled Procedure Step Priority (0074,1200)."""

    #: Urgent or emergent.
    HIGH = "HIGH"
    #: Routine.
    MEDIUM = "MEDIUM"
    #: When there is time.
    LOW = "LOW"


@dataclass(frozen=True, kw_only=True)
class InputReference:
    """One item of the Input Information Sequence (0040,4021): objects of one study and where they can be had."""

    #: Study Instance UID (0020,000D).
    study_uid: str
    #: Retrieve AE Titles (0008,0054); empty when none is named.
    retrieve_ae_titles: tuple[str, ...]
    #: Retrieve URLs (0008,1190) for WADO-RS; empty when none is named.
    retrieve_urls: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Workitem:
    """What a performer needs to know of one work item."""

    #: SOP Instance UID (0008,0018).
    uid: str
    #: Where it stands.
    state: StepState
    #: How urgent it is.
    priority: StepPriority
    #: Code Value of the Scheduled Workitem Code (0040,4018) in `CODING_SCHEME`; empty when there is none.
    code: str
    #: What is to be worked on.
    inputs: tuple[InputReference, ...]

    @property
    def study_uid(self) -> str:
        """The one study that is to be worked on.

        Raises:
            WorkitemFormatError: it names none, or several.
        """
        studies = {one.study_uid for one in self.inputs}
        if len(studies) != 1:
            raise WorkitemFormatError(
                f"Input Information Sequence (0040,4021): found {len(studies)} studies; required: one. "
                "Create one work item a study."
            )
        return studies.pop()


def read_workitem(uid: str, dataset: Dataset) -> Workitem:
    """The work item *uid* that *dataset* tells of.

    Raises:
        WorkitemFormatError: a value is not from its closed set, or a UID is none.
    """
    return Workitem(
        uid=uid,
        state=_one_of(StepState, dataset, "ProcedureStepState"),
        priority=_one_of(StepPriority, dataset, "ScheduledProcedureStepPriority"),
        code=_our_code(dataset),
        inputs=tuple(_read_input(item) for item in dataset.get("InputInformationSequence") or []),
    )


def _one_of(kind: type[_Member], dataset: Dataset, keyword: str) -> _Member:
    found = str(dataset.get(keyword, "") or "")
    try:
        return kind(found)
    except ValueError:
        known = ", ".join(str(member.value) for member in kind)
        raise WorkitemFormatError(f"{keyword}: found '{found[:16]}'; required: one of {known}.") from None


def _our_code(dataset: Dataset) -> str:
    for item in dataset.get("ScheduledWorkitemCodeSequence") or []:
        if item.get("CodingSchemeDesignator") == CODING_SCHEME:
            # Code Value is an SH (16 characters); a longer one has an attribute of its own (PS3.3 8.1).
            return str(item.get("CodeValue") or item.get("LongCodeValue", ""))
    return ""


def _read_input(item: Dataset) -> InputReference:
    study_uid = str(item.get("StudyInstanceUID", "") or "")
    if not is_valid_uid(study_uid):
        raise WorkitemFormatError(
            "Study Instance UID (0020,000D) in the Input Information Sequence: found no UID; required: one."
        )
    titles = [one.get("RetrieveAETitle") for one in item.get("DICOMRetrievalSequence") or []]
    urls = [one.get("RetrieveURL") for one in item.get("WADORSRetrievalSequence") or []]
    return InputReference(study_uid=study_uid, retrieve_ae_titles=_texts(titles), retrieve_urls=_texts(urls))


def _texts(values: Sequence[object]) -> tuple[str, ...]:
    return tuple(str(value) for value in values if value)
