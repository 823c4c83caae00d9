"""Each way in which a policy holds back, on both sides of its limit."""

import pytest

from serving.alerts.decide import WORDS, PastAlert, Scene, Verdict, decide, shift_of
from serving.alerts.policy import AlertPolicy, Mode


def policy(**other: object) -> AlertPolicy:
    values = {"name": "p", "model": "m", "threshold": 0.2, "mode": Mode.LIVE, "refractory_hours": 0.0}
    return AlertPolicy.model_validate(values | other)


def scene(*scores: float, **other: object) -> Scene:
    return Scene(at=100.0, scores=scores or (0.3,), **other)


def verdict(which: AlertPolicy, of: Scene) -> Verdict:
    return decide(which, of).verdict


def test_a_score_on_the_threshold_alerts_and_one_under_it_does_not():
    assert verdict(policy(), scene(0.2)) is Verdict.ALERT
    assert verdict(policy(), scene(0.1999)) is Verdict.BELOW


def test_a_silent_policy_decides_and_tells_nobody():
    decision = decide(policy(mode="silent"), scene())
    assert (decision.verdict, decision.is_alert) == (Verdict.SILENT_ALERT, True)


def test_two_of_three_scores_must_hold_and_the_newest_among_them():
    held = policy(hold=2, hold_of=3)
    assert verdict(held, scene(0.3, 0.1, 0.3)) is Verdict.ALERT
    assert verdict(held, scene(0.3, 0.1, 0.1, 0.3)) is Verdict.NOT_HELD
    assert verdict(held, scene(0.3, 0.3, 0.1)) is Verdict.BELOW
    assert verdict(held, scene(0.3)) is Verdict.NOT_HELD


@pytest.mark.parametrize(("at", "expected"), [(76.0, Verdict.ALERT), (76.5, Verdict.REFRACTORY)])
def test_a_stay_is_quiet_for_a_day_after_its_alert(at: float, expected: Verdict):
    last = PastAlert(at=at, probability=0.5)
    assert verdict(policy(refractory_hours=24), scene(last_alert=last)) is expected


@pytest.mark.parametrize(("before", "expected"), [(0.25, Verdict.ALERT), (0.26, Verdict.NOT_HIGHER)])
def test_a_repeated_alert_needs_a_higher_risk(before: float, expected: Verdict):
    last = PastAlert(at=10.0, probability=before)
    assert verdict(policy(repeat_rise=0.05), scene(0.3, last_alert=last)) is expected


@pytest.mark.parametrize(
    ("given", "expected"), [(88.0, Verdict.ALERT), (88.5, Verdict.TREATED), (101.0, Verdict.ALERT)]
)
def test_treatment_holds_back_for_its_hours_and_never_from_the_future(given: float, expected: Verdict):
    assert verdict(policy(treated_hours=12), scene(treated_at=given)) is expected


def test_what_is_not_asked_for_holds_nothing_back():
    assert verdict(policy(), scene(treated_at=99.9, known_at=99.9, ward_alerts=50)) is Verdict.ALERT


def test_a_known_infection_holds_back_before_its_treatment_does():
    both = policy(treated_hours=12, known_hours=12)
    assert verdict(both, scene(treated_at=99.0, known_at=99.0)) is Verdict.KNOWN


@pytest.mark.parametrize(("until", "expected"), [(100.0, Verdict.ALERT), (100.1, Verdict.SNOOZED)])
def test_a_snoozed_stay_is_quiet_until_its_time(until: float, expected: Verdict):
    assert verdict(policy(), scene(snoozed_until=until)) is expected


@pytest.mark.parametrize(("so_far", "expected"), [(1, Verdict.ALERT), (2, Verdict.CAPPED)])
def test_a_ward_hears_no_more_than_its_cap(so_far: int, expected: Verdict):
    assert verdict(policy(cap_per_shift=2), scene(ward_alerts=so_far)) is expected


def test_shifts_follow_each_other():
    assert [shift_of(policy(), at) for at in (0.0, 7.99, 8.0, 24.0)] == [0, 0, 1, 3]


def test_every_verdict_has_words_in_both_languages_with_the_numbers_of_the_policy():
    assert set(WORDS) == set(Verdict)
    capped = decide(policy(cap_per_shift=2), scene(ward_alerts=2)).reason
    assert "its 2 alerts" in capped.en
    assert "sine 2 varsler" in capped.da


def test_a_policy_without_a_threshold_decides_nothing():
    with pytest.raises(ValueError, match="alerts simulate"):
        decide(policy(threshold=None, capacity_per_100_patient_days=5), scene())
