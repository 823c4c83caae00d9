"""An imaging result as FHIR R4: a transaction of one DiagnosticReport and its Observations.

R4 has no ImagingSelection, so the study is named by its UID (DiagnosticReport.imagingStudy, Observation.derivedFrom).
Every resource bears an id of its own and is PUT, so that the same words told again change nothing.
"""

from datetime import UTC, datetime
from typing import Any

from ehr_io.results.imaging_result import CodedConcept, ImagingFinding, ImagingMeasurement, ImagingResult, ResultStatus
from ehr_io.results.imaging_wording import caveats, headline
from ehr_io.results.risk_assessment import AI_ASSERTED, RELEASE_DIGEST

_Json = dict[str, Any]
_SYSTEMS = {
    "SCT": "http://snomed.info/sct",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "UCUM": "http://unitsofmeasure.org",
}
_OWN_CODES = "https://varsel.example/codes"
#: DiagnosticReport.status and Observation.status (R4) have the same words for these.
_STATUS = {
    ResultStatus.PRELIMINARY: "preliminary",
    ResultStatus.CORRECTED: "corrected",
}
_RADIOLOGY = {"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RAD", "display": "Radiology"}
_IMAGING = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "imaging"}
_SERVICE = CodedConcept(value="ai-analysis", scheme="99VARSEL", meaning="AI image analysis")
_ACCESSION = {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}


def diagnostic_report(result: ImagingResult, patient_system: str) -> _Json:
    """*result* as a Bundle of type transaction; *patient_system* is the URI of the patient's number, empty for none."""
    observations = [
        _observation(result, finding, patient_system, place) for place, finding in enumerate(result.findings, 1)
    ]
    report = _report(result, patient_system, [one["id"] for one in observations])
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": f"{_OWN_CODES}/{one['resourceType']}/{one['id']}",
                "resource": one,
                "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"},
            }
            for one in (*observations, report)
        ],
    }


def withdrawn_report(bundle: _Json, words: str) -> _Json:
    """The transaction that takes *bundle* of `diagnostic_report` back: the same resources, entered in error."""

    def taken_back(resource: _Json) -> _Json:
        told = {"conclusion": words} if resource["resourceType"] == "DiagnosticReport" else {}
        return {**resource, "status": "entered-in-error", **told}

    return {**bundle, "entry": [{**one, "resource": taken_back(one["resource"])} for one in bundle["entry"]]}


def _report(result: ImagingResult, patient_system: str, observation_ids: list[str]) -> _Json:
    made = _shared(result, "DiagnosticReport", result.id, patient_system) | {
        "category": [{"coding": [_RADIOLOGY]}],
        "code": {"coding": [_coding(_SERVICE)]},
        "issued": _instant(result.said_at),
        "imagingStudy": [_study(result)],
        "conclusion": "\n".join((headline(result), *caveats(result))),
    }
    if observation_ids:
        made["result"] = [{"reference": f"Observation/{one}"} for one in observation_ids]
    if result.accession_number:
        order = {"type": {"coding": [_ACCESSION]}, "value": result.accession_number}
        made["basedOn"] = [{"type": "ServiceRequest", "identifier": order}]
    return made


def _observation(result: ImagingResult, finding: ImagingFinding, patient_system: str, place: int) -> _Json:
    return _shared(result, "Observation", f"{result.id}-{place}", patient_system) | {
        "contained": [_device(result)],
        "category": [{"coding": [_IMAGING]}],
        "code": {"coding": [_coding(finding.concept)], "text": finding.text},
        "issued": _instant(result.said_at),
        "valueQuantity": {"value": round(finding.probability, 4), "system": _SYSTEMS["UCUM"], "code": "1"},
        "referenceRange": [{"high": {"value": finding.threshold, "system": _SYSTEMS["UCUM"], "code": "1"}}],
        "device": {"reference": "#model", "display": result.model.label},
        "derivedFrom": [_study(result)],
        **({"component": [_component(one) for one in finding.measurements]} if finding.measurements else {}),
    }


def _shared(result: ImagingResult, kind: str, identifier: str, patient_system: str) -> _Json:
    patient = {"system": patient_system} if patient_system else {}
    return {
        "resourceType": kind,
        "id": identifier,
        "meta": {"security": [AI_ASSERTED]},
        "language": "da" if result.language == "da" else "en",
        "status": _STATUS[result.status],
        "subject": {"type": "Patient", "identifier": {**patient, "value": result.patient_id}},
    }


def _device(result: ImagingResult) -> _Json:
    return {
        "resourceType": "Device",
        "id": "model",
        "identifier": [{"system": RELEASE_DIGEST, "value": result.model.digest}],
        "manufacturer": "Varsel",
        "deviceName": [{"name": result.model.name, "type": "model-name"}],
        "version": [{"value": result.model.version}],
    }


def _component(one: ImagingMeasurement) -> _Json:
    quantity = {"value": one.value, "unit": one.unit, "system": _SYSTEMS["UCUM"], "code": one.unit}
    return {"code": {"coding": [_coding(one.concept)]}, "valueQuantity": quantity}


def _study(result: ImagingResult) -> _Json:
    """R4 ImagingStudy.identifier: the UID as an OID URI under the system of DICOM UIDs."""
    named = {"system": "urn:dicom:uid", "value": f"urn:oid:{result.study_instance_uid}"}
    return {"type": "ImagingStudy", "identifier": named}


def _coding(concept: CodedConcept) -> _Json:
    system = _SYSTEMS.get(concept.scheme, _OWN_CODES)
    return {"system": system, "code": concept.value, "display": concept.meaning}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
