import numpy as np
import pytest

from evaluation.alert_burden import Watch, judge_alerts
from evaluation.report import AlertPolicy
from tests.factories.cohorts import scored


def watched() -> Watch:
    """Three stays of 24 hours: one positive from hour 10 (onset 16), said at 8, 9 and 20; another said once."""
    truths, said = np.zeros((3, 24)), np.full((3, 24), 0.1)
    truths[0, 10:] = 1
    said[0, [8, 9, 20]], said[1, 5] = 0.9, 0.8
    patients = np.repeat(["a", "b", "c"], 24)
    return Watch(
        scored=scored(truths.ravel(), said.ravel(), patients),
        hours=np.tile(np.arange(24), 3).astype(np.float32),
        horizon_hours=6,
    )


def test_every_hour_said_is_an_alert_and_burden_is_by_hours_watched():
    every = judge_alerts(watched())[0]
    assert every.alerts_per_100_patient_days.value == pytest.approx(4 / 3 * 100, abs=1e-3)
    assert every.flagged.value == pytest.approx(2 / 3, abs=1e-4)
    assert every.ppv_per_patient.value == 0.5
    assert every.sensitivity_per_patient.value == 1


def test_lead_time_runs_from_the_first_alert_to_the_onset():
    assert judge_alerts(watched())[0].lead_hours_quartiles == (8, 8, 8)


def test_silence_after_an_alert_spares_the_ward_and_finds_the_same_patients():
    every, silent, _ = judge_alerts(watched())
    assert silent.policy is AlertPolicy.THEN_SILENT
    assert silent.alerts_per_100_patient_days.value == pytest.approx(2 / 3 * 100, abs=1e-3)
    assert silent.sensitivity_per_patient == every.sensitivity_per_patient


def test_an_alert_after_the_onset_does_not_count_as_found():
    late = watched()
    late.scored.probabilities[:] = 0.1
    late.scored.probabilities[17] = 0.9
    every = judge_alerts(late)[0]
    assert every.flagged.value == pytest.approx(1 / 3, abs=1e-4)
    assert every.sensitivity_per_patient.value == 0
    assert every.lead_hours_quartiles is None


def test_hours_that_begin_again_are_another_stay_of_the_same_patient():
    again = watched()
    again.scored.patients[:] = "a"
    assert judge_alerts(again)[0].flagged.value == pytest.approx(2 / 3, abs=1e-4)


def test_without_an_alert_there_is_no_ppv_and_it_says_why():
    silent = watched()
    silent.scored.probabilities[:] = 0.1
    found = judge_alerts(silent)[0].ppv_per_patient
    assert (found.value, found.reason) == (None, "no stay to divide by")
