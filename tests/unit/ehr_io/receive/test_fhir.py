"""A FHIR Bundle becomes events; each resource that cannot be taken is refused on its own."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ehr_io.errors import BodyTooLargeError, NotFhirError
from ehr_io.events import Event, EventKind
from ehr_io.receive import fhir
from ehr_io.receive.fhir import read_bundle
from ehr_io.receive.reading import BundleReading, RefusalCode

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
UCUM = "http://unitsofmeasure.org"


def patient(**changes: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "p1", "birthDate": "1950-02-03", "gender": "female"} | changes


def encounter(**changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "in-progress",
        "class": {"code": "IMP"},
        "subject": {"reference": "Patient/p1"},
        "period": {"start": "2026-03-08T10:00:00+01:00"},
        "location": [
            {"location": {"identifier": {"value": "MED-1"}}, "period": {"start": "2026-03-08T10:00:00+01:00"}},
            {"location": {"reference": "Location/icu"}, "status": "planned"},
        ],
    } | changes


def about(resource_type: str, logical_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "resourceType": resource_type,
        "id": logical_id,
        "status": "final",
        "subject": {"reference": "Patient/p1"},
        "encounter": {"reference": "Encounter/e1"},
    } | changes


def observation(**changes: Any) -> dict[str, Any]:
    return (
        about(
            "Observation",
            "o1",
            code={"coding": [{"system": "http://loinc.org", "code": "8310-5"}]},
            effectiveDateTime="2026-03-09T08:00:00Z",
            issued="2026-03-09T08:20:00Z",
            valueQuantity={"value": 38.5, "system": UCUM, "code": "Cel"},
        )
        | changes
    )


def culture(**changes: Any) -> dict[str, Any]:
    count = {
        "resourceType": "Observation",
        "id": "n",
        "code": {"coding": [{"system": "http://loinc.org", "code": "564-5"}]},
        "valueQuantity": {"value": 100000, "code": "[CFU]/mL"},
    }
    return (
        about(
            "DiagnosticReport",
            "r1",
            contained=[count],
            result=[{"reference": "#n"}],
            code={"coding": [{"system": "http://loinc.org", "code": "630-4"}]},
            effectiveDateTime="2026-03-09T08:00:00Z",
            issued="2026-03-10T09:00:00Z",
            conclusionCode=[{"coding": [{"system": "http://snomed.info/sct", "code": "112283007"}]}],
        )
        | changes
    )


def read(*resources: dict[str, Any], bundle_type: str = "transaction") -> BundleReading:
    bundle = {"resourceType": "Bundle", "type": bundle_type, "entry": [{"resource": r} for r in resources]}
    return read_bundle(json.dumps(bundle).encode(), NOW)


def only_event(*resources: dict[str, Any], kind: EventKind) -> Event:
    reading = read(*resources)
    assert reading.refusals == ()
    (event,) = [event for event in reading.events if event.kind is kind]
    return event


def only_refusal(*resources: dict[str, Any]) -> RefusalCode:
    (refusal,) = read(*resources).refusals
    return refusal.reason_code


def test_an_observation_is_true_when_measured_and_known_when_issued():
    event = only_event(observation(), kind=EventKind.OBSERVATION)
    assert (event.code, event.value, event.unit) == ("temperature", 38.5, "Cel")
    assert event.event_time == datetime(2026, 3, 9, 8, tzinfo=UTC)
    assert event.known_time == datetime(2026, 3, 9, 8, 20, tzinfo=UTC)
    assert (event.stay_id, event.source) == ("e1", "Observation/o1")


def test_without_issued_the_last_update_tells_when_it_was_known():
    event = only_event(observation(issued="", meta={"lastUpdated": "2026-03-09T09:00:00Z"}), kind=EventKind.OBSERVATION)
    assert event.known_time == datetime(2026, 3, 9, 9, tzinfo=UTC)


def test_without_any_such_time_it_is_known_when_it_came():
    assert only_event(observation(issued=""), kind=EventKind.OBSERVATION).known_time == NOW


@pytest.mark.parametrize(
    ("code", "value", "unit", "expected"),
    [
        ("8310-5", 101.3, "[degF]", 38.5),
        ("8480-6", 16, "kPa", 120.009869872),
        ("1988-5", 4.2, "mg/dL", 42),
        ("2160-0", 1, "mg/dL", 88.42),
        ("6690-2", 12500, "/uL", 12.5),
        ("8867-4", 88, "{beats}/min", 88),
    ],
)
def test_known_units_become_the_canonical_one(code: str, value: float, unit: str, expected: float):
    told = observation(
        code={"coding": [{"system": "http://loinc.org", "code": code}]}, valueQuantity={"value": value, "code": unit}
    )
    assert only_event(told, kind=EventKind.OBSERVATION).value == pytest.approx(expected)


def test_danish_npu_codes_are_read():
    told = observation(
        code={"coding": [{"system": "urn:oid:1.2.208.176.2.1", "code": "NPU19748"}]},
        valueQuantity={"value": 80, "code": "mg/L"},
    )
    assert only_event(told, kind=EventKind.OBSERVATION).code == "c_reactive_protein"


def test_a_blood_pressure_panel_gives_its_known_components():
    component = {
        "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
        "valueQuantity": {"value": 118, "code": "mm[Hg]"},
    }
    cuff_size = {"code": {"coding": [{"system": "http://loinc.org", "code": "8358-4"}]}}
    panel = observation(component=[component, cuff_size])
    del panel["valueQuantity"]
    assert only_event(panel, kind=EventKind.OBSERVATION).value == 118


def test_an_unknown_unit_is_refused_with_what_is_accepted():
    (refusal,) = read(observation(valueQuantity={"value": 38.5, "code": "bananas"})).refusals
    assert refusal.reason_code is RefusalCode.UNKNOWN_UNIT
    assert "'bananas'" in refusal.reason
    assert "Cel, [degF], K" in refusal.reason


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"status": "entered-in-error"}, RefusalCode.ENTERED_IN_ERROR),
        ({"status": "cancelled"}, RefusalCode.NOT_DONE),
        ({"status": ""}, RefusalCode.MALFORMED),
        ({"status": 7}, RefusalCode.MALFORMED),
        ({"code": {"coding": [{"system": "http://loinc.org", "code": "1-1"}]}}, RefusalCode.UNKNOWN_CODE),
        ({"code": {"coding": "8310-5"}}, RefusalCode.MALFORMED),
        ({"code": "8310-5"}, RefusalCode.MALFORMED),
        ({"valueQuantity": {"code": "Cel"}}, RefusalCode.IMPOSSIBLE_VALUE),
        ({"valueQuantity": {"value": "38", "code": "Cel"}}, RefusalCode.IMPOSSIBLE_VALUE),
        ({"valueQuantity": {"value": True, "code": "Cel"}}, RefusalCode.IMPOSSIBLE_VALUE),
        ({"valueQuantity": {"value": 385, "code": "Cel"}}, RefusalCode.IMPOSSIBLE_VALUE),
        ({"valueQuantity": {"value": 10**400, "code": "Cel"}}, RefusalCode.IMPOSSIBLE_VALUE),
        ({"valueQuantity": {"value": 38.5}}, RefusalCode.UNKNOWN_UNIT),
        ({"effectiveDateTime": ""}, RefusalCode.MISSING_TIME),
        ({"effectiveDateTime": "2026-03-09"}, RefusalCode.MISSING_TIME),
        ({"effectiveDateTime": "2026-03-09T08:00:00"}, RefusalCode.MISSING_TIME),
        ({"effectiveDateTime": "2026-02-30T08:00:00Z"}, RefusalCode.MISSING_TIME),
        ({"effectiveDateTime": "0001-01-01T00:00:00+14:00"}, RefusalCode.MISSING_TIME),
        ({"effectiveDateTime": "2062-03-09T08:00:00Z"}, RefusalCode.FUTURE_TIME),
        ({"effectiveDateTime": "2026-03-09T09:00:00Z"}, RefusalCode.CONTRADICTORY_TIMES),
        ({"subject": {}}, RefusalCode.NO_REFERENCE),
        ({"subject": {"reference": "Group/1"}}, RefusalCode.NO_REFERENCE),
        ({"subject": {"reference": "Patient?identifier=1"}}, RefusalCode.NO_REFERENCE),
        ({"encounter": {}}, RefusalCode.NO_REFERENCE),
        ({"encounter": {"reference": "#e"}}, RefusalCode.NO_REFERENCE),
    ],
)
def test_a_faulty_observation_is_refused_and_the_rest_goes_through(changes: dict[str, Any], code: RefusalCode):
    reading = read(patient(), encounter(), observation(**changes))
    assert [(refusal.source, refusal.reason_code) for refusal in reading.refusals] == [("Observation/o1", code)]
    assert {event.kind for event in reading.events} == {EventKind.ADMISSION, EventKind.WARD, EventKind.PATIENT}


def test_entered_in_error_names_the_source_to_withdraw():
    assert read(observation(status="entered-in-error")).retracted == ("Observation/o1",)


def test_an_observation_of_another_patient_than_the_stays_is_refused():
    assert only_refusal(encounter(), observation(subject={"reference": "Patient/p2"})) is RefusalCode.WRONG_PATIENT


def test_a_stay_gives_admission_ward_and_the_patients_facts():
    reading = read(patient(), encounter())
    start = datetime(2026, 3, 8, 9, tzinfo=UTC)
    found = {(event.kind, event.code, event.event_time, event.known_time) for event in reading.events}
    assert found == {
        (EventKind.ADMISSION, "IMP", start, start),
        (EventKind.WARD, "MED-1", start, start),
        (EventKind.PATIENT, "birth_date", datetime(1950, 2, 3, tzinfo=UTC), start),
        (EventKind.PATIENT, "sex", start, start),
    }
    (stay,) = reading.stays
    assert (stay.stay_id, stay.patient_id, stay.admitted_at) == ("e1", "p1", start)


def test_a_finished_stay_gives_a_discharge():
    period = {"start": "2026-03-08T09:00:00Z", "end": "2026-03-09T09:00:00Z"}
    event = only_event(encounter(status="finished", period=period), kind=EventKind.DISCHARGE)
    assert event.event_time == datetime(2026, 3, 9, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"status": "planned"}, RefusalCode.NOT_DONE),
        ({"period": {}}, RefusalCode.MISSING_TIME),
        (
            {"period": {"start": "2026-03-08T09:00:00Z", "end": "2026-03-07T09:00:00Z"}},
            RefusalCode.CONTRADICTORY_TIMES,
        ),
        ({"subject": {}}, RefusalCode.NO_REFERENCE),
        ({"class": {"code": "X"}}, RefusalCode.UNKNOWN_CODE),
        ({"location": [{"location": {"reference": "Location?x"}}]}, RefusalCode.NO_REFERENCE),
    ],
)
def test_a_faulty_encounter_is_refused(changes: dict[str, Any], code: RefusalCode):
    reading = read(patient(), encounter(**changes))
    assert [refusal.reason_code for refusal in reading.refusals] == [code]
    assert reading.stays == ()


def test_a_patient_born_after_the_admission_is_refused():
    reading = read(patient(birthDate="2026-03-10"), encounter())
    assert [(r.source, r.reason_code) for r in reading.refusals] == [("Patient/p1", RefusalCode.NEGATIVE_AGE)]
    assert reading.patients == ()


def test_a_child_born_on_the_day_of_admission_is_taken():
    assert read(patient(birthDate="2026-03-08"), encounter()).refusals == ()


@pytest.mark.parametrize(
    ("written", "expected"),
    [("1950", date(1950, 7, 1)), ("1950-02", date(1950, 2, 15)), ("1950-02-03", date(1950, 2, 3))],
)
def test_a_partial_birth_date_becomes_the_middle_of_what_is_told(written: str, expected: date):
    assert read(patient(birthDate=written)).patients[0].birth_date == expected


@pytest.mark.parametrize("written", ["03-02-1950", "1950-13-01", "0000"])
def test_a_birth_date_that_is_none_is_refused(written: str):
    assert only_refusal(patient(birthDate=written)) is RefusalCode.MALFORMED


def test_a_catheter_is_known_from_its_last_update_and_has_an_end():
    told = about(
        "Procedure",
        "c1",
        status="completed",
        code={"coding": [{"system": "urn:oid:1.2.208.176.2.4", "code": "BJAZ0"}]},
        performedPeriod={"start": "2026-03-08T10:00:00Z", "end": "2026-03-09T10:00:00Z"},
        meta={"lastUpdated": "2026-03-09T10:05:00Z"},
    )
    event = only_event(told, kind=EventKind.PROCEDURE)
    assert event.code == "urinary_catheter"
    assert event.end_time == datetime(2026, 3, 9, 10, tzinfo=UTC)
    assert event.known_time == datetime(2026, 3, 9, 10, 5, tzinfo=UTC)


def test_any_systemic_antibiotic_is_read_by_its_atc_group():
    told = about(
        "MedicationAdministration",
        "m1",
        status="completed",
        context={"reference": "Encounter/e1"},
        medicationCodeableConcept={"coding": [{"system": "http://www.whocc.no/atc", "code": "J01CA08"}]},
        effectiveDateTime="2026-03-09T08:00:00Z",
    )
    assert only_event(told, kind=EventKind.MEDICATION).code == "antibiotic"


def test_a_positive_culture_tells_organisms_and_colony_count():
    event = only_event(culture(), kind=EventKind.REPORT)
    assert (event.code, event.text, event.value, event.unit) == ("urine_culture", "112283007", 100000, "[CFU]/mL")
    assert event.known_time - event.event_time == timedelta(hours=25)


def test_no_growth_tells_no_organism():
    none = [{"coding": [{"system": "http://snomed.info/sct", "code": "264868006"}]}]
    assert only_event(culture(conclusionCode=none), kind=EventKind.REPORT).text == ""


def test_a_colony_count_in_the_same_bundle_is_followed():
    count = observation(
        id="n2",
        code={"coding": [{"system": "http://loinc.org", "code": "564-5"}]},
        valueQuantity={"value": 20000, "code": "[CFU]/mL"},
    )
    reading = read(culture(contained=[], result=[{"reference": "Observation/n2"}]), count)
    assert {event.value for event in reading.events} == {20000}


@pytest.mark.parametrize("conclusion", [[], [{"coding": [{"system": "s", "code": "a b"}]}]])
def test_a_culture_without_a_readable_conclusion_is_refused(conclusion: list[Any]):
    assert only_refusal(culture(conclusionCode=conclusion)) is RefusalCode.MALFORMED


def test_references_by_full_url_are_followed():
    urls = {"p": "urn:uuid:6f1d7f5e-0000-4000-8000-000000000001", "e": "urn:uuid:6f1d7f5e-0000-4000-8000-000000000002"}
    who, where = patient(), encounter(subject={"reference": urls["p"]})
    del who["id"], where["id"]
    what = observation(subject={"reference": urls["p"]}, encounter={"reference": urls["e"]})
    entries = [{"fullUrl": urls["p"], "resource": who}, {"fullUrl": urls["e"], "resource": where}, {"resource": what}]
    reading = read_bundle(json.dumps({"resourceType": "Bundle", "type": "batch", "entry": entries}).encode(), NOW)
    assert reading.refusals == ()
    assert {event.stay_id for event in reading.events} == {"6f1d7f5e-0000-4000-8000-000000000002"}


def test_the_same_resource_twice_is_taken_once():
    reading = read(observation(), observation())
    assert len(reading.events) == 1
    assert [(r.source, r.reason_code) for r in reading.refusals] == [("entry[1]", RefusalCode.DUPLICATE)]
    assert reading.entries == ("Observation/o1", "entry[1]")


@pytest.mark.parametrize("entry", [{}, {"resource": []}, {"resource": {"resourceType": "Patient"}}, {"resource": {}}])
def test_an_entry_without_a_named_resource_is_refused(entry: dict[str, Any]):
    body = json.dumps({"resourceType": "Bundle", "type": "batch", "entry": [entry]}).encode()
    assert [r.reason_code for r in read_bundle(body, NOW).refusals] == [RefusalCode.MALFORMED]


def test_a_resource_type_that_is_not_read_is_a_recorded_refusal():
    assert only_refusal({"resourceType": "Practitioner", "id": "x"}) is RefusalCode.UNSUPPORTED_TYPE


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"resourceType": "Patient"}',
        b'{"resourceType": "Bundle"}',
        b'{"resourceType": "Bundle", "type": ["batch"]}',
        b'{"resourceType": "Bundle", "type": "searchset"}',
        b'{"resourceType": "Bundle", "type": "batch", "entry": {}}',
        b'{"resourceType": "Bundle", "type": "batch", "entry": [1]}',
        b'{"resourceType": "Bundle", "type": "batch", "total": NaN}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_bundle_is_no_fhir(body: bytes):
    with pytest.raises(NotFhirError):
        read_bundle(body, NOW)


def test_a_body_over_the_limit_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fhir, "MAX_BODY_BYTES", 10)
    with pytest.raises(BodyTooLargeError, match="at most 10"):
        read_bundle(b" " * 11, NOW)


def test_a_bundle_with_too_many_entries_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fhir, "MAX_ENTRIES", 1)
    with pytest.raises(BodyTooLargeError, match="2 entries"):
        read(patient(), encounter())


def test_no_refusal_repeats_a_value_of_the_patient():
    reading = read(
        patient(birthDate="2026-03-10"),
        encounter(),
        observation(valueQuantity={"value": 385.25, "code": "Cel"}),
    )
    told = " ".join(refusal.reason for refusal in reading.refusals)
    assert "385" not in told
    assert "2026" not in told


def coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


SCT, ATC = "http://snomed.info/sct", "http://www.whocc.no/atc"


def test_an_order_is_no_dose():
    ordered = about(
        "MedicationRequest",
        "x1",
        status="active",
        medicationCodeableConcept=coded(ATC, "J01CR02"),
        authoredOn="2026-03-09T08:00:00Z",
    )
    event = only_event(ordered, kind=EventKind.ORDER)
    assert (event.code, event.source) == ("antibiotic_order", "MedicationRequest/x1")
    assert only_refusal(ordered | {"status": "cancelled"}) is RefusalCode.NOT_DONE
    assert only_refusal(ordered | {"authoredOn": ""}) is RefusalCode.MISSING_TIME


def test_a_diagnosis_is_known_when_it_was_recorded_not_when_it_was_true():
    diabetes = about(
        "Condition",
        "x1",
        code=coded(SCT, "73211009"),
        onsetDateTime="2020-01-01T00:00:00Z",
        recordedDate="2026-03-09T08:00:00Z",
    )
    event = only_event(diabetes, kind=EventKind.CONDITION)
    assert (event.code, event.event_time.year, event.known_time.year) == ("diabetes", 2020, 2026)
    refuted = diabetes | {"verificationStatus": coded("http://terminology.hl7.org/x", "refuted")}
    assert only_refusal(refuted) is RefusalCode.ENTERED_IN_ERROR


def test_a_device_in_use_belongs_to_the_stay_that_goes_on():
    device = {"resourceType": "Device", "id": "d1", "type": coded(SCT, "52124006")}
    use = {
        "resourceType": "DeviceUseStatement",
        "id": "u1",
        "status": "active",
        "subject": {"reference": "Patient/p1"},
        "device": {"reference": "Device/d1"},
        "timingPeriod": {"start": "2026-03-09T08:00:00Z"},
    }
    stay = encounter(period={"start": "2026-03-08T08:00:00Z"})
    event = only_event(device, use, stay, kind=EventKind.PROCEDURE)
    assert (event.code, event.stay_id) == ("central_venous_catheter", "e1")
    assert only_refusal(device, use) is RefusalCode.NO_REFERENCE


def test_a_culture_without_a_time_takes_that_of_its_specimen():
    specimen = {"resourceType": "Specimen", "id": "s1", "collection": {"collectedDateTime": "2026-03-08T07:00:00Z"}}
    culture = about(
        "DiagnosticReport",
        "x1",
        status="final",
        code=coded("http://loinc.org", "600-7"),
        issued="2026-03-09T07:00:00Z",
        specimen=[{"reference": "Specimen/s1"}],
        conclusionCode=[coded(SCT, "3092008")],
    )
    event = only_event(culture, specimen, kind=EventKind.REPORT)
    assert (event.code, event.event_time) == ("blood_culture", datetime(2026, 3, 8, 7, tzinfo=UTC))


def test_an_operation_tells_its_side():
    operation = about(
        "Procedure",
        "x1",
        status="completed",
        code=coded("urn:oid:1.2.208.176.2.4", "KNFB20"),
        performedDateTime="2026-03-09T08:00:00Z",
        bodySite=[coded(SCT, "7771000")],
    )
    assert only_event(operation, kind=EventKind.PROCEDURE).text == "left"


def test_a_patient_replaced_by_another_is_a_merge():
    link = [{"other": {"reference": "Patient/p2"}, "type": "replaced-by"}]
    (merge,) = read({"resourceType": "Patient", "id": "p1", "link": link}).merges
    assert (merge.prior_id, merge.surviving_id) == ("p1", "p2")


def test_unknown_extensions_change_nothing():
    plain = only_event(observation(), kind=EventKind.OBSERVATION)
    extended = observation(extension=[{"url": "https://example.com/unheard-of", "valueString": "x"}])
    assert only_event(extended, kind=EventKind.OBSERVATION) == plain
