"""From an analysis to messages on disk: one for each RIS and each record among the destinations."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from pathlib import Path

from dicom_io.codes import Code
from dicom_io.durable_file import make_directory, replace_file
from dicom_io.findings import Finding, Outcome
from dicom_io.results.kinds import ResultKind
from dicom_io.results.write import WrittenObject
from dicom_io.study import Study
from dicom_io.uids import derive_uid
from ehr_io.results.diagnostic_report import diagnostic_report
from ehr_io.results.imaging_result import (
    Answer,
    CodedConcept,
    ImagingFinding,
    ImagingMeasurement,
    ImagingResult,
    ResultStatus,
    Urgency,
)
from ehr_io.results.oru import Parties, oru_r01
from ehr_io.risks import ModelIdentity
from serving.pipeline import Analysis
from serving.records.work import WorkItem
from serving.settings.destinations import AnyDestination, FhirDestination, Hl7Destination

#: Whether this model has told this destination (by name) of this case before.
ToldBefore = Callable[[WorkItem, str], bool]


class MessageKind(Enum):
    """Kinds of message, beside the kinds of DICOM objects."""

    #: HL7 v2.5.1 ORU^R01.
    ORU = "oru"
    #: FHIR R4 transaction of a DiagnosticReport.
    FHIR = "fhir"
    #: Event for a webhook: a live alert, JSON.
    ALERT = "alert"


@dataclass(frozen=True, kw_only=True)
class WrittenMessage:
    """One message on disk; has what a `WrittenObject` has."""

    #: What it is.
    kind: MessageKind
    #: Name of the destination it is for.
    destination: str
    #: Its identity, also the stem of its file's name.
    sop_instance_uid: str
    #: Its file.
    path: Path
    #: SHA-256 of the file, 64 hexadecimal digits.
    sha256: str
    #: Messages have neither class nor series.
    sop_class_uid: str = ""
    series_instance_uid: str = ""
    #: They tell all findings.
    part: str = ""


def imaging_result(item: WorkItem, study: Study, analysis: Analysis, written: Sequence[WrittenObject]) -> ImagingResult:
    """What *analysis* says, as it is told to the RIS and the record."""
    report = analysis.report
    algorithm = report.algorithm
    reports = [one.sop_instance_uid for one in written if one.kind is ResultKind.SR]
    return ImagingResult(
        id=derive_uid("told", item.case_id, item.model),
        status=ResultStatus.PRELIMINARY,
        answer=Answer.NOT_ANALYSED if report.outcome is Outcome.NOT_ANALYSED else Answer(report.outcome.value),
        reason=report.reason,
        patient_id=study.patient_id,
        patient_name=study.patient_name,
        accession_number=study.accession_number,
        study_instance_uid=study.study_instance_uid,
        study_date=study.study_date,
        report_uid=reports[0] if reports else "",
        model=ModelIdentity(
            name=algorithm.name,
            version=algorithm.version,
            digest=algorithm.digest,
            demonstration=report.demonstration,
        ),
        findings=tuple(map(_finding, report.findings)),
        said_at=item.created_at,
        language=report.language,
    )


class MessageComposer:
    """Writes the messages of one site's destinations."""

    def __init__(self, results_dir: Path, destinations: Sequence[AnyDestination], told_before: ToldBefore) -> None:
        """Write below *results_dir*, beside the DICOM objects of the same work item."""
        self._results_dir = results_dir
        self._receivers = [one for one in destinations if isinstance(one, Hl7Destination | FhirDestination)]
        self._told_before = told_before

    def compose(
        self, item: WorkItem, study: Study, analysis: Analysis, written: Sequence[WrittenObject]
    ) -> tuple[WrittenMessage, ...]:
        """Write a message for each receiver; the same analysis gives the same bytes."""
        if not self._receivers:
            return ()
        result = imaging_result(item, study, analysis, written)
        return tuple(self._write(item, one, self._for(item, result, one)) for one in self._receivers)

    def _for(self, item: WorkItem, result: ImagingResult, receiver: Hl7Destination | FhirDestination) -> ImagingResult:
        status = ResultStatus.CORRECTED if self._told_before(item, receiver.name) else ResultStatus.PRELIMINARY
        urgency = _urgency(result, receiver) if isinstance(receiver, Hl7Destination) else None
        return replace(result, status=status, urgency=urgency)

    def _write(
        self, item: WorkItem, receiver: Hl7Destination | FhirDestination, result: ImagingResult
    ) -> WrittenMessage:
        uid = derive_uid("message", item.id, receiver.name, result.status.value)
        if isinstance(receiver, Hl7Destination):
            kind, content = MessageKind.ORU, oru_r01(result, _parties(receiver))
        else:
            kind, content = MessageKind.FHIR, json.dumps(diagnostic_report(result, receiver.patient_system)).encode()
        return write_message(kind, receiver.name, uid, content, self._results_dir / item.id)


def write_message(kind: MessageKind, destination: str, uid: str, content: bytes, directory: Path) -> WrittenMessage:
    """*content* for *destination* on disk, in *directory*, named by its *uid*: whole or not at all."""
    make_directory(directory)
    path = directory / f"{uid}.{kind.value}"
    replace_file(path, [content])
    return WrittenMessage(
        kind=kind, destination=destination, sop_instance_uid=uid, path=path, sha256=hashlib.sha256(content).hexdigest()
    )


def _urgency(result: ImagingResult, receiver: Hl7Destination) -> Urgency | None:
    """The wish to be read sooner, for a finding that *receiver* counts as urgent; never a wish to be read later."""
    urgent = [one for one in result.findings if one.label in receiver.urgent_labels]
    if not urgent:
        return None
    reason = "; ".join(f"AI: {one.text} {one.probability:.2f}" for one in urgent)
    return Urgency(reason=reason, expires_at=result.said_at + timedelta(hours=receiver.urgent_hours))


def _parties(receiver: Hl7Destination) -> Parties:
    return Parties(
        sending_application=receiver.sending_application,
        sending_facility=receiver.sending_facility,
        receiving_application=receiver.receiving_application,
        receiving_facility=receiver.receiving_facility,
    )


def _finding(finding: Finding) -> ImagingFinding:
    return ImagingFinding(
        label=finding.label,
        concept=_concept(finding.concept),
        text=finding.text,
        probability=finding.probability,
        threshold=finding.threshold,
        measurements=tuple(
            ImagingMeasurement(concept=_concept(one.concept), value=one.value, unit=one.unit.value)
            for one in finding.measurements
        ),
    )


def _concept(code: Code) -> CodedConcept:
    return CodedConcept(value=code.value, scheme=code.scheme, meaning=code.meaning)
