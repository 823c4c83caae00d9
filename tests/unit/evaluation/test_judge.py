from dataclasses import replace

import numpy as np
import pytest

from evaluation.classification import worst_errors
from evaluation.comparison import Comparison, compare_scored
from evaluation.curves import curves_of
from evaluation.errors import EvaluationError
from evaluation.html import Surroundings, to_html
from evaluation.judge import Rival, judge_cohort
from evaluation.metrics import auroc
from evaluation.report import DataFacts, FailureKind, dump_report, load_report
from evaluation.sepsis_utility import utility
from evaluation.subgroups import judge_subgroups, largest_gaps
from models.manifest import Task
from tests.factories.cohorts import hours_table, scored, subject, table

FACTS = DataFacts(source="made in the test", sha256="cd" * 32, split="all", files={})


def images(cases: int = 120) -> tuple[object, np.ndarray]:
    rng = np.random.default_rng(4)
    truths = (np.arange(cases) % 3 == 0).astype(float)
    said = np.clip(0.3 + 0.3 * truths + 0.15 * rng.normal(size=cases), 0.01, 0.99)
    sexes = np.where(np.arange(cases) % 2 == 0, "F", "M")
    return table(truths, np.zeros((cases, 1, 4, 4)), groups={"sex": sexes}), said[:, None]


def test_a_report_of_images_holds_everything_and_survives_json():
    cohort, said = images()
    report = judge_cohort(subject(Task.IMAGE_CLASSIFICATION), cohort, said, data=FACTS)
    assert load_report(dump_report(report)) == report
    assert (report.cases, report.positives, report.alerts, report.comparison) == (120, 40, (), None)
    assert [one.value for one in report.subgroups] == ["F", "M"]


def test_of_one_patient_alone_there_are_numbers_and_no_interval():
    cohort, said = images()
    alone = replace(cohort, patients=np.full(120, "a"), groups={})
    report = judge_cohort(subject(Task.IMAGE_CLASSIFICATION), alone, said, data=FACTS)
    auroc = report.metrics["auroc"]
    assert auroc.value is not None
    assert (auroc.lower, auroc.upper, auroc.reason) == (None, None, "too few patients to draw an interval")
    assert {(one.lower, bool(one.reason)) for one in report.metrics.values()} == {(None, True)}
    assert "for få patienter til at trække et interval" in to_html(report, Surroundings(language="da"))


def test_cases_whose_truth_is_unknown_are_not_judged():
    cohort, said = images()
    cohort.truths[:12] = np.nan
    assert judge_cohort(subject(Task.IMAGE_CLASSIFICATION), cohort, said, data=FACTS).cases == 108


def test_data_without_any_known_truth_is_refused():
    cohort, said = images()
    cohort.truths[:] = np.nan
    with pytest.raises(EvaluationError, match="no case whose 'opacity' is known"):
        judge_cohort(subject(Task.IMAGE_CLASSIFICATION), cohort, said, data=FACTS)


def test_a_further_label_is_judged_where_it_is_known_and_else_told_as_not_examined():
    cohort, said = images()
    first = subject(Task.IMAGE_CLASSIFICATION).labels[0]
    who = subject(Task.IMAGE_CLASSIFICATION, labels=(first, replace(first, key="other"), replace(first, key="third")))
    other = np.where(np.arange(120) < 60, cohort.truths[:, 0], np.nan)
    three = replace(cohort, truths=np.stack([cohort.truths[:, 0], other, np.full(120, np.nan)], axis=1))
    report = judge_cohort(who, three, np.repeat(said, 3, axis=1), data=FACTS)
    assert {key: one.cases for key, one in report.labels.items()} == {"other": 60}
    assert report.not_examined[0] == "label third: its truth is not known in this data"


def test_hours_have_the_challenge_utility_with_an_interval_by_stay():
    cohort, risk = hours_table()
    report = judge_cohort(subject(), cohort, risk[:, None], data=FACTS)
    found = report.metrics["utility"]
    threshold = subject().labels[0].threshold
    expected = utility(cohort.patients, cohort.truths[:, 0], risk >= threshold)
    assert found.value == pytest.approx(expected, abs=1e-5)
    assert found.lower < found.value < found.upper
    assert any("first culture" in one for one in report.not_examined)


def test_results_before_suspicion_are_a_subgroup_where_the_data_know_it():
    cohort, risk = hours_table()
    known = replace(cohort, groups={"suspicion": np.where(np.asarray(cohort.hours) < 20, "before", "after")})
    report = judge_cohort(subject(), known, risk[:, None], data=FACTS)
    assert {one.value for one in report.subgroups if not one.too_few} == {"before", "after"}
    assert not any("first culture" in one for one in report.not_examined)


def test_a_rival_that_says_the_same_differs_by_nothing():
    cohort, said = images()
    rival = Rival(name="champion", digest="ef" * 32, said=said, threshold=0.5)
    compared = judge_cohort(subject(Task.IMAGE_CLASSIFICATION), cohort, said, data=FACTS, rival=rival).comparison
    assert compared is not None
    assert compared.metrics["auroc"] == Comparison(metric="auroc", difference=0, lower=0, upper=0)


def test_a_rival_is_judged_at_its_own_operating_point():
    cohort, said = images()
    rival = Rival(name="champion", digest="ef" * 32, said=said, threshold=0.99)
    compared = judge_cohort(subject(Task.IMAGE_CLASSIFICATION), cohort, said, data=FACTS, rival=rival).comparison
    assert compared is not None
    assert compared.metrics["sensitivity"].lower > 0.5


def test_pairs_are_compared_far_more_sharply_than_each_alone():
    rng = np.random.default_rng(8)
    truths = np.arange(300) % 2
    base = truths + 1.5 * rng.normal(size=300)
    better, worse = (scored(truths, 1 / (1 + np.exp(-base - noise))) for noise in (0, 0.3 * rng.normal(size=300)))
    found = compare_scored(better, worse, {"auroc": auroc})["auroc"]
    assert found.upper - found.lower < 0.06
    assert found.lower < found.difference < found.upper


def test_other_cases_cannot_be_compared():
    with pytest.raises(ValueError, match="different cases"):
        compare_scored(scored([0, 1], [0.1, 0.9]), scored([1, 0], [0.1, 0.9]), {"auroc": auroc})


@pytest.mark.parametrize(
    ("lower", "upper", "less_is_better", "expected"),
    [(-0.01, 0.05, False, True), (-0.03, 0.05, False, False), (-0.05, 0.01, True, True), (-0.05, 0.03, True, False)],
)
def test_non_inferiority_goes_by_the_unfavourable_end(lower: float, upper: float, less_is_better: bool, expected: bool):  # noqa: FBT001
    found = Comparison(metric="auroc", difference=0.0, lower=lower, upper=upper)
    assert found.non_inferior(0.02, less_is_better=less_is_better) is expected


def test_a_difference_that_is_not_defined_is_never_non_inferior():
    assert not Comparison(metric="auroc", difference=None, lower=None, upper=None).non_inferior(0.02)


def test_few_patients_of_a_class_are_too_few_however_many_rows_they_have():
    """Nine positive patients with fifty rows each are nine answers."""
    truths, patients = np.repeat(np.arange(60) < 9, 50), np.repeat(np.arange(60), 50)
    (found,) = judge_subgroups(scored(truths, np.full(3000, 0.5), patients), {"ward": np.full(3000, "A")})
    assert (found.patients, found.too_few, found.metrics) == (60, True, {})


def test_the_largest_gap_names_both_ends():
    rng = np.random.default_rng(6)
    truths = np.arange(400) % 2
    groups = np.repeat(["A", "B"], 200)
    strength = np.where(groups == "A", 3.0, 0.2)
    judged = judge_subgroups(
        scored(truths, 1 / (1 + np.exp(-strength * truths - rng.normal(size=400)))), {"ward": groups}
    )
    gap = next(one for one in largest_gaps(judged) if one.metric == "auroc")
    assert (gap.lowest, gap.highest) == ("B", "A")
    assert gap.difference > 0.2


def test_the_worst_error_of_each_patient_is_told():
    judged = scored([1, 1, 0, 0, 1], [0.1, 0.05, 0.9, 0.2, 0.8], ["a", "a", "b", "b", "c"])
    errors = worst_errors(judged, np.array(["k0", "k1", "k2", "k3", "k4"]))
    assert [(one.key, one.kind) for one in errors] == [
        ("k1", FailureKind.FALSE_NEGATIVE),
        ("k2", FailureKind.FALSE_POSITIVE),
    ]


def test_curves_begin_and_end_where_they_must():
    rng = np.random.default_rng(9)
    truths = rng.random(5000) < 0.3
    curves = curves_of(scored(truths, np.clip(0.3 + 0.2 * truths + 0.2 * rng.normal(size=5000), 0, 1)))
    assert (curves.roc["false_positive_rate"][0], curves.roc["true_positive_rate"][-1]) == (0, 1)
    assert curves.precision_recall["recall"][-1] == 1
    assert curves.precision_recall["precision"][-1] == pytest.approx(truths.mean(), abs=1e-4)
    assert len(curves.roc["true_positive_rate"]) <= 202
    assert sum(curves.calibration["cases"]) == 5000
    first = {name: column[0] for name, column in curves.decision.items()}
    assert first["threshold"] == pytest.approx(truths.mean() / 5, abs=1e-4)
    assert first["net_benefit"] == pytest.approx(first["treat_all"], abs=0.03)
