"""A risk as FHIR R4 Observation, for records that chart numbers but read no RiskAssessment."""

from typing import Any

from ehr_io.results.wording import DEMONSTRATION, headline
from ehr_io.risks import RiskReport

#: v3-ObservationValue: the data was made by artificial intelligence.
_AI_ASSERTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "AIAST",
    "display": "Artificial Intelligence asserted",
}
#: Our own code: LOINC and SNOMED CT have none for a computed risk of this kind.
_CODES = "https://varsel.example/risks"
_CATEGORY = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "survey"}


def risk_observation(report: RiskReport, language: str) -> dict[str, Any]:
    """*report* as Observation (R4 10.1), in percent of 100: preliminary, since no clinician has judged it.

    It is derived from the very events that the risk rests on; free text is in *language* (``da`` or English).
    """
    made: dict[str, Any] = {
        "resourceType": "Observation",
        "id": report.id,
        "meta": {"security": [_AI_ASSERTED]},
        "language": "da" if language == "da" else "en",
        "status": "preliminary",
        "category": [{"coding": [_CATEGORY]}],
        "code": {
            "coding": [{"system": _CODES, "code": report.model.name}],
            "text": report.outcome_text.in_language(language),
        },
        "subject": {"reference": f"Patient/{report.patient_id}"},
        "encounter": {"reference": f"Encounter/{report.stay_id}"},
        "effectiveDateTime": report.as_of.isoformat(timespec="seconds"),
        "valueQuantity": _percent(report.probability),
        "referenceRange": [{"high": _percent(report.threshold), "text": "alert level"}],
        "device": {"display": report.model.label},
        "note": [{"text": text} for text in _notes(report, language)],
    }
    # R4 forbids empty arrays.
    return {**made, "derivedFrom": [{"reference": source} for source in report.basis]} if report.basis else made


def _percent(share: float) -> dict[str, Any]:
    return {"value": round(100 * share, 2), "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}


def _notes(report: RiskReport, language: str) -> list[str]:
    warning = [DEMONSTRATION.in_language(language)] if report.model.demonstration else []
    return [*warning, headline(report, language)]
