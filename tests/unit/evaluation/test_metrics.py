import numpy as np
import pytest

from evaluation import metrics
from evaluation.bootstrap import interval

TRUTHS = np.array([0, 0, 1, 1])
SCORES = np.array([0.1, 0.4, 0.35, 0.8])


def test_auroc_is_the_share_of_pairs_in_the_right_order():
    assert metrics.auroc(TRUTHS, SCORES) == 0.75


def test_auroc_of_one_class_is_not_defined():
    assert np.isnan(metrics.auroc(np.ones(4), SCORES))


def test_a_score_on_the_threshold_is_said():
    assert metrics.sensitivity(TRUTHS, SCORES, 0.35) == 1
    assert metrics.specificity(TRUTHS, SCORES, 0.4) == 0.5


def test_perfect_probabilities_have_no_brier_and_no_calibration_error():
    assert metrics.brier(TRUTHS, TRUTHS.astype(float)) == 0
    assert metrics.expected_calibration_error(TRUTHS, TRUTHS.astype(float)) == 0


def test_constant_overconfidence_is_the_calibration_error():
    truths = np.tile([0, 1], 50)
    assert metrics.expected_calibration_error(truths, np.full(100, 0.9), bins=1) == pytest.approx(0.4)


def test_dice_of_half_overlap():
    left, right = np.array([1, 1, 0], dtype=bool), np.array([0, 1, 1], dtype=bool)
    assert metrics.dice(left, right) == 0.5
    assert np.isnan(metrics.dice(np.zeros(3, dtype=bool), np.zeros(3, dtype=bool)))


def test_an_interval_holds_the_mean_and_is_the_same_each_time():
    values = np.random.default_rng(1).normal(5, 1, 200)
    patients = np.array([f"p{i}" for i in range(200)])
    low, high = interval(lambda cases: float(values[cases].mean()), patients)
    assert low < values.mean() < high
    assert (low, high) == interval(lambda cases: float(values[cases].mean()), patients)


def test_many_images_of_few_patients_give_a_wider_interval():
    """Ten patients with twenty equal images each are ten answers, not two hundred."""
    of_patient = np.random.default_rng(2).normal(0, 1, 10)
    values = np.repeat(of_patient, 20)
    by_patient = interval(lambda cases: float(values[cases].mean()), np.repeat([f"p{i}" for i in range(10)], 20))
    by_image = interval(lambda cases: float(values[cases].mean()), np.array([f"i{i}" for i in range(200)]))
    assert by_patient[1] - by_patient[0] > 3 * (by_image[1] - by_image[0])
