"""Messages that could be read, but wrongly: each is refused with a reason, or read as its sender means it."""

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from factories.hl7 import PATIENT, message, visit

from ehr_io.hl7.acknowledgement import ErrorCondition
from ehr_io.hl7.context import MessageRefusedError
from ehr_io.hl7.files import read_messages
from ehr_io.hl7.message import parse
from ehr_io.hl7.reader import ReaderSettings, read_message
from ehr_io.receive.reading import RefusalCode
from ehr_io.told import Told

NOW = datetime(2026, 1, 12, tzinfo=UTC)
SETTINGS = ReaderSettings(zone=ZoneInfo("Europe/Copenhagen"))
VITALS = "OBR|1||F1|85353-1^Vital signs^LN|||20260110113000+0100"
BLOOD = "OBR|1||F2|600-7^Blood culture^LN|||20260110113000+0100||||||||||||||||||{}"
URINE = "OBR|1||F3|630-4^Urine culture^LN|||20260110113000+0100||||||||||||||||||F"
COLI, EPIDERMIDIS, NOTHING = "112283007^E. coli^SCT", "60875001^S. epidermidis^SCT", "264868006^No growth^SCT"


def read(kind: str, *segments: str, **changes: str) -> Told:
    return read_message(parse(message(kind, *segments, **changes)), NOW, SETTINGS).told


def crp(written: str, kind: str = "NM", status: str = "F") -> str:
    return f"OBX|1|{kind}|1988-5^CRP^LN||{written}|mg/L|||||{status}"


def grew(written: str, status: str = "F") -> str:
    return f"OBX|1|CE|600-7^Blood culture^LN||{written}||||||{status}"


@pytest.mark.parametrize(
    ("kind", "segments"),
    [
        ("ORU^R01", (visit(), VITALS, crp("5"), PATIENT.replace("P-1", "P-2"), VITALS, crp("9"))),
        ("ADT^A01", (visit(), "MSH|^~\\&|EPJ", visit())),
        ("ADT^A40", ("MRG|OLD-1", PATIENT, "MRG|OLD-2")),
        ("ADT^A01", (visit(), visit().replace("SYN-E-1", "SYN-E-2"))),
    ],
)
def test_a_message_about_two_patients_or_stays_is_refused(kind: str, segments: tuple[str, ...]):
    with pytest.raises(MessageRefusedError, match="more than one") as refused:
        read(kind, *segments)
    assert refused.value.condition is ErrorCondition.SEGMENT_SEQUENCE


@pytest.mark.parametrize(
    "result",
    [
        crp("<5"),
        crp("1,250"),
        crp("1_000"),
        crp("10^2"),
        crp("38~39"),
        crp("5-8"),
        crp("&lt;5"),
        crp(">^5", "SN"),
        crp("^1^:^128", "SN"),
        crp("5", status="Q"),
    ],
)
def test_what_is_no_plain_number_is_refused_and_not_guessed(result: str):
    told = read("ORU^R01", visit(), VITALS, result)
    assert (told.tellings, len(told.refusals)) == ((), 1)


@pytest.mark.parametrize(
    ("result", "value"), [(crp("5,5"), 5.5), (crp("0,125"), 0.125), (crp("^7.5", "SN"), 7.5), (crp("1e2"), 100)]
)
def test_a_number_is_read_as_laboratories_write_it(result: str, value: float):
    (telling,) = read("ORU^R01", visit(), VITALS, result).tellings
    assert telling.events[0].value == value


@pytest.mark.parametrize(
    ("kind", "written", "reached"),
    [
        ("NM", ">100000", 100_000),
        ("SN", ">=^10000", 10_000),
        ("ST", "10000-100000", 10_000),
        ("SN", "^10000^-^100000", 10_000),
        ("ST", "<10000", 0),
    ],
)
def test_a_colony_count_is_what_is_reached_for_certain(kind: str, written: str, reached: float):
    count = f"OBX|2|{kind}|564-5^Count^LN||{written}|CFU/mL|||||F"
    (telling,) = read("ORU^R01", visit(), URINE, grew(COLI), count).tellings
    assert telling.events[0].value == reached


@pytest.mark.parametrize("written", ["100.000", "100,000", "10^5"])
def test_a_colony_count_that_can_be_read_in_two_ways_is_refused(written: str):
    count = f"OBX|2|ST|564-5^Count^LN||{written}|CFU/mL|||||F"
    (refusal,) = read("ORU^R01", visit(), URINE, grew(COLI), count).refusals
    assert refusal.reason_code is RefusalCode.IMPOSSIBLE_VALUE


def test_every_organism_of_a_repeated_answer_is_read():
    (telling,) = read("ORU^R01", visit(), BLOOD.format("F"), grew(f"{EPIDERMIDIS}~{COLI}")).tellings
    assert telling.events[0].text == "112283007 60875001"


def test_of_a_laboratorys_own_code_and_snomed_the_latter_is_taken():
    (telling,) = read("ORU^R01", visit(), BLOOD.format("F"), grew(f"EPI^Epi^L^{EPIDERMIDIS}")).tellings
    assert telling.events[0].text == "60875001"


@pytest.mark.parametrize(
    "results",
    [(), (grew(COLI, status="I"),), ("OBX|1|ST|600-7^Blood culture^LN||Escherichia coli||||||F",)],
)
def test_a_culture_that_says_nothing_is_not_a_negative_one(results: tuple[str, ...]):
    told = read("ORU^R01", visit(), BLOOD.format("F"), *results)
    assert told.tellings == ()
    assert told.refusals[0].reason_code is RefusalCode.MALFORMED


def test_a_culture_under_way_is_nothing_yet_and_one_of_no_patient_is_refused():
    preliminary = read("ORU^R01", visit(), BLOOD.format("P"))
    assert (preliminary.tellings, preliminary.refusals) == ((), ())
    assert "'Z'" in read("ORU^R01", visit(), BLOOD.format("Z"), grew(NOTHING)).refusals[0].reason


@pytest.mark.parametrize(
    ("segments", "place"),
    [
        ((VITALS, crp("5"), crp("9")), "OBX[2]"),
        ((BLOOD.format("F"), grew(COLI), BLOOD.format("F"), grew(NOTHING)), "OBR"),
    ],
)
def test_what_bears_the_name_of_another_result_does_not_replace_it_unseen(segments: tuple[str, ...], place: str):
    told = read("ORU^R01", visit(), *segments)
    assert told.tellings[0].events[0].value == 5 or told.tellings[0].events[0].text == "112283007"
    assert [(one.source, one.reason_code) for one in told.refusals] == [(place, RefusalCode.DUPLICATE)]


def test_a_correction_that_cannot_be_read_still_withdraws_what_it_corrects():
    told = read("ORU^R01", visit(), VITALS, crp("haemolysed", status="C"))
    assert [(one.source, one.events) for one in told.tellings] == [("ORU/F1/1988-5/1", ())]
    assert len(told.refusals) == 1


def test_an_order_that_is_cancelled_without_results_does_not_go_unsaid():
    (refusal,) = read("ORU^R01", visit(), f"{VITALS}||||||||||||||||||X").refusals
    assert "OBR-25 withdraws" in refusal.reason


@pytest.mark.parametrize("minutes", ["99999999999999", "9" * 5000, "9999999"])
def test_an_operation_that_lasts_for_ever_is_refused(minutes: str):
    operation = f"PR1|1||410024004^Catheter^SCT||20260110090000||{minutes}"
    told = read("ADT^A01", visit(), operation)
    assert [one.source for one in told.refusals] == ["PR1[1]"]


def test_operations_without_numbers_of_two_messages_do_not_replace_each_other():
    first = read("ADT^A01", visit(), "PR1|1||410024004^Catheter^SCT||20260110090000")
    second = read("ADT^A08", visit(), "PR1|1||52124006^Line^SCT||20260111090000", sent="20260111120000+0100")
    assert first.tellings[-1].source != second.tellings[-1].source


@pytest.mark.parametrize(
    ("written", "born"),
    [("195012", date(1950, 12, 15)), ("1950", date(1950, 7, 1)), ("195001311200", date(1950, 1, 31))],
)
def test_a_birth_told_by_month_or_year_is_no_other_day(written: str, born: date):
    (patient,) = read("ADT^A08", visit(), patient=f"PID|1||P1||X||{written}|F").patients
    assert patient.birth_date == born


def test_a_birth_in_the_future_is_refused_also_without_an_admission_time():
    with pytest.raises(MessageRefusedError, match="PID-7"):
        read("ADT^A01", visit(admitted=""), patient="PID|1||P1||X||20400101|F")


@pytest.mark.parametrize("event", ["EVN||20260110120000", "EVN||20260110120000||||"])
def test_a_cancelled_transfer_of_no_time_is_refused(event: str):
    with pytest.raises(MessageRefusedError, match="EVN-6 is empty"):
        read("ADT^A12", event, visit())


@pytest.mark.parametrize("offset", ["+9999", "-1500", "+0175"])
def test_an_offset_that_no_clock_has_is_no_time(offset: str):
    with pytest.raises(MessageRefusedError, match="PV1-44 is no time"):
        read("ADT^A01", visit(admitted=f"20260110080000{offset}"))


def test_each_drug_order_is_cancelled_and_timed_by_its_own_order_segment():
    told = read(
        "RDE^O11",
        visit(),
        "ORC|NW|1|ORD1||||||20260110100000",
        "RXE||J01CA01^Ampicillin^ATC",
        "ORC|CA|2|ORD2||||||20260110110000",
        "RXE||J01DC02^Cefuroxime^ATC",
    )
    assert [(one.source, len(one.events)) for one in told.tellings] == [
        ("RXE/SYN-E-1/ORD1", 1),
        ("RXE/SYN-E-1/ORD2", 0),
    ]


def test_a_dose_that_is_deleted_is_withdrawn():
    dose = "RXA|0|1|202601101000||J01CA01^A^ATC|||||||||||||||CP|{}"
    given, deleted = (read("RAS^O17", visit(), "ORC|RE|1|ORD1", dose.format(action)) for action in "AD")
    assert given.tellings[0].source == deleted.tellings[0].source
    assert deleted.tellings[0].events == ()


@pytest.mark.parametrize(
    ("ward", "charset"),
    [("Łódź", "8859/2"), ("ØNH", "8859/1"), ("M\\X31\\", "8859/1"), ("M\\XC398\\", "UNICODE UTF-8")],
)
def test_a_ward_is_read_in_the_character_set_that_is_told(ward: str, charset: str):
    text = message("ADT^A01", visit(ward)).decode().replace("UNICODE UTF-8", charset)
    codec = {"8859/2": "iso8859-2", "8859/1": "latin-1"}.get(charset, "utf-8")
    told = read_message(parse(text.encode(codec)), NOW, SETTINGS).told
    expected = {"M\\X31\\": "M1", "M\\XC398\\": "MØ"}.get(ward, ward)
    assert told.tellings[1].events[0].code == expected


def test_the_envelope_of_a_batch_file_is_no_message(tmp_path: Path):
    admitted = message("ADT^A01", visit())
    (tmp_path / "batch.hl7").write_bytes(b"FHS|^~\\&|x\rBHS|^~\\&|x\r" + admitted + admitted + b"BTS|2\rFTS|1\r")
    assert list(read_messages(tmp_path / "batch.hl7")) == [admitted.strip()] * 2
