"""What a policy would have told on history: each score decided as if live, and what it was worth."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from evaluation.alert_burden import Burden, Watch, burden_of, stay_numbers
from evaluation.sepsis_utility import hour_utilities
from serving.alerts.decide import PastAlert, Scene, Verdict, verdict_of
from serving.alerts.policy import AlertPolicy

#: Steps of halving in the search for a threshold: 2**-12 of the scores is finer than any ward can tell.
_STEPS = 12
_Hours = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What the policy said of every hour."""

    #: Which hours alert, (hour,).
    alerting: _Hours
    #: Verdict -> number of hours.
    verdicts: Mapping[Verdict, int]


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """One policy judged on history."""

    #: The policy; its threshold is what a ward would use now.
    policy: AlertPolicy
    #: Whether the threshold was found from the capacity: then each half of the stays was judged at the other's.
    fitted: bool
    #: What its alerts cost and are worth.
    burden: Burden
    #: Verdict -> number of hours.
    verdicts: Mapping[Verdict, int]
    #: Utility of the PhysioNet challenge 2019 if every hour at or above the threshold counted as its alarm.
    utility: float


def naive_policy(model: str, threshold: float) -> AlertPolicy:
    """Every score at or above *threshold* is an alert: what comes of a threshold alone."""
    return AlertPolicy(name="naive", model=model, threshold=threshold, refractory_hours=0.0)


def simulate(policy: AlertPolicy, watch: Watch) -> Simulated:
    """*policy* on *watch*; a policy without a threshold gets one from its capacity, crosswise on halves of the stays.

    What the history does not tell holds nothing back: treatment, known infections, snoozing, and, where the stays have
    no common clock, the limit of a shift.
    """
    if policy.threshold is not None:
        return _judged(policy, watch, replay(policy, watch), watch.scored.probabilities >= policy.threshold)
    return _judged_crosswise(policy, watch)


def replay(policy: AlertPolicy, watch: Watch) -> Replay:
    """What *policy* says of every hour of *watch*, stay by stay."""
    alerting = np.zeros(len(watch.hours), dtype=np.bool_)
    stays, hours, said = stay_numbers(watch), watch.hours.tolist(), watch.scored.probabilities.tolist()
    first, last_alert, stay = np.searchsorted(stays, stays, side="left").tolist(), None, -1
    reached = np.flatnonzero(watch.scored.probabilities >= (policy.threshold or 0.0)).tolist()
    # Most hours lie below the threshold, and nothing else is asked of them.
    found = Counter({Verdict.BELOW: len(hours) - len(reached)})
    for row in reached:
        if stays[row] != stay:
            last_alert, stay = None, stays[row]
        begin = max(first[row], row + 1 - policy.hold_of)
        verdict = verdict_of(policy, Scene(at=hours[row], scores=said[begin : row + 1], last_alert=last_alert))
        found[verdict] += 1
        if verdict in {Verdict.ALERT, Verdict.SILENT_ALERT}:
            alerting[row] = True
            last_alert = PastAlert(at=hours[row], probability=said[row])
    return Replay(alerting=alerting, verdicts=dict(found))


def fit_threshold(policy: AlertPolicy, watch: Watch) -> float:
    """The lowest threshold whose alerts on *watch* stay within the capacity of *policy*, to a 4096th of the scores.

    Raises:
        ValueError: the policy names no capacity.
    """
    if policy.capacity_per_100_patient_days is None:
        raise ValueError(f"policy '{policy.name}' names no capacity; give capacity_per_100_patient_days")
    scores = np.unique(watch.scored.probabilities)
    low, high = 0, len(scores) - 1
    for _ in range(_STEPS):
        middle = (low + high) // 2
        alerts = replay(_at(policy, scores[middle]), watch).alerting.sum()
        if alerts * 2400 / len(watch.hours) > policy.capacity_per_100_patient_days:
            low = middle
        else:
            high = middle
    return float(scores[high])


def _judged_crosswise(policy: AlertPolicy, watch: Watch) -> Simulated:
    half = _half(watch)
    alerting, above = np.zeros(len(half), dtype=np.bool_), np.zeros(len(half), dtype=np.bool_)
    found: Counter[Verdict] = Counter()
    for judged in (half, ~half):
        part, others = _part(watch, judged), _part(watch, ~judged)
        fitted = _at(policy, fit_threshold(policy, others))
        said = replay(fitted, part)
        alerting[judged] = said.alerting
        above[judged] = part.scored.probabilities >= (fitted.threshold or 0.0)
        found.update(said.verdicts)
    final = _at(policy, fit_threshold(policy, watch))
    return replace(_judged(final, watch, Replay(alerting=alerting, verdicts=dict(found)), above), fitted=True)


def _judged(policy: AlertPolicy, watch: Watch, said: Replay, above: _Hours) -> Simulated:
    scored = watch.scored
    worth = hour_utilities(stay_numbers(watch).astype(str), scored.truths.astype(np.float64))
    return Simulated(
        policy=policy,
        fitted=False,
        burden=burden_of(watch, said.alerting),
        verdicts=said.verdicts,
        utility=float(worth.of_stays(above).normalised()),
    )


def _at(policy: AlertPolicy, threshold: float) -> AlertPolicy:
    return policy.model_copy(update={"threshold": float(threshold)})


def _half(watch: Watch) -> _Hours:
    """Hours of a random half of the patients, the same in every run."""
    names, number = np.unique(watch.scored.patients, return_inverse=True)
    chosen: _Hours = (np.random.default_rng(0).permutation(len(names)) % 2 == 0)[number]
    return chosen


def _part(watch: Watch, chosen: _Hours) -> Watch:
    return replace(watch, scored=watch.scored.where(chosen), hours=watch.hours[chosen])
