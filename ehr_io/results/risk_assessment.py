"""A risk as FHIR R4 RiskAssessment."""

from datetime import timedelta
from typing import Any

from ehr_io.results.wording import ASSOCIATED, DEMONSTRATION, SHOWN_REASONS, clock, headline, reason_line
from ehr_io.risks import RiskReport

#: v3-ObservationValue: the data was made by artificial intelligence.
AI_ASSERTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "AIAST",
    "display": "Artificial Intelligence asserted",
}
_DEMONSTRATION_TAG = {"system": "https://varsel.example/tags", "code": "demonstration", "display": "Demonstration"}
RELEASE_DIGEST = "https://varsel.example/release-digest"
_Json = dict[str, Any]


def risk_assessment(report: RiskReport, language: str) -> _Json:
    """*report* as RiskAssessment (R4 9.6): preliminary, since no clinician has judged it.

    ``probabilityDecimal`` is a share of 1, as R4 asks of a number without unit (constraint ras-2 allows at most 100).
    Free text is in *language* (``da`` or English).
    """
    made: _Json = {
        "resourceType": "RiskAssessment",
        "id": report.id,
        "meta": _meta(report),
        "language": "da" if language == "da" else "en",
        "contained": [_device(report)],
        "status": "preliminary",
        "method": {
            "coding": [{"system": RELEASE_DIGEST, "code": report.model.digest, "version": report.model.version}],
            "text": report.model.label,
        },
        "subject": {"reference": f"Patient/{report.patient_id}"},
        "encounter": {"reference": f"Encounter/{report.stay_id}"},
        "occurrenceDateTime": report.as_of.isoformat(timespec="seconds"),
        "performer": {"reference": "#model", "display": report.model.label},
        "prediction": [_prediction(report, language)],
        "note": [{"text": text} for text in _notes(report, language)],
    }
    sources = sorted({*report.basis, *(reason.source for reason in report.reasons if reason.source)})
    # R4 forbids empty arrays.
    return {**made, "basis": [{"reference": source} for source in sources]} if sources else made


def _meta(report: RiskReport) -> _Json:
    meta: _Json = {"security": [AI_ASSERTED]}
    return {**meta, "tag": [_DEMONSTRATION_TAG]} if report.model.demonstration else meta


def _device(report: RiskReport) -> _Json:
    return {
        "resourceType": "Device",
        "id": "model",
        "identifier": [{"system": RELEASE_DIGEST, "value": report.model.digest}],
        "manufacturer": "Varsel",
        "deviceName": [{"name": report.model.name, "type": "model-name"}],
        "version": [{"value": report.model.version}],
    }


def _prediction(report: RiskReport, language: str) -> _Json:
    end = report.as_of + timedelta(hours=report.horizon_hours)
    period = {"start": report.as_of.isoformat(timespec="seconds"), "end": end.isoformat(timespec="seconds")}
    outcome = {"system": report.outcome.system, "code": report.outcome.code}
    return {
        "outcome": {"coding": [outcome], "text": report.outcome_text.in_language(language)},
        "probabilityDecimal": round(report.probability, 4),
        "whenPeriod": period,
        "rationale": headline(report, language),
    }


def _notes(report: RiskReport, language: str) -> list[str]:
    reasons = [reason_line(reason, language) for reason in report.reasons[:SHOWN_REASONS]]
    frame = [ASSOCIATED.in_language(language), f"{report.model.label}, {clock(report.as_of)}"]
    warning = [DEMONSTRATION.in_language(language)] if report.model.demonstration else []
    return [*warning, *reasons, *frame]
