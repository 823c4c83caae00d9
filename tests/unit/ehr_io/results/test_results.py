"""A risk as RiskAssessment and as card: valid, complete, in both languages."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from fhir.resources.R4B.riskassessment import RiskAssessment

from ehr_io.codes import Coding, Words
from ehr_io.errors import ContradictionError
from ehr_io.results.card import card, card_uuid
from ehr_io.results.risk_assessment import risk_assessment
from ehr_io.risks import ModelIdentity, RiskReason, RiskReport

AS_OF = datetime(2026, 3, 9, 11, tzinfo=UTC)


def report(**changes: object) -> RiskReport:
    reasons = (
        RiskReason(
            text=Words(en="Temperature, highest in 24 h", da="Temperatur, højeste i 24 timer"),
            contribution=0.9,
            value=38.5,
            unit="Cel",
            reference_range=(36.0, 37.5),
            measured_at=datetime(2026, 3, 9, 8, tzinfo=UTC),
            source="Observation/o1",
        ),
        RiskReason(text=Words(en="C-reactive protein", da="CRP"), contribution=-0.2, value=None),
        RiskReason(text=Words(en="Urinary catheter", da="Blærekateter"), contribution=0.1, value=1.0),
    )
    model = ModelIdentity(name="infection_urinary", version="0.1.0", digest="ab" * 32, demonstration=True)
    return replace(
        RiskReport(
            id="risk-1",
            patient_id="p1",
            stay_id="e1",
            as_of=AS_OF,
            horizon_hours=48,
            outcome=Coding(system="http://snomed.info/sct", code="68566005"),
            outcome_text=Words(en="Hospital-acquired urinary tract infection", da="Sygehuserhvervet urinvejsinfektion"),
            probability=0.234567,
            threshold=0.15,
            reasons=reasons,
            model=model,
        ),
        **changes,
    )


@pytest.mark.parametrize("language", ["da", "en"])
def test_a_risk_assessment_is_valid_r4b(language: str):
    RiskAssessment.model_validate(risk_assessment(report(), language))


def test_a_risk_assessment_tells_who_when_how_likely_and_by_what():
    made = risk_assessment(report(), "en")
    assert made["status"] == "preliminary"
    assert made["subject"] == {"reference": "Patient/p1"}
    assert made["encounter"] == {"reference": "Encounter/e1"}
    assert made["occurrenceDateTime"] == "2026-03-09T11:00:00+00:00"
    assert made["method"]["coding"][0]["code"] == "ab" * 32
    assert made["basis"] == [{"reference": "Observation/o1"}]
    (prediction,) = made["prediction"]
    assert prediction["probabilityDecimal"] == 0.2346
    assert prediction["whenPeriod"] == {"start": "2026-03-09T11:00:00+00:00", "end": "2026-03-11T11:00:00+00:00"}


def test_a_risk_assessment_says_that_a_machine_made_it_and_that_it_is_a_demonstration():
    made = risk_assessment(report(), "en")
    assert [entry["code"] for entry in made["meta"]["security"]] == ["AIAST"]
    assert [entry["code"] for entry in made["meta"]["tag"]] == ["demonstration"]
    assert made["note"][0]["text"] == "DEMONSTRATION on synthetic data. Not for use on patients."


def test_without_a_source_there_is_no_empty_basis():
    made = risk_assessment(report(reasons=()), "en")
    RiskAssessment.model_validate(made)
    assert "basis" not in made


def test_a_card_is_short_and_says_what_within_when():
    made = card(report(), "da", "https://varsel.example/stays/e1")
    assert made["summary"] == "23 % risiko for sygehuserhvervet urinvejsinfektion inden for 48 timer"
    assert len(made["summary"]) < 140
    assert made["indicator"] == "warning"
    assert made["source"]["label"] == "Varsel infection_urinary 0.1.0 (abababababab)"
    assert made["links"] == [{"label": "Åbn i Varsel", "url": "https://varsel.example/stays/e1", "type": "absolute"}]


def test_a_long_outcome_still_makes_a_short_summary():
    words = Words(en="x" * 300, da="x" * 300)
    assert len(card(report(outcome_text=words), "en")["summary"]) < 140


@pytest.mark.parametrize(("probability", "indicator"), [(0.1499, "info"), (0.15, "warning")])
def test_a_card_warns_from_the_operating_point_on(probability: float, indicator: str):
    assert card(report(probability=probability), "en")["indicator"] == indicator


def test_a_card_gives_reasons_with_value_time_and_usual_range():
    detail = card(report(), "en")["detail"]
    expected = "- Temperature, highest in 24 h: 38.5 °C (usual 36–37.5), 2026-03-09 09:00 – raises the risk"
    assert expected in detail
    assert "- C-reactive protein: not measured – lowers the risk" in detail
    assert "- Urinary catheter: yes – raises the risk" in detail
    assert "no proof of a cause" in detail


def test_a_card_in_danish_writes_numbers_the_danish_way():
    assert "38,5 °C (normalt 36–37,5)" in card(report(), "da")["detail"]


@pytest.mark.parametrize(("probability", "shown"), [(0.0001, "<1%"), (0.014, "1%"), (0.9999, "99%")])
def test_a_share_is_never_told_as_certain(probability: float, shown: str):
    assert card(report(probability=probability), "en")["summary"].startswith(f"{shown} risk")


def test_the_same_risk_makes_the_same_card():
    assert card(report(), "en")["uuid"] == card(report(), "da")["uuid"] == card_uuid("risk-1")


def test_markup_in_a_reason_stays_text():
    reason = RiskReason(text=Words(en="[x](http://evil) <b>", da=""), contribution=1.0, value=1.0)
    assert "\\[x\\](http://evil) \\<b\\>" in card(report(reasons=(reason,)), "en")["detail"]


def test_a_card_without_a_page_has_no_links():
    assert "links" not in card(report(), "en")


def test_a_probability_outside_0_to_1_makes_no_report():
    with pytest.raises(ContradictionError, match="0 to 1"):
        report(probability=1.2)
