"""An imaging result as HL7 v2 and as FHIR says what it should, and no more."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import hl7
import pytest
from fhir.resources.R4B.bundle import Bundle
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr_io.hl7.message import parse
from ehr_io.results.diagnostic_report import diagnostic_report, withdrawn_report
from ehr_io.results.imaging_result import (
    Answer,
    CodedConcept,
    ImagingFinding,
    ImagingMeasurement,
    ImagingResult,
    ResultStatus,
    Urgency,
)
from ehr_io.results.oru import Parties, oru_r01, withdrawn_oru
from ehr_io.risks import ModelIdentity

NODULE = CodedConcept(value="427359005", scheme="SCT", meaning="Solitary nodule of lung")
DIAMETER = CodedConcept(value="81827009", scheme="SCT", meaning="Diameter")
SAID_AT = datetime(2026, 3, 2, 7, 30, tzinfo=UTC)


def a_result(**changes: object) -> ImagingResult:
    finding = ImagingFinding(
        label="nodule",
        concept=NODULE,
        text="Lungeknude | højre",
        probability=0.81,
        threshold=0.5,
        measurements=(ImagingMeasurement(concept=DIAMETER, value=8.5, unit="mm"),),
    )
    result = ImagingResult(
        id="2.25.1",
        status=ResultStatus.PRELIMINARY,
        answer=Answer.FINDING,
        reason="",
        patient_id="2512484916",
        patient_name="Sørensen^Åse^Maria^Fru^ph.d.",
        accession_number="ACC1",
        study_instance_uid="1.2.3",
        study_date="20260302",
        report_uid="1.2.3.9",
        model=ModelIdentity(name="ct_lung_nodule", version="0.1.0", digest="a" * 64, demonstration=True),
        findings=(finding,),
        said_at=SAID_AT,
        language="da",
    )
    return replace(result, **changes)


def test_a_preliminary_result_is_read_by_another_parser():
    message = hl7.parse(oru_r01(a_result(), Parties(receiving_application="RIS")).decode())

    assert str(message.segment("MSH")[9]) == "ORU^R01^ORU_R01"
    obr = message.segment("OBR")
    assert (str(obr[3]), str(obr[18]), str(obr[25])) == ("ACC1", "ACC1", "P")
    assert {str(obx[11]) for obx in message.segments("OBX")} == {"P"}
    assert str(message.segment("PID")[5]) == "Sørensen^Åse^Maria^ph.d.^Fru"


def test_every_finding_and_measurement_is_coded_with_its_number_and_unit():
    observations = list(parse(oru_r01(a_result(), Parties())).all("OBX"))

    numbers = [(one.text(3), one.text(5), one.text(6), one.text(8)) for one in observations if one.text(2) == "NM"]
    assert numbers == [("427359005", "0.8100", "1", "A"), ("81827009", "8.5", "mm", "")]
    assert observations[0].text(5) == "1.2.3"
    assert {one.text(18) for one in observations} == {"ct_lung_nodule 0.1.0"}


def test_separators_in_a_text_do_not_break_the_message():
    (told,) = [one for one in parse(oru_r01(a_result(), Parties())).all("OBX") if one.text(2) == "TX"]

    assert told.text(5) == "AI-fund: Lungeknude | højre 0.81"


@given(text=st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
@settings(max_examples=60, deadline=None)
def test_whatever_stands_in_a_name_or_a_text_the_message_stays_whole(text: str):
    plain = parse(oru_r01(a_result(), Parties()))
    made = a_result(patient_id=text, patient_name=text, accession_number=text, reason=text, answer=Answer.NOT_ANALYSED)

    message = parse(oru_r01(made, Parties(receiving_application=text)))

    assert [one.name for one in message.segments] == [one.name for one in plain.segments]
    assert {one.text(11) for one in message.all("OBX")} == {"P"}
    printable = "".join(one if one.isprintable() else " " for one in text)
    assert message.first("OBR").text(3) == printable


@pytest.mark.parametrize(
    ("status", "obr", "obx"),
    [(ResultStatus.PRELIMINARY, "P", "P"), (ResultStatus.CORRECTED, "C", "C")],
)
def test_the_status_is_told_and_is_never_final(status: ResultStatus, obr: str, obx: str):
    message = parse(oru_r01(a_result(status=status), Parties()))

    assert message.first("OBR").text(25) == obr
    assert {one.text(11) for one in message.all("OBX")} == {obx}


def test_a_withdrawal_deletes_every_observation_under_a_control_id_of_its_own():
    wish = Urgency(reason="AI: nodule", expires_at=SAID_AT + timedelta(hours=4))
    sent = oru_r01(a_result(urgency=wish), Parties())

    taken_back = parse(withdrawn_oru(sent, "wrong patient", SAID_AT + timedelta(days=1)))

    told = parse(sent)
    assert [one.raw(3) for one in taken_back.all("OBX")] == [one.raw(3) for one in told.all("OBX")]
    assert {one.text(11) for one in taken_back.all("OBX")} == {"D"}
    assert (taken_back.first("OBR").text(25), taken_back.first("TQ1")) == ("C", None)
    assert taken_back.first("NTE").text(3) == "wrong patient"
    assert len(taken_back.control_id) == 20
    assert taken_back.control_id != told.control_id
    assert taken_back.header.text(7) == "20260303073000+0000"


def test_the_same_result_bears_the_same_control_id_and_another_one_its_own():
    first, again, corrected = (
        oru_r01(one, Parties()) for one in (a_result(), a_result(), a_result(status=ResultStatus.CORRECTED))
    )

    assert first == again
    assert len(parse(first).control_id) == 20
    assert parse(first).control_id != parse(corrected).control_id


@pytest.mark.parametrize("answer", [Answer.NO_FINDING, Answer.NOT_ANALYSED])
def test_nothing_found_and_not_analysed_are_told_apart_and_neither_is_called_normal(answer: Answer):
    message = parse(oru_r01(a_result(answer=answer, findings=(), reason="too bright"), Parties()))

    (outcome,) = [one for one in message.all("OBX") if one.text(2) == "CWE"]
    assert outcome.text(5) == {"no_finding": "no-finding", "not_analysed": "not-analysed"}[answer.value]
    assert outcome.text(8) == ""


def test_a_wish_to_be_read_sooner_bears_its_reason_and_its_end_and_without_one_nothing_is_said():
    wish = Urgency(reason="AI: pneumothorax 0.97", expires_at=SAID_AT + timedelta(hours=4))
    wished, silent = (parse(oru_r01(a_result(urgency=one), Parties())).first("TQ1") for one in (wish, None))

    assert silent is None
    assert (wished.text(8), wished.text(9), wished.text(10)) == (
        "20260302113000+0000",
        "A",
        "AI: pneumothorax 0.97",
    )


@pytest.mark.parametrize("status", list(ResultStatus))
def test_the_transaction_is_valid_fhir_with_codes_of_r4(status: ResultStatus):
    made = diagnostic_report(a_result(status=status), "urn:oid:1.2.208.176.1.2")

    Bundle.model_validate_json(json.dumps(made))
    told = {one["resource"]["status"] for one in made["entry"]}
    assert told == {status.value}
    observation, report = (one["resource"] for one in made["entry"])
    assert report["imagingStudy"][0]["identifier"]["value"] == "urn:oid:1.2.3"
    assert report["result"] == [{"reference": f"Observation/{observation['id']}"}]
    assert observation["valueQuantity"]["value"] == 0.81
    assert report["basedOn"][0]["identifier"]["value"] == "ACC1"


def test_a_withdrawn_transaction_marks_the_same_resources_as_entered_in_error():
    sent = diagnostic_report(a_result(), "")

    made = withdrawn_report(sent, "wrong patient")

    Bundle.model_validate_json(json.dumps(made))
    assert {one["resource"]["status"] for one in made["entry"]} == {"entered-in-error"}
    assert [one["request"] for one in made["entry"]] == [one["request"] for one in sent["entry"]]


def test_a_transaction_told_again_goes_to_the_same_places():
    first, second = (diagnostic_report(a_result(said_at=at), "") for at in (SAID_AT, SAID_AT + timedelta(days=1)))

    assert [one["request"] for one in first["entry"]] == [one["request"] for one in second["entry"]]
