"""FHIR that could be read, but wrongly: each is refused with a reason, or read as its sender means it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ehr_io.receive.fhir import read_bundle, read_resource
from ehr_io.receive.reading import BundleReading, RefusalCode

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
LOINC, ATC = "http://loinc.org", "http://www.whocc.no/atc"
ABOUT = {"status": "final", "subject": {"reference": "Patient/p1"}, "encounter": {"reference": "Encounter/e1"}}
AT = {"effectiveDateTime": "2026-03-09T08:00:00Z", "issued": "2026-03-09T08:20:00Z"}


def coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def observation(**changes: Any) -> dict[str, Any]:
    temperature = {"code": coded(LOINC, "8310-5"), "valueQuantity": {"value": 38.5, "code": "Cel"}}
    return {"resourceType": "Observation", "id": "o1"} | ABOUT | AT | temperature | changes


def culture(*counts: dict[str, Any]) -> dict[str, Any]:
    results = [
        {"resourceType": "Observation", "id": f"c{n}", "code": coded(LOINC, "564-5"), "valueQuantity": count}
        for n, count in enumerate(counts)
    ]
    return (
        {"resourceType": "DiagnosticReport", "id": "r1", "code": coded(LOINC, "630-4"), "contained": results}
        | ABOUT
        | AT
        | {"conclusionCode": [coded("http://snomed.info/sct", "112283007")]}
        | {"result": [{"reference": f"#c{n}"} for n in range(len(counts))]}
    )


def read(*entries: dict[str, Any]) -> BundleReading:
    return read_bundle(json.dumps({"resourceType": "Bundle", "type": "batch", "entry": list(entries)}).encode(), NOW)


def only_refusal(resource: dict[str, Any], **request: str) -> tuple[RefusalCode, str]:
    (refusal,) = (found := read({"resource": resource} | ({"request": request} if request else {}))).refusals
    assert found.events == ()
    return refusal.reason_code, refusal.reason


@pytest.mark.parametrize("comparator", ["<", "<=", ">=", ">", "ad"])
def test_a_limit_is_not_read_as_a_number(comparator: str):
    limit = {"value": 38.5, "code": "Cel", "comparator": comparator}
    assert only_refusal(observation(valueQuantity=limit))[0] is RefusalCode.IMPOSSIBLE_VALUE


@pytest.mark.parametrize(("comparator", "reached"), [(">", 100_000), (">=", 100_000), ("<", 0), (None, 100_000)])
def test_a_colony_count_is_what_is_reached_for_certain(comparator: str | None, reached: float):
    count = {"value": 100_000, "code": "[CFU]/mL"} | ({"comparator": comparator} if comparator else {})
    (event,) = read({"resource": culture(count)}).events
    assert event.value == reached


@pytest.mark.parametrize(
    "changes",
    [
        {"modifierExtension": [{"url": "http://record.example/negated", "valueBoolean": True}]},
        {"implicitRules": "http://record.example/rules"},
        {"component": [{"code": {}, "modifierExtension": []}]},
    ],
)
def test_what_may_turn_the_meaning_is_not_passed_over(changes: dict[str, Any]):
    code, reason = only_refusal(observation(**changes))
    assert code is RefusalCode.MALFORMED
    assert "meaning" in reason


@pytest.mark.parametrize(
    ("resource", "code"),
    [
        (observation(status="cancelled"), RefusalCode.NOT_DONE),
        ({"resourceType": "Encounter", "id": "e1", "status": "cancelled"}, RefusalCode.NOT_DONE),
        ({"resourceType": "MedicationAdministration", "id": "m1", "status": "not-done"}, RefusalCode.NOT_DONE),
    ],
)
def test_what_is_cancelled_withdraws_what_was_told_of_it(resource: dict[str, Any], code: RefusalCode):
    source = f"{resource['resourceType']}/{resource['id']}"
    found = read_resource(json.dumps(resource).encode(), source, NOW)
    assert (found.refused[source].reason_code, found.retracted) == (code, (source,))


def test_a_status_that_r4_does_not_have_is_refused():
    assert only_refusal(observation(status="banana"))[0] is RefusalCode.MALFORMED


@pytest.mark.parametrize("logical_id", ["e\ud800", "e\0", "e" * 65, "e 1", "e1?x"])
def test_a_reference_that_no_database_can_keep_is_refused(logical_id: str):
    changed = observation(encounter={"reference": f"Encounter/{logical_id}"})
    assert only_refusal(changed)[0] is RefusalCode.NO_REFERENCE


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "PATCH", "url": "Observation/o1"},
        {"method": "GET", "url": "Observation/o1"},
        {"method": "PUT", "url": "Observation?identifier=1"},
        {"method": "PUT", "url": "Observation/another"},
        {"method": "POST", "url": "Observation", "ifNoneExist": "identifier=1"},
        {"method": "DELETE", "url": "Observation?identifier=1"},
    ],
)
def test_what_a_bundle_asks_for_and_is_not_done_here_is_refused(request_: dict[str, str]):
    assert only_refusal(observation(), **request_)[0] is RefusalCode.MALFORMED


@pytest.mark.parametrize(
    "request_", [{"method": "PUT", "url": "Observation/o1"}, {"method": "POST", "url": "Observation"}]
)
def test_what_a_bundle_asks_for_and_is_done_here_is_taken(request_: dict[str, str]):
    assert len(read({"resource": observation(), "request": request_}).events) == 1


def test_of_a_panel_what_was_not_measured_says_nothing_of_the_rest():
    absent = {"code": coded(LOINC, "8462-4"), "dataAbsentReason": coded("x", "unknown")}
    systolic = {"code": coded(LOINC, "8480-6"), "valueQuantity": {"value": 120, "code": "mm[Hg]"}}
    panel = observation(code=coded(LOINC, "85354-9"), component=[systolic, absent])
    del panel["valueQuantity"]
    assert [event.code for event in read({"resource": panel}).events] == ["systolic_blood_pressure"]


def test_a_unit_without_a_code_is_read_as_people_write_it():
    (event,) = read({"resource": observation(valueQuantity={"value": 38.5, "unit": "°C"})}).events
    assert (event.value, event.unit) == (38.5, "Cel")


@pytest.mark.parametrize("is_contained", [True, False])
def test_a_drug_is_found_where_its_reference_leads(*, is_contained: bool):
    drug = {"resourceType": "Medication", "id": "d1", "code": coded(ATC, "J01CA01")}
    given = {"resourceType": "MedicationAdministration", "id": "m1"} | ABOUT | AT
    given |= {"status": "completed", "context": {"reference": "Encounter/e1"}}
    given |= {"medicationReference": {"reference": "#d1" if is_contained else "Medication/d1"}}
    entries = (
        [{"resource": given | {"contained": [drug]}}] if is_contained else [{"resource": given}, {"resource": drug}]
    )
    found = read(*entries)
    assert ([event.code for event in found.events], found.refusals) == (["antibiotic"], ())


@pytest.mark.parametrize("unit", ["\ud800", "\0", "x" * 5000])
def test_a_unit_that_no_database_can_keep_is_refused_without_it(unit: str):
    code, reason = only_refusal(observation(valueQuantity={"value": 38.5, "code": unit}))
    assert code is RefusalCode.UNKNOWN_UNIT
    assert unit not in reason
