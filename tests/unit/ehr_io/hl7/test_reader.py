"""What each HL7 v2 message tells, and how each fault of each segment is answered."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from factories.hl7 import message, visit
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr_io.hl7.acknowledgement import ErrorCondition
from ehr_io.hl7.context import MessageRefusedError
from ehr_io.hl7.imaging_order import Urgency
from ehr_io.hl7.message import parse
from ehr_io.hl7.reader import MessageReading, ReaderSettings, read_message
from ehr_io.receive.reading import PatientMerge, RefusalCode

NOW = datetime(2026, 1, 12, tzinfo=UTC)
SENT = datetime(2026, 1, 10, 11, tzinfo=UTC)
SETTINGS = ReaderSettings(zone=ZoneInfo("Europe/Copenhagen"))
VITALS = "OBR|1||F1|85353-1^Vital signs^LN|||20260110113000+0100"
TEMPERATURE = "OBX|1|NM|8310-5^Temperature^LN||37.2|Cel^^UCUM|||||F|||20260110113500+0100"


def read(kind: str, *segments: str, **changes: str) -> MessageReading:
    return read_message(parse(message(kind, *segments, **changes)), NOW, SETTINGS)


def facts(reading: MessageReading) -> list[tuple[str, str, str]]:
    return [
        (telling.source, event.kind.value, event.code) for telling in reading.told.tellings for event in telling.events
    ]


def test_an_admission_tells_who_when_and_where():
    reading = read("ADT^A01", "EVN||20260110080000", visit())

    assert facts(reading) == [
        ("ADT/SYN-E-1/admission", "admission", "IMP"),
        ("ADT/SYN-E-1/ward/first", "ward", "MED-1"),
    ]
    assert reading.told.owners == {"SYN-E-1": "SYN-P-1"}
    event = reading.told.tellings[0].events[0]
    assert (event.event_time, event.known_time) == (datetime(2026, 1, 10, 7, tzinfo=UTC), SENT)
    (patient,) = reading.told.patients
    assert (patient.birth_date.isoformat(), patient.sex) == ("1948-01-01", "female")


def test_a_time_without_an_offset_is_that_of_the_hospital_in_summer_and_winter():
    winter = read("ADT^A01", visit(admitted="20260110080000")).told.tellings[0].events[0]
    summer = read("ADT^A01", visit(admitted="20250710080000")).told.tellings[0].events[0]
    assert [winter.event_time.hour, summer.event_time.hour] == [7, 6]


def test_a_transfer_and_its_cancellation_speak_of_the_same_source():
    moved = read("ADT^A02", "EVN||20260110110000||||20260110110000+0100", visit("SURG-1"))
    cancelled = read("ADT^A12", "EVN||20260110120000||||20260110110000+0100", visit())

    assert facts(moved) == [("ADT/SYN-E-1/ward/20260110100000", "ward", "SURG-1")]
    assert [(one.source, one.events) for one in cancelled.told.tellings] == [("ADT/SYN-E-1/ward/20260110100000", ())]


def test_discharge_update_and_cancellations_are_read():
    assert facts(read("ADT^A03", visit(discharged="20260110110000+0100"))) == [
        ("ADT/SYN-E-1/discharge", "discharge", "IMP")
    ]
    assert facts(read("ADT^A08", visit())) == [("ADT/SYN-E-1/admission", "admission", "IMP")]
    withdrawn = [one.source for kind in ("ADT^A11", "ADT^A13") for one in read(kind, visit()).told.tellings]
    assert withdrawn == ["ADT/SYN-E-1/admission", "ADT/SYN-E-1/ward/first", "ADT/SYN-E-1/discharge"]


def test_a_merge_names_who_remains():
    assert read("ADT^A40", "MRG|SYN-P-9^^^SYN^PI").told.merges == (
        PatientMerge(prior_id="SYN-P-9", surviving_id="SYN-P-1"),
    )


def test_an_operation_with_its_side_and_a_device_with_its_removal_are_read():
    reading = read(
        "ADT^A08",
        visit(),
        "PR1|1||KNFB20^Hip^SKS||20260110090000+0100|||||||||||TUL2~ACUTE|||P7",
        "PR1|2||410024004^Catheter^SCT||20260110090000+0100||90",
    )
    hip, catheter = (telling.events[0] for telling in reading.told.tellings[1:])
    assert (hip.source, hip.code, hip.text) == ("PR1/SYN-E-1/P7", "hip_replacement", "acute left")
    assert (catheter.code, catheter.end_time) == ("urinary_catheter", datetime(2026, 1, 10, 9, 30, tzinfo=UTC))


def test_measurements_are_known_when_they_were_sent_and_bear_our_unit():
    fahrenheit = (
        TEMPERATURE.replace("37.2|Cel^^UCUM", "98,96|[degF]").replace("OBX|1", "OBX|2").replace("||98", "|b|98")
    )
    first, second = (one.events[0] for one in read("ORU^R01", visit(), VITALS, TEMPERATURE, fahrenheit).told.tellings)

    assert (first.source, first.code, first.value, first.unit) == ("ORU/F1/8310-5/1", "temperature", 37.2, "Cel")
    assert (first.event_time, first.known_time) == (datetime(2026, 1, 10, 10, 35, tzinfo=UTC), SENT)
    assert (second.source, second.value) == ("ORU/F1/8310-5/b", 37.2)


@pytest.mark.parametrize(
    ("found", "made", "code"),
    [
        ("37.2|Cel", "98.6|Cel", RefusalCode.IMPOSSIBLE_VALUE),
        ("37.2|Cel", "abc|Cel", RefusalCode.IMPOSSIBLE_VALUE),
        ("37.2|Cel", "nan|Cel", RefusalCode.IMPOSSIBLE_VALUE),
        ("37.2|Cel", "37.2|furlong", RefusalCode.UNKNOWN_UNIT),
        ("37.2|Cel", "37.2|", RefusalCode.UNKNOWN_UNIT),
        ("8310-5", "0000-0", RefusalCode.UNKNOWN_CODE),
        ("|F|", "||", RefusalCode.MALFORMED),
        ("20260110113500", "20990110113500", RefusalCode.FUTURE_TIME),
        ("20260110113500", "20260199113500", RefusalCode.MISSING_TIME),
        ("20260110113500+0100", "20260110", RefusalCode.MISSING_TIME),
        ("20260110113500", "20260111235900", RefusalCode.CONTRADICTORY_TIMES),
    ],
)
def test_a_result_that_cannot_be_true_is_refused_alone(found: str, made: str, code: RefusalCode):
    pulse = "OBX|2|NM|8867-4^Pulse^LN||80|/min|||||F"
    sent = "20260110100000+0100" if code is RefusalCode.CONTRADICTORY_TIMES else "20260110120000+0100"
    told = read("ORU^R01", visit(), VITALS, TEMPERATURE.replace(found, made), pulse, sent=sent).told

    assert [event.code for one in told.tellings for event in one.events] == ["heart_rate"]
    assert [(one.source, one.reason_code) for one in told.refusals] == [("OBX[1]", code)]


def _culture(status: str, *results: str) -> MessageReading:
    request = f"OBR|1||C7|630-4^Urine culture^LN|||20260108090000+0100||||||||||||||||||{status}"
    return read("ORU^R01", visit(), request, *results)


def test_a_culture_goes_from_preliminary_to_final_to_corrected_under_one_source():
    growing = "OBX|1|CWE|634-6^Bacteria^LN||112283007^E. coli^SCT||||||P"
    count = "OBX|2|NM|564-5^Count^LN||100000|{CFU}/mL|||||F"
    nothing = "OBX|1|CWE|634-6^Bacteria^LN||264868006^No growth^SCT||||||C"
    first, last, corrected = (
        _culture(status, *found).told.tellings[0]
        for status, found in (("P", [growing]), ("F", [growing, count]), ("C", [nothing]))
    )

    assert {first.source, last.source, corrected.source} == {"ORU/C7"}
    told = [(one.events[0].text, one.events[0].value) for one in (first, last, corrected)]
    assert told == [("112283007", None), ("112283007", 1e5), ("", None)]
    assert first.events[0].event_time == datetime(2026, 1, 8, 8, tzinfo=UTC)


@pytest.mark.parametrize(("status", "tellings"), [("X", 1), ("I", 0), ("O", 0)])
def test_a_culture_without_a_result_withdraws_or_says_nothing(status: str, tellings: int):
    told = _culture(status).told.tellings
    assert len(told) == tellings
    assert all(one.events == () for one in told)


def test_a_strain_without_toxin_is_told():
    request = "OBR|1||C8|54067-4^C. difficile^LN|||20260108090000+0100||||||||||||||||||F"
    results = ("OBX|1|CWE|x||5933001^C. diff^SCT||||||F", "OBX|2|CWE|y||NONTOX^No toxin^L||||||F")
    (telling,) = read("ORU^R01", visit(), request, *results).told.tellings
    assert (telling.events[0].code, telling.events[0].text) == ("clostridioides_test", "5933001 non-toxigenic")


def test_ordered_and_given_are_two_facts_with_two_times():
    order = read("RDE^O11", visit(), "ORC|NW|1|D1||||||20260110093000+0100", "RXE||J01CR02^Amoxicillin^ATC|1")
    dose = "RXA|0|1|20260110113000+0100||J01CR02^Amoxicillin^ATC|1||||||||||||||CP"
    given_dose = read("RAS^O17", visit(), "ORC|OK|1|D1", dose)
    refused_dose = read("RAS^O17", visit(), "ORC|OK|1|D1", dose.replace("|CP", "|RE"))

    assert facts(order) == [("RXE/SYN-E-1/D1", "order", "antibiotic_order")]
    assert facts(given_dose) == [("RXA/SYN-E-1/D1/20260110103000", "medication", "antibiotic")]
    assert [one.events for one in refused_dose.told.tellings] == [()]
    cancelled = read("RDE^O11", visit(), "ORC|CA|1|D1", "RXE||J01CR02^Amoxicillin^ATC|1").told
    assert [(one.source, one.events) for one in cancelled.tellings] == [("RXE/SYN-E-1/D1", ())]


def test_an_imaging_order_is_a_hint_with_its_urgency():
    request = f"OBR|1|P1|F9|XR^Chest^L{'|' * 20}CR{'|' * 3}^^^^^S"
    (order,) = read("ORM^O01", "ORC|NW|P1|F9", request, "ZDS|1.2.3^^Application^DICOM").orders
    assert (order.accession_number, order.study_uid, order.modality) == ("F9", "1.2.3", "CR")
    assert (order.control, order.urgency) == ("NW", Urgency.STAT)


@pytest.mark.parametrize(
    ("kind", "segments", "changes", "condition"),
    [
        ("MDM^T02", [], {}, ErrorCondition.MESSAGE_TYPE),
        ("ADT^A60", [], {}, ErrorCondition.EVENT_CODE),
        ("ADT^A01", [visit()], {"control_id": ""}, ErrorCondition.REQUIRED_FIELD),
        ("ADT^A01", [visit()], {"sent": "yesterday"}, ErrorCondition.DATA_TYPE),
        ("ADT^A01", [visit()], {"sent": "20990101000000"}, ErrorCondition.DATA_TYPE),
        ("ADT^A01", [visit()], {"patient": ""}, ErrorCondition.SEGMENT_SEQUENCE),
        ("ADT^A01", [visit()], {"patient": "PID|1||"}, ErrorCondition.REQUIRED_FIELD),
        ("ADT^A01", [visit()], {"patient": "PID|1||P1||||19481399"}, ErrorCondition.DATA_TYPE),
        ("ADT^A01", [visit()], {"patient": "PID|1||P1||||20270101"}, ErrorCondition.DATA_TYPE),
        ("ADT^A01", [], {}, ErrorCondition.SEGMENT_SEQUENCE),
        ("ADT^A01", ["PV1|1|I|W"], {}, ErrorCondition.REQUIRED_FIELD),
        ("ADT^A01", [visit().replace("|I|", "|?|")], {}, ErrorCondition.TABLE_VALUE),
        ("ADT^A01", [visit("")], {}, ErrorCondition.DATA_TYPE),
        ("ADT^A03", [visit(discharged="20260109000000")], {}, ErrorCondition.DATA_TYPE),
        ("ADT^A40", [], {}, ErrorCondition.SEGMENT_SEQUENCE),
        ("ADT^A40", ["MRG|SYN-P-1"], {}, ErrorCondition.REQUIRED_FIELD),
        ("ORU^R01", [visit()], {}, ErrorCondition.SEGMENT_SEQUENCE),
        ("RAS^O17", [visit()], {}, ErrorCondition.SEGMENT_SEQUENCE),
        ("RDE^O11", [visit()], {}, ErrorCondition.SEGMENT_SEQUENCE),
        ("ORM^O01", ["ORC|NW"], {}, ErrorCondition.SEGMENT_SEQUENCE),
    ],
)
def test_a_message_that_lacks_what_it_needs_is_refused_with_its_condition(
    kind: str, segments: list[str], changes: dict[str, str], condition: ErrorCondition
):
    with pytest.raises(MessageRefusedError) as refused:
        read(kind, *segments, **changes)
    assert refused.value.condition is condition
    assert "SYN-P-1" not in str(refused.value)


@pytest.mark.parametrize(
    "segment",
    ["PR1|1||X", "PR1|1||KNFB20^^SKS|", "PR1|1||KNFB20^^SKS||20260110090000||x"],
)
def test_a_procedure_that_cannot_be_read_does_not_keep_the_message_out(segment: str):
    told = read("ADT^A08", visit(), segment).told
    assert [one.source for one in told.refusals] == ["PR1[1]"]
    assert len(told.tellings) == 1


# The machine may be busy; what is tested is no speed.
@settings(deadline=None)
@given(
    st.sampled_from(
        ["ADT^A01", "ADT^A02", "ADT^A03", "ADT^A08", "ADT^A40", "ORU^R01", "RAS^O17", "RDE^O11", "ORM^O01"]
    ),
    st.lists(st.text(alphabet=st.sampled_from("|^~\\&0129AF.+-"), max_size=40), max_size=4),
)
def test_no_content_whatever_ends_in_another_error(kind: str, tails: list[str]):
    names = ("PV1", "OBR", "OBX", "RXA", "RXE", "ORC", "MRG", "PR1", "EVN")
    segments = [f"{name}|{tail}" for tail in tails for name in names]
    try:
        reading = read(kind, *segments)
    except MessageRefusedError:
        return
    assert all(event.event_time <= NOW + timedelta(days=1) for one in reading.told.tellings for event in one.events)
