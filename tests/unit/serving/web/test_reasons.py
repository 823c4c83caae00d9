"""Reasons are told by group, and those told still add up to the score."""

import math

import pytest

from models.features import ADDITIVITY_TOLERANCE
from serving.web.reasons import group_of, grouped
from serving.web.rows import ReasonRow


def reason(feature: str, contribution: float, value: float | None = 1.0) -> ReasonRow:
    return ReasonRow(feature=feature, contribution=contribution, value=value, measured_at=None)


CONCEPTS = {
    "wbc_last": "leukocytes",
    "neutrophils_last": "neutrophils",
    "temp_max": "temperature",
    "temp_mean": "temperature",
}
REASONS = [
    reason("wbc_last", 0.4),
    reason("neutrophils_last", 0.5, 12.0),
    reason("temp_max", 0.7),
    reason("temp_mean", -0.6),
    reason("age", -0.2),
]


def told() -> tuple[ReasonRow, ...]:
    return grouped(REASONS, lambda name: CONCEPTS.get(name, name))


def test_what_moves_together_is_told_once_under_its_strongest_member():
    first = told()[0]
    assert (first.feature, first.value, first.members) == ("neutrophils_last", 12.0, 2)
    assert first.contribution == pytest.approx(0.9)


def test_opposite_parts_of_one_measurement_cancel():
    assert [one.feature for one in told()] == ["neutrophils_last", "age", "temp_max"]
    assert told()[-1].contribution == pytest.approx(0.1)


def test_the_groups_and_the_baseline_make_the_probability():
    baseline = -2.0
    single, groups = (sum(one.contribution for one in rows) for rows in (REASONS, told()))
    probability = 1 / (1 + math.exp(-(baseline + single)))
    assert math.log(probability / (1 - probability)) == pytest.approx(baseline + groups, abs=ADDITIVITY_TOLERANCE)


def test_a_concept_without_a_partner_stands_for_itself():
    assert group_of("lactate") == "lactate"
    assert group_of("mean_arterial_pressure") == group_of("diastolic_blood_pressure") == "systolic_blood_pressure"
