"""What a performer says of a work item: progress, and what was performed with its outputs (PS3.3 C.30.3, C.30.4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydicom.dataset import Dataset

#: Longest ST (PS3.5 6.2).
_LONGEST_TEXT = 1024


@dataclass(frozen=True, kw_only=True)
class OutputObject:
    """One object that came out."""

    #: Study Instance UID (0020,000D).
    study_uid: str
    #: Series Instance UID (0020,000E).
    series_uid: str
    #: SOP Class UID (0008,0016).
    sop_class_uid: str
    #: SOP Instance UID (0008,0018).
    sop_instance_uid: str


@dataclass(frozen=True, kw_only=True)
class Performed:
    """What was performed."""

    #: Code, scheme and meaning of what was done; equal to what was asked for.
    code: tuple[str, str, str]
    #: Who did it: name of the station.
    station: str
    #: When it began and ended, aware.
    started_at: datetime
    ended_at: datetime
    #: The objects that came out.
    outputs: Sequence[OutputObject]
    #: AE titles of the archives that were sent them.
    archives: Sequence[str]
    #: One sentence of what came out, without patient data.
    comment: str


def progress(percent: int, words: str) -> Dataset:
    """Procedure Step Progress Information Sequence (0074,1002)."""
    item = Dataset()
    item.ProcedureStepProgress = str(percent)
    item.ProcedureStepProgressDescription = words[:_LONGEST_TEXT]
    said = Dataset()
    said.ProcedureStepProgressInformationSequence = [item]
    return said


def cancellation(reason: str, at: datetime) -> Dataset:
    """Progress information that says why a work item ends without being done."""
    item = Dataset()
    item.ProcedureStepCancellationDateTime = _moment(at)
    item.ReasonForCancellation = reason[:_LONGEST_TEXT]
    said = Dataset()
    said.ProcedureStepProgressInformationSequence = [item]
    return said


def performed(what: Performed) -> Dataset:
    """Unified Procedure Step Performed Procedure Sequence (0074,1216), and progress at 100 per cent."""
    item = Dataset()
    item.PerformedStationNameCodeSequence = [_code(what.station, what.code[1], what.station)]
    item.PerformedProcedureStepStartDateTime = _moment(what.started_at)
    item.PerformedProcedureStepEndDateTime = _moment(what.ended_at)
    item.PerformedWorkitemCodeSequence = [_code(*what.code)]
    item.CommentsOnThePerformedProcedureStep = what.comment[:_LONGEST_TEXT]
    item.OutputInformationSequence = _outputs(what)
    said = progress(100, "done")
    said.UnifiedProcedureStepPerformedProcedureSequence = [item]
    return said


def _outputs(what: Performed) -> list[Dataset]:
    by_series: dict[tuple[str, str], list[OutputObject]] = {}
    for one in what.outputs:
        by_series.setdefault((one.study_uid, one.series_uid), []).append(one)
    return [_output(study, series, objects, what.archives) for (study, series), objects in by_series.items()]


def _output(study_uid: str, series_uid: str, objects: Sequence[OutputObject], archives: Sequence[str]) -> Dataset:
    item = Dataset()
    item.TypeOfInstances = "DICOM"
    item.StudyInstanceUID = study_uid
    item.SeriesInstanceUID = series_uid
    item.ReferencedSOPSequence = [_reference(one) for one in objects]
    item.DICOMRetrievalSequence = [_retrieval(ae_title) for ae_title in archives]
    return item


def _reference(one: OutputObject) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = one.sop_class_uid
    item.ReferencedSOPInstanceUID = one.sop_instance_uid
    return item


def _retrieval(ae_title: str) -> Dataset:
    item = Dataset()
    item.RetrieveAETitle = ae_title
    return item


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    # Code Value is an SH (16 characters); a longer one has an attribute of its own (PS3.3 8.1).
    if len(value) <= 16:
        item.CodeValue = value
    else:
        item.LongCodeValue = value
    item.CodingSchemeDesignator = scheme
    item.CodeMeaning = meaning[:64]
    return item


def _moment(at: datetime) -> str:
    return at.strftime("%Y%m%d%H%M%S.%f%z")
