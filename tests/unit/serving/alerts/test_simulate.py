"""A simulation says what the live decisions would have been, and what they would have been worth."""

import numpy as np
import pytest

from evaluation.alert_burden import Watch, judge_alerts
from serving.alerts.decide import Verdict
from serving.alerts.policy import AlertPolicy
from serving.alerts.simulate import fit_threshold, naive_policy, replay, simulate
from tests.factories.cohorts import scored


def watched(stays: int = 60, hours: int = 48) -> Watch:
    """Every third stay is positive from hour 30 on and rises from hour 20 on; the others wander."""
    rng = np.random.default_rng(3)
    truths, said = np.zeros((stays, hours)), rng.uniform(0.0, 0.3, (stays, hours))
    truths[::3, 30:] = 1
    said[::3, 20:] += np.linspace(0.1, 0.6, hours - 20)
    return Watch(
        scored=scored(truths.ravel(), said.ravel(), np.repeat([f"p{n:03}" for n in range(stays)], hours)),
        hours=np.tile(np.arange(hours), stays).astype(np.float32),
        horizon_hours=6,
    )


def policy(**other: object) -> AlertPolicy:
    return AlertPolicy.model_validate({"name": "p", "model": "m", "threshold": 0.28} | other)


def test_the_naive_policy_is_every_hour_at_the_threshold():
    watch = watched()
    said = replay(naive_policy("m", 0.28), watch)
    assert (said.alerting == (watch.scored.probabilities >= 0.28)).all()
    assert sum(said.verdicts.values()) == len(watch.hours)


def test_a_day_of_silence_is_what_the_evaluation_calls_then_silent():
    watch = watched()
    silent = judge_alerts(watch)[1]
    found = simulate(policy(threshold=watch.scored.threshold, refractory_hours=24.0), watch).burden
    assert found.per_100_patient_days == silent.alerts_per_100_patient_days
    assert found.sensitivity_per_patient == silent.sensitivity_per_patient


def test_nothing_of_one_stay_holds_back_the_next():
    watch = watched(stays=2)
    watch.scored.probabilities[:] = 0.9
    said = replay(policy(refractory_hours=1000.0), watch)
    assert np.flatnonzero(said.alerting).tolist() == [0, 48]


def test_holding_looks_only_at_scores_of_the_same_stay():
    watch = watched(stays=2)
    watch.scored.probabilities[:] = 0.0
    watch.scored.probabilities[[47, 48]] = 0.9
    assert not replay(policy(hold=2, hold_of=2), watch).alerting.any()


def test_a_fitted_threshold_stays_within_the_capacity_and_uses_it():
    watch, wanted = watched(), policy(threshold=None, capacity_per_100_patient_days=40)
    fitted = wanted.model_copy(update={"threshold": fit_threshold(wanted, watch)})
    alerts = replay(fitted, watch).alerting.sum() * 2400 / len(watch.hours)
    assert 30 < alerts <= 40


def test_a_capacity_is_judged_on_stays_that_the_threshold_was_not_found_on():
    found = simulate(policy(threshold=None, capacity_per_100_patient_days=40), watched())
    assert found.fitted
    assert found.burden.stays == 60
    assert found.burden.per_100_patient_days.value == pytest.approx(40, rel=0.5)


def test_missed_and_found_are_all_the_positive_stays():
    burden = simulate(policy(threshold=0.5), watched()).burden
    assert burden.positives == 20
    assert burden.missed == round((1 - burden.sensitivity_per_patient.value) * 20)


def test_each_hour_has_one_verdict():
    said = replay(policy(hold=2, hold_of=3, repeat_rise=0.05), watched())
    assert sum(said.verdicts.values()) == 60 * 48
    assert said.verdicts[Verdict.SILENT_ALERT] == said.alerting.sum()
