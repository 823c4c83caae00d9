"""What a ward would hear if hourly risks were alerts: the policy is judged, not the score.

Alerts per 100 patient-days, share of patients flagged, PPV and sensitivity by patient and lead time, as asked of live
systems (Wong et al., JAMA Intern Med 2021;181:1065: 18 % of all patients flagged was judged too many).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.bootstrap import Floats, draw_patients
from evaluation.measure import to_value
from evaluation.report import AlertBurden, AlertPolicy, MetricValue
from evaluation.tally import Draws, Scored

#: A policy's silence after an alert.
REFRACTORY_HOURS = 24.0
#: Share of the stays that a ward with little time to spare lets flag.
BUDGET = 0.1


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Hours of stays, watched: sorted by stay and hour, one row an hour."""

    #: What was said of each hour, its truth and its patient.
    scored: Scored
    #: Hours since the first row of the stay, (hour,).
    hours: npt.NDArray[np.float32]
    #: The truth begins so many hours before the onset.
    horizon_hours: float


def judge_alerts(watch: Watch) -> tuple[AlertBurden, ...]:
    """Every hour at the operating point; with silence after an alert; and the same where a tenth of stays may flag."""
    threshold, budget = watch.scored.threshold, _budget_threshold(watch)
    return (
        _judge(watch, AlertPolicy.EVERY_HOUR, threshold, 0.0),
        _judge(watch, AlertPolicy.THEN_SILENT, threshold, REFRACTORY_HOURS),
        _judge(watch, AlertPolicy.TENTH_FLAGGED, budget, REFRACTORY_HOURS),
    )


@dataclass(frozen=True, kw_only=True)
class _Stays:
    """Sums by stay, (stay,) each."""

    patients: npt.NDArray[np.str_]
    hours: Floats
    alerts: Floats
    positive: npt.NDArray[np.bool_]
    #: Hours from the first alert to the onset; NaN without alert or onset.
    lead_hours: Floats


@dataclass(frozen=True, kw_only=True)
class Burden:
    """What alerts cost a ward and what they are worth, by stay."""

    #: Alerts an hour watched, times 2400.
    per_100_patient_days: MetricValue
    #: Share of stays with an alert, 0 to 1.
    flagged: MetricValue
    #: Share of the flagged stays that become positive.
    ppv_per_patient: MetricValue
    #: Share of the positive stays with an alert up to the onset.
    sensitivity_per_patient: MetricValue
    #: Hours from the first alert to the onset among those: quartiles; None where there are none.
    lead_hours_quartiles: tuple[float, float, float] | None
    #: Stays, positive ones, and positive ones without an alert up to the onset.
    stays: int
    positives: int
    missed: int


def burden_of(watch: Watch, alerting: npt.NDArray[np.bool_]) -> Burden:
    """What the alerts of the hours *alerting* (hour,) cost and are worth."""
    stays = _stays(watch, alerting)
    flagged, in_time = (stays.alerts > 0).astype(float), (stays.lead_hours >= 0).astype(float)
    positive = stays.positive.astype(float)
    leads = stays.lead_hours[stays.lead_hours >= 0]
    return Burden(
        per_100_patient_days=_ratio(stays, stays.alerts * 2400, stays.hours),
        flagged=_ratio(stays, flagged, np.ones(len(flagged))),
        ppv_per_patient=_ratio(stays, flagged * positive, flagged),
        sensitivity_per_patient=_ratio(stays, in_time, positive),
        lead_hours_quartiles=_quartiles(leads) if len(leads) else None,
        stays=len(flagged),
        positives=int(positive.sum()),
        missed=int((positive * (1 - in_time)).sum()),
    )


def _judge(watch: Watch, policy: AlertPolicy, threshold: float, refractory_hours: float) -> AlertBurden:
    burden = burden_of(watch, _alerting(watch, threshold, refractory_hours))
    return AlertBurden(
        policy=policy,
        threshold=round(threshold, 5),
        refractory_hours=refractory_hours,
        alerts_per_100_patient_days=burden.per_100_patient_days,
        flagged=burden.flagged,
        ppv_per_patient=burden.ppv_per_patient,
        sensitivity_per_patient=burden.sensitivity_per_patient,
        lead_hours_quartiles=burden.lead_hours_quartiles,
    )


def _quartiles(leads: Floats) -> tuple[float, float, float]:
    low, middle, high = (round(float(one), 2) for one in np.percentile(leads, [25, 50, 75]))
    return low, middle, high


def _alerting(watch: Watch, threshold: float, refractory_hours: float) -> npt.NDArray[np.bool_]:
    """Which hours alert, (hour,)."""
    stays, alerting = stay_numbers(watch), np.zeros(len(watch.hours), dtype=np.bool_)
    stay, silent_until = -1, 0.0
    for row in np.flatnonzero(watch.scored.probabilities >= threshold):
        if stays[row] != stay or watch.hours[row] >= silent_until:
            alerting[row] = True
            stay, silent_until = int(stays[row]), float(watch.hours[row]) + refractory_hours
    return alerting


def _stays(watch: Watch, alerting: npt.NDArray[np.bool_]) -> _Stays:
    numbers = stay_numbers(watch)
    count = int(numbers[-1]) + 1
    positive = np.bincount(numbers, watch.scored.truths, count) > 0
    onset = _first_hour(numbers, watch.hours, watch.scored.truths > 0, count) + watch.horizon_hours
    return _Stays(
        patients=watch.scored.patients[np.searchsorted(numbers, np.arange(count))],
        hours=np.bincount(numbers, minlength=count).astype(np.float64),
        alerts=np.bincount(numbers, alerting, count).astype(np.float64),
        positive=positive,
        lead_hours=onset - _first_hour(numbers, watch.hours, alerting, count),
    )


def stay_numbers(watch: Watch) -> npt.NDArray[np.intp]:
    """Number of the stay of each hour, (hour,): 0, 1, ...; a new one begins with another patient or clock."""
    changed = watch.scored.patients[1:] != watch.scored.patients[:-1]
    return np.concatenate([[0], np.cumsum(changed | (np.diff(watch.hours) <= 0))]).astype(np.intp)


def _first_hour(
    numbers: npt.NDArray[np.intp], hours: npt.NDArray[np.float32], chosen: npt.NDArray[np.bool_], count: int
) -> Floats:
    """Hour of the first *chosen* row of each stay, (stay,); NaN without one."""
    first = np.full(count, np.nan)
    stays, rows = np.unique(numbers[chosen], return_index=True)
    first[stays] = hours[chosen][rows]
    return first


def _budget_threshold(watch: Watch) -> float:
    numbers = stay_numbers(watch)
    highest = np.zeros(int(numbers[-1]) + 1)
    np.maximum.at(highest, numbers, watch.scored.probabilities)
    return float(np.quantile(highest, 1 - BUDGET))


def _ratio(stays: _Stays, part: Floats, whole: Floats) -> MetricValue:
    """The sum of *part* over that of *whole*, both (stay,), with its interval by patient."""
    _, patients = np.unique(stays.patients, return_inverse=True)
    weights = draw_patients(stays.patients)
    everyone = np.ones((len(weights), 1))
    value, draws = (_divide(_summed(part, patients, w), _summed(whole, patients, w)) for w in (everyone, weights))
    return to_value(Draws(value=value[0], draws=draws), "no stay to divide by")


def _summed(of_stay: Floats, patients: npt.NDArray[np.intp], weights: Floats) -> Floats:
    summed: Floats = np.bincount(patients, of_stay, len(weights)) @ weights
    return summed


def _divide(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)
