from dataclasses import replace

import numpy as np

from evaluation.cohorts.cohort import Cohort
from evaluation.leakage import find_leaks
from evaluation.report import Check, Finding
from tests.factories.cohorts import hours_table, table

RNG = np.random.default_rng(5)
TRUTHS = np.arange(200) % 2


def harmless(**columns: object) -> Cohort:
    return table(TRUTHS, RNG.normal(size=(200, 6)) + TRUTHS[:, None] * 0.3, **columns)


def finding(findings: tuple[Finding, ...], check: Check) -> Finding:
    return next(one for one in findings if one.check is check)


def test_harmless_data_raise_no_suspicion():
    assert not [one for one in find_leaks(harmless()) if one.suspicious]


def test_harmless_hours_raise_no_suspicion():
    assert not [one for one in find_leaks(hours_table()[0]) if one.suspicious]


def test_a_patient_in_two_splits_is_found():
    splits = np.where(np.arange(200) < 100, "train", "test")
    patients = harmless().patients.copy()
    assert not finding(find_leaks(harmless(splits=splits)), Check.PATIENT_IN_TWO_SPLITS).suspicious
    patients[150] = patients[3]
    found = finding(find_leaks(harmless(splits=splits, patients=patients)), Check.PATIENT_IN_TWO_SPLITS)
    assert (found.suspicious, found.found) == (True, "1 patients in more than one split")


def test_the_same_input_in_two_splits_is_found():
    cohort = harmless(splits=np.where(np.arange(200) < 100, "train", "test"))
    cohort.inputs[150] = cohort.inputs[3]
    assert finding(find_leaks(cohort), Check.SAME_INPUT_IN_TWO_SPLITS).suspicious


def test_rows_with_hardly_a_value_are_equal_by_chance():
    cohort = harmless(splits=np.where(np.arange(200) < 100, "train", "test"))
    cohort.inputs[:, 2:] = np.nan
    cohort.inputs[150] = cohort.inputs[3]
    assert not finding(find_leaks(cohort), Check.SAME_INPUT_IN_TWO_SPLITS).suspicious


def test_a_feature_that_is_the_label_in_disguise_is_named():
    cohort = harmless()
    cohort.inputs[:, 2] = 10 - TRUTHS * 5
    found = finding(find_leaks(cohort, ["a", "b", "c", "d", "e", "f"]), Check.ONE_FEATURE_SEPARATES)
    assert found.suspicious
    assert "'c'" in found.found


def test_that_a_feature_was_measured_can_be_the_label_in_disguise():
    cohort = harmless()
    cohort.inputs[TRUTHS == 0, 4] = np.nan
    found = finding(find_leaks(cohort), Check.ONE_FEATURE_SEPARATES)
    assert found.suspicious
    assert "was measured" in found.found


def test_a_first_hour_that_knows_how_the_stay_ends_is_found():
    cohort, _ = hours_table(stays=90)
    ever = np.char.startswith(cohort.patients, "s") & (np.repeat(np.arange(90), 30) % 3 == 0)
    cohort.inputs[:, 1] = ever + 0.01 * cohort.inputs[:, 1]
    assert finding(find_leaks(cohort), Check.FUTURE_IN_FIRST_HOUR).suspicious


def test_a_feature_that_counts_down_is_found():
    cohort, _ = hours_table()
    cohort.inputs[:, 1] = 30 - np.asarray(cohort.hours)
    assert finding(find_leaks(cohort, ["risk", "hours_left"]), Check.FEATURE_COUNTS_DOWN).found.startswith(
        "'hours_left'"
    )


def test_names_that_tell_the_label_are_found():
    names = np.array(
        [f"{'sick' if truth else 'well'}/{number * 7919 % 200:03d}.png" for number, truth in enumerate(TRUTHS)]
    )
    found = finding(find_leaks(replace(harmless(), keys=names)), Check.NAME_TELLS_LABEL)
    assert found.suspicious
    assert "the word 'sick'" in found.found


def test_an_order_that_tells_the_label_is_found():
    cohort = table(np.sort(TRUTHS), RNG.normal(size=(200, 6)))
    assert finding(find_leaks(cohort), Check.NAME_TELLS_LABEL).suspicious
