"""A synthetic stay as the record would send it: a FHIR R4 transaction Bundle."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from ehr_io.codes import Coding, code_map
from ehr_io.events import Event, EventKind
from ehr_io.organisms import organism_name
from training.phantoms.stays import SyntheticStay

_NO_GROWTH = "264868006"
#: SKS codes of a side, and what we write for an operation after a fracture.
_SAID = {"left": "TUL2", "right": "TUL1", "acute": "ACUTE"}


def to_fhir(made: SyntheticStay, until: datetime | None = None) -> dict[str, Any]:
    """A transaction Bundle (R4 3.1.0.11.2) with what was known of the stay by *until*; all of it when None."""
    stay = made.stay if until is None else made.stay.as_of(until)
    resources = stay_resources(stay.events, made.stay.patient_id)
    return {"resourceType": "Bundle", "type": "transaction", "entry": [_entry(resource) for resource in resources]}


def stay_resources(events: Iterable[Event], patient_id: str) -> list[dict[str, Any]]:
    """The resources that *events* of one stay came from, one for each source."""
    by_source: dict[str, list[Event]] = {}
    for event in events:
        by_source.setdefault(event.source, []).append(event)
    return [_WRITERS[source.partition("/")[0]](told, patient_id) for source, told in by_source.items()]


def _entry(resource: Mapping[str, Any]) -> dict[str, Any]:
    source = f"{resource['resourceType']}/{resource['id']}"
    return {
        "fullUrl": f"https://synthetic.example/fhir/{source}",
        "resource": dict(resource),
        "request": {"method": "PUT", "url": source},
    }


def _patient(events: list[Event], patient_id: str) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "resourceType": "Patient",
        "id": patient_id,
        "name": [{"text": f"Synthetic {patient_id}"}],
    }
    for event in events:
        if event.code == "sex":
            resource["gender"] = event.text
        else:
            resource["birthDate"] = event.event_time.date().isoformat()
    return resource


def _encounter(events: list[Event], patient_id: str) -> dict[str, Any]:
    admission = next(event for event in events if event.kind is EventKind.ADMISSION)
    wards = [event for event in events if event.kind is EventKind.WARD]
    act_code = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    return {
        "resourceType": "Encounter",
        "id": admission.stay_id,
        "status": "in-progress" if admission.end_time is None else "finished",
        "class": {"system": act_code, "code": admission.code},
        "subject": {"reference": f"Patient/{patient_id}"},
        "period": _period(admission),
        "location": [
            {"location": {"identifier": {"value": ward.code}}, "status": "completed", "period": _period(ward)}
            for ward in wards
        ],
    }


def _observation(events: list[Event], patient_id: str) -> dict[str, Any]:
    event = events[0]
    quantity = {"value": event.value, "unit": event.unit, "system": "http://unitsofmeasure.org", "code": event.unit}
    return {
        **_about(event, patient_id),
        "status": "final",
        "code": _concept(event.code),
        "effectiveDateTime": event.event_time.isoformat(),
        "issued": event.known_time.isoformat(),
        "valueQuantity": quantity,
    }


def _procedure(events: list[Event], patient_id: str) -> dict[str, Any]:
    event = events[0]
    return {
        **_about(event, patient_id),
        "meta": {"lastUpdated": event.known_time.isoformat()},
        "status": "in-progress" if event.end_time is None else "completed",
        "code": _concept(event.code),
        "performedPeriod": _period(event),
        **({"bodySite": [_side(word) for word in event.text.split()]} if event.text else {}),
    }


def _side(word: str) -> dict[str, Any]:
    return {"coding": [{"system": code_map().systems["sks"], "code": _SAID[word]}]}


def _medication(events: list[Event], patient_id: str) -> dict[str, Any]:
    event = events[0]
    resource = _about(event, patient_id)
    return {
        **{("context" if name == "encounter" else name): value for name, value in resource.items()},
        "meta": {"lastUpdated": event.known_time.isoformat()},
        "status": "completed",
        "medicationCodeableConcept": _concept(event.code),
        "effectiveDateTime": event.event_time.isoformat(),
    }


def _report(events: list[Event], patient_id: str) -> dict[str, Any]:
    event = events[0]
    resource = {
        **_about(event, patient_id),
        "status": "final",
        "code": _concept(event.code),
        "effectiveDateTime": event.event_time.isoformat(),
        "issued": event.known_time.isoformat(),
        "conclusionCode": [_conclusion(word) for word in event.text.split() or [_NO_GROWTH]],
    }
    if event.value is None:
        return resource
    count = {
        "resourceType": "Observation",
        "id": "count",
        "status": "final",
        "code": _concept("colony_count"),
        "valueQuantity": {"value": event.value, "system": "http://unitsofmeasure.org", "code": event.unit},
    }
    return {**resource, "contained": [count], "result": [{"reference": "#count"}]}


def _conclusion(word: str) -> dict[str, Any]:
    known = {said: coding for coding, said in code_map().conclusions.items()}
    coding = known.get(word, Coding(system=code_map().systems["sct"], code=word))
    display = "No growth" if word == _NO_GROWTH else organism_name(word)
    return {"coding": [{"system": coding.system, "code": coding.code, "display": display}]}


def _about(event: Event, patient_id: str) -> dict[str, Any]:
    resource_type, _, logical_id = event.source.partition("/")
    return {
        "resourceType": resource_type,
        "id": logical_id,
        "subject": {"reference": f"Patient/{patient_id}"},
        "encounter": {"reference": f"Encounter/{event.stay_id}"},
    }


def _concept(key: str) -> dict[str, Any]:
    coding = code_map().coding_of(key)
    display = code_map().concepts[key].text.en
    return {"coding": [{"system": coding.system, "code": coding.code, "display": display}]}


def _period(event: Event) -> dict[str, str]:
    start = {"start": event.event_time.isoformat()}
    return start if event.end_time is None else {**start, "end": event.end_time.isoformat()}


_WRITERS: Mapping[str, Callable[[list[Event], str], dict[str, Any]]] = {
    "Patient": _patient,
    "Encounter": _encounter,
    "Observation": _observation,
    "Procedure": _procedure,
    "MedicationAdministration": _medication,
    "DiagnosticReport": _report,
}
