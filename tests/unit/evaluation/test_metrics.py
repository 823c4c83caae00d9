import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from evaluation import metrics
from evaluation.bootstrap import draw_patients, interval
from evaluation.calibration import calibration_in_the_large, calibration_slope
from evaluation.classification import judge_probabilities
from evaluation.tally import Scored, draw, tally

HAND = ([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])


def scored(truths: object, probabilities: object, patients: object = None, threshold: float = 0.5) -> Scored:
    known = np.asarray(truths, dtype=np.int8)
    who = np.arange(len(known)).astype(str) if patients is None else np.asarray(patients, dtype=np.str_)
    said = np.asarray(probabilities, dtype=np.float64)
    return Scored(truths=known, probabilities=said, patients=who, threshold=threshold)


def drawn_scores(cases: int = 500, per_patient: int = 1, decimals: int = 2, shift: float = 0.0) -> Scored:
    """Probabilities that are too sure of themselves, with ties when rounded."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=cases)
    truths = rng.random(cases) < 1 / (1 + np.exp(-x + shift))
    said = np.round(1 / (1 + np.exp(-2 * x + shift)), decimals)
    return scored(truths, said, np.arange(cases) // per_patient)


def value(statistic: object, judged: Scored) -> float:
    return float(statistic(tally(judged))[0])


def test_auroc_is_the_share_of_pairs_in_the_right_order():
    assert value(metrics.auroc, scored(*HAND)) == 0.75


def test_equal_scores_are_half_in_order():
    assert value(metrics.auroc, scored([0, 1, 1], [0.5, 0.5, 0.9])) == 0.75


def test_discrimination_and_brier_agree_with_scikit_learn_under_any_weights():
    judged = drawn_scores()
    numbers = {"auroc": metrics.auroc, "auprc": metrics.auprc, "brier": metrics.brier}
    drawn = draw(judged, numbers)
    weights = draw_patients(judged.patients)
    order = np.unique(judged.patients, return_inverse=True)[1]
    for name, theirs in {"auroc": roc_auc_score, "auprc": average_precision_score, "brier": brier_score_loss}.items():
        assert drawn[name].value == pytest.approx(theirs(judged.truths, judged.probabilities))
        for number in (0, 17):
            expected = theirs(judged.truths, judged.probabilities, sample_weight=weights[order, number])
            assert drawn[name].draws[number] == pytest.approx(expected)


def test_numbers_of_one_class_are_null_with_the_reason():
    judged = judge_probabilities(scored([1, 1, 1], [0.2, 0.6, 0.9]))
    assert judged["auroc"].value is None
    assert judged["auroc"].reason == "the cases are all positive or all negative"
    assert judged["sensitivity"].value == pytest.approx(2 / 3, abs=1e-4)


def test_a_score_on_the_threshold_is_said():
    judged = scored(*HAND, threshold=0.35)
    table = metrics.at_threshold()
    found = {name: value(number, judged) for name, number in table.items()}
    assert found == pytest.approx(
        {"accuracy": 0.75, "balanced_accuracy": 0.75, "sensitivity": 1, "specificity": 0.5, "ppv": 2 / 3, "npv": 1}
    )


def test_nothing_said_has_no_ppv_and_says_so():
    judged = judge_probabilities(scored(*HAND, threshold=0.9))
    assert judged["ppv"].value is None
    assert judged["ppv"].reason == "no case is at or above the operating point"


def test_net_benefit_of_a_hand_made_case():
    """At 0.3 two hits and one alarm among four: 2/4 - 1/4 * 0.3/0.7."""
    found = metrics.net_benefit(tally(scored(*HAND)), np.array([0.3, 0.9]))[:, 0]
    assert found == pytest.approx([0.5 - 0.25 * 3 / 7, 0])


def test_perfect_probabilities_have_no_brier_and_no_calibration_error():
    found = judge_probabilities(scored([0, 1, 0, 1], [0, 1, 0, 1]))
    assert found["brier"].value == 0
    assert found["ece"].value == 0


def test_constant_overconfidence_is_the_calibration_error():
    assert judge_probabilities(scored(np.tile([0, 1], 50), np.full(100, 0.9)))["ece"].value == pytest.approx(0.4)


def test_calibration_error_over_bins_of_equal_count():
    """Bins of two: said 0.1 and 0.2 with none true, 0.6 and 0.8 with one true: (0.15 + 0.2) / 2."""
    judged = scored([0, 0, 1, 0], [0.1, 0.2, 0.6, 0.8])
    whole = tally(judged)
    edges = metrics.equal_count_edges(whole, bins=2)
    assert edges.tolist() == [0.1, 0.6]
    assert metrics.expected_calibration_error(whole, edges) == pytest.approx([0.175])


def test_the_slope_is_that_of_logistic_regression():
    judged = drawn_scores(decimals=6)
    logits = np.log(judged.probabilities / (1 - judged.probabilities))
    fitted = LogisticRegression(C=np.inf, tol=1e-10).fit(logits[:, None], judged.truths)
    assert value(calibration_slope, judged) == pytest.approx(float(fitted.coef_[0, 0]), abs=1e-5)


def test_the_intercept_makes_the_mean_right_with_the_slope_held_at_one():
    judged = drawn_scores(decimals=6, shift=1.0)
    logits = np.log(judged.probabilities / (1 - judged.probabilities))
    moved = 1 / (1 + np.exp(-logits - value(calibration_in_the_large, judged)))
    assert moved.mean() == pytest.approx(judged.truths.mean(), abs=1e-6)


def test_scores_that_separate_the_classes_have_no_slope():
    found = judge_probabilities(scored([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]))["calibration_slope"]
    assert found.value is None
    assert "separate" in found.reason


def test_scores_at_the_edge_of_certainty_have_a_slope_like_any_others():
    """Nearly every score is clipped at one end: full steps of the fit would run away from there."""
    rng = np.random.default_rng(12)
    said = np.where(rng.random(400) < 0.9, 1 - 10.0 ** -rng.uniform(3, 12, 400), rng.random(400))
    judged = scored(rng.random(400) < 0.3 + 0.3 * (said > 0.99999), said)
    logits = np.log(np.clip(said, 1e-6, 1 - 1e-6) / (1 - np.clip(said, 1e-6, 1 - 1e-6)))
    fitted = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logits[:, None], judged.truths)
    found = judge_probabilities(judged)["calibration_slope"]
    assert found.value == pytest.approx(float(fitted.coef_[0, 0]), abs=1e-4)
    assert -1 < found.lower < found.value < found.upper < 1


def test_the_lowest_risks_are_judged_apart():
    truths, said = np.array([0, 1, 0, 0, 0, 0, 0, 1, 1, 1]), np.linspace(0.1, 0.9, 10)
    assert metrics.lowest_share_npv(tally(scored(truths, said)), 0.2) == pytest.approx([0.5])
    assert metrics.lowest_share_npv(tally(scored(truths, said)), 0.1) == pytest.approx([1])


def test_grouped_draws_have_the_ends_of_exact_ones(monkeypatch):
    judged = drawn_scores(cases=1500, per_patient=3, decimals=9, shift=1.0)
    numbers = metrics.probability_metrics(judged)
    exact = draw(judged, numbers)
    monkeypatch.setattr("evaluation.tally._GROUPS", 300)
    grouped = draw(judged, numbers)
    for name in numbers:
        assert grouped[name].value == exact[name].value
        assert np.array(grouped[name].interval()) == pytest.approx(np.array(exact[name].interval()), abs=3e-3), name


def test_an_interval_holds_the_mean_and_is_the_same_each_time():
    values = np.random.default_rng(1).normal(5, 1, 200)
    patients = np.array([f"p{i}" for i in range(200)])
    lower, upper = interval(lambda cases: float(values[cases].mean()), patients)
    assert lower < values.mean() < upper
    assert (lower, upper) == interval(lambda cases: float(values[cases].mean()), patients)


def test_many_images_of_few_patients_give_a_wider_interval():
    """Ten patients with twenty equal images each are ten answers, not two hundred."""
    of_patient = np.random.default_rng(2).random(10)
    values = np.repeat(of_patient, 20)
    by_patient = interval(lambda cases: float(values[cases].mean()), np.repeat([f"p{i}" for i in range(10)], 20))
    by_image = interval(lambda cases: float(values[cases].mean()), np.array([f"i{i}" for i in range(200)]))
    assert by_patient[1] - by_patient[0] > 3 * (by_image[1] - by_image[0])


def test_intervals_of_a_fitted_number_go_by_patient_too():
    many = drawn_scores(cases=200)
    repeated = scored(np.repeat(many.truths, 10), np.repeat(many.probabilities, 10), np.repeat(many.patients, 10))
    once, ten_times = (draw(one, {"auroc": metrics.auroc})["auroc"].interval() for one in (many, repeated))
    assert np.array(once) == pytest.approx(np.array(ten_times))
