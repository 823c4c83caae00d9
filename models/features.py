"""A stay as of a moment becomes the numbers that a stay model sees; the same code in training, backtest and live."""

import math
import statistics
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ehr_io.events import Event, EventKind, Stay
from models.errors import RuntimeFailedError
from models.manifest import Aggregate, FeatureSpec, StayPreprocessing
from models.prediction import Reason, RiskScore
from models.runtime import Tensors

#: Largest difference between the logit of the probability and the sum of its parts; float32 sums of a dozen terms stay
#: below 1e-5, and above 0.001 the reasons would no longer be those of the score.
ADDITIVITY_TOLERANCE = 1e-3
_HOUR_S = 3600.0
_YEAR_S = 365.25 * 24 * _HOUR_S
#: Kinds whose events go on until an end is told; the others are over at once.
_LASTING = {EventKind.ADMISSION, EventKind.WARD, EventKind.PROCEDURE}
#: FHIR administrative gender; other and unknown are no number.
_SEXES: Mapping[str, float] = {"female": 0.0, "male": 1.0}
#: A number, and the event that it rests on.
_Measured = tuple[float, Event | None]
_NOT_MEASURED: _Measured = (math.nan, None)


class _Told:
    """What was told of one concept; its numbers are put in order once, however many features ask for them."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events

    @cached_property
    def _numbers(self) -> list[tuple[datetime, float, Event]]:
        found = [(e.event_time, e.value, e) for e in self.events if e.value is not None]
        return sorted(found, key=lambda item: (item[0], item[2].known_time, item[2].source))

    @cached_property
    def _times(self) -> list[datetime]:
        return [at for at, _, _ in self._numbers]

    def numbers(self, since: datetime | None) -> list[tuple[datetime, float, Event]]:
        """(time, value, event) from *since* on, by time."""
        return self._numbers if since is None else self._numbers[bisect_left(self._times, since) :]


#: Of a concept that nobody told of.
_NOTHING = _Told(())


@dataclass(frozen=True, kw_only=True)
class FeatureVector:
    """The features of one stay as of one moment, in the order of the manifest."""

    #: (features,), NaN where not measured.
    values: npt.NDArray[np.float32]
    #: ISO 8601 UTC time of the newest event behind each value; empty where there is none.
    measured_at: tuple[str, ...]
    #: FHIR ``Type/id`` of that event; empty where there is none.
    sources: tuple[str, ...]

    @property
    def measured_count(self) -> int:
        """How many values rest on an event; an absent catheter is a value, but rests on none."""
        return sum(bool(source) for source in self.sources)


def features_as_of(stay: Stay, spec: StayPreprocessing, moment: datetime) -> FeatureVector:
    """The features of *stay* as they could be known at *moment* (UTC); what came later cannot change them."""
    wanted = {feature.code for feature in spec.features} | {feature.ratio_to for feature in spec.features}
    by_code: dict[str, list[Event]] = defaultdict(list)
    for event in stay.as_of(moment).events:
        if event.event_time <= moment:
            if event.code in wanted:
                by_code[event.code].append(event)
            if event.kind.value in wanted and event.kind.value != event.code:
                by_code[event.kind.value].append(event)
    told = {code: _Told(events) for code, events in by_code.items()}
    measured = [_measure(told, feature, moment) for feature in spec.features]
    return FeatureVector(
        values=np.array([value for value, _ in measured], dtype=np.float32),
        measured_at=tuple("" if event is None else _iso(event.event_time) for _, event in measured),
        sources=tuple("" if event is None else event.source for _, event in measured),
    )


def explain(outputs: Tensors, vector: FeatureVector, spec: StayPreprocessing, moment: datetime) -> RiskScore:
    """The risk and its reasons, strongest first, from the *outputs* of a ``stay_risk`` graph for one stay.

    Raises:
        RuntimeFailedError: an output is missing, has another shape, is not finite, or the parts do not add up to the
            whole, so that the reasons would not be those of the score.
    """
    probability = float(_output(outputs, "probability", 1)[0])
    baseline = float(_output(outputs, "baseline", 1)[0])
    contributions = _output(outputs, "contributions", len(spec.features))
    _verify_additivity(probability, baseline + float(contributions.sum()))
    reasons = [
        Reason(
            feature=feature.name,
            contribution=float(contributions[n]),
            value=None if math.isnan(vector.values[n]) else float(vector.values[n]),
            measured_at=vector.measured_at[n],
            source=vector.sources[n],
        )
        for n, feature in enumerate(spec.features)
    ]
    return RiskScore(
        probability=probability,
        baseline=baseline,
        reasons=tuple(sorted(reasons, key=lambda reason: -abs(reason.contribution))),
        as_of=_iso(moment),
        horizon_hours=spec.horizon_hours,
    )


def _output(outputs: Tensors, name: str, size: int) -> npt.NDArray[np.float64]:
    found = outputs.get(name)
    if found is None or found.shape != (1, size):
        shape = "missing" if found is None else f"of shape {found.shape}"
        raise RuntimeFailedError(f"output '{name}' is {shape}; required (1, {size}): the graph is not of this manifest")
    values = found[0].astype(np.float64)
    if not np.isfinite(values).all():
        raise RuntimeFailedError(f"output '{name}' is not finite; the graph must take NaN for what was not measured")
    return values


def _verify_additivity(probability: float, log_odds: float) -> None:
    # Compared as log-odds where float32 can tell them apart, as probabilities in the flat ends.
    expected = 1 / (1 + math.exp(-max(-700.0, min(700.0, log_odds))))
    slope = max(expected * (1 - expected), 1e-3)
    if abs(probability - expected) > ADDITIVITY_TOLERANCE * slope:
        raise RuntimeFailedError(
            f"probability {probability:.6f} is not that of baseline and contributions ({expected:.6f}); "
            "required equal: the reasons would not be those of the score"
        )


def _measure(by_code: Mapping[str, _Told], feature: FeatureSpec, moment: datetime) -> _Measured:
    window = feature.window_hours
    since = None if window is None else moment - timedelta(hours=window)
    aggregate = _AGGREGATES[feature.aggregate]
    value, newest = aggregate(by_code.get(feature.code, _NOTHING), since, moment)
    if feature.ratio_to is None:
        return value, newest
    divisor, _ = aggregate(by_code.get(feature.ratio_to, _NOTHING), since, moment)
    return (value / divisor, newest) if divisor and math.isfinite(value / divisor) else _NOT_MEASURED


def _last(told: _Told, since: datetime | None, _moment: datetime) -> _Measured:
    numbers = told.numbers(since)
    return (numbers[-1][1], numbers[-1][2]) if numbers else _NOT_MEASURED


def _max(told: _Told, since: datetime | None, _moment: datetime) -> _Measured:
    numbers = told.numbers(since)
    return (max(value for _, value, _ in numbers), numbers[-1][2]) if numbers else _NOT_MEASURED


def _min(told: _Told, since: datetime | None, _moment: datetime) -> _Measured:
    numbers = told.numbers(since)
    return (min(value for _, value, _ in numbers), numbers[-1][2]) if numbers else _NOT_MEASURED


def _mean(told: _Told, since: datetime | None, _moment: datetime) -> _Measured:
    numbers = told.numbers(since)
    return (statistics.fmean(value for _, value, _ in numbers), numbers[-1][2]) if numbers else _NOT_MEASURED


def _spread(told: _Told, since: datetime | None, _moment: datetime) -> _Measured:
    numbers = told.numbers(since)
    if len(numbers) < 2:
        return _NOT_MEASURED
    return _deviation([value for _, value, _ in numbers]), numbers[-1][2]


def _slope(told: _Told, since: datetime | None, moment: datetime) -> _Measured:
    numbers = told.numbers(since)
    hours = [(at - moment).total_seconds() / _HOUR_S for at, _, _ in numbers]
    if len(set(hours)) < 2:
        return _NOT_MEASURED
    return statistics.linear_regression(hours, [value for _, value, _ in numbers]).slope, numbers[-1][2]


def _count(told: _Told, since: datetime | None, _moment: datetime) -> _Measured:
    numbers = told.numbers(since)
    return float(len(numbers)), numbers[-1][2] if numbers else None


def _change(told: _Told, since: datetime | None, _moment: datetime) -> _Measured:
    numbers = told.numbers(since)
    return (numbers[-1][1] - numbers[0][1], numbers[-1][2]) if len(numbers) > 1 else _NOT_MEASURED


def _hours_since(told: _Told, since: datetime | None, moment: datetime) -> _Measured:
    newest = _newest([e for e in told.events if since is None or e.event_time >= since])
    return _NOT_MEASURED if newest is None else ((moment - newest.event_time).total_seconds() / _HOUR_S, newest)


def _present(told: _Told, since: datetime | None, _moment: datetime) -> _Measured:
    newest = _newest(
        [e for e in told.events if since is None or _is_active(e) or (e.end_time or e.event_time) >= since]
    )
    return (0.0, None) if newest is None else (1.0, newest)


def _duration_hours(told: _Told, _since: datetime | None, moment: datetime) -> _Measured:
    active = [e for e in told.events if _is_active(e)]
    if not active:
        return 0.0, None
    first = min(active, key=lambda e: e.event_time)
    return (moment - first.event_time).total_seconds() / _HOUR_S, first


def _age_years(told: _Told, _since: datetime | None, moment: datetime) -> _Measured:
    born = _newest(told.events)
    return _NOT_MEASURED if born is None else ((moment - born.event_time).total_seconds() / _YEAR_S, born)


def _is_male(told: _Told, _since: datetime | None, _moment: datetime) -> _Measured:
    newest = _newest(told.events)
    if newest is None or newest.text not in _SEXES:
        return _NOT_MEASURED
    return _SEXES[newest.text], newest


def _deviation(values: Sequence[float]) -> float:
    # statistics.stdev reckons in fractions, which takes longer than all other features of a stay together.
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _newest(events: Sequence[Event]) -> Event | None:
    return max(events, key=lambda e: (e.event_time, e.known_time, e.source), default=None)


def _is_active(event: Event) -> bool:
    """Whether *event*, seen as of the moment, still goes on then: ends after it are unknown by then."""
    return event.kind in _LASTING and event.end_time is None


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


_AGGREGATES: Mapping[Aggregate, Callable[[_Told, datetime | None, datetime], _Measured]] = {
    Aggregate.LAST: _last,
    Aggregate.MAX: _max,
    Aggregate.MIN: _min,
    Aggregate.MEAN: _mean,
    Aggregate.SPREAD: _spread,
    Aggregate.CHANGE: _change,
    Aggregate.SLOPE: _slope,
    Aggregate.COUNT: _count,
    Aggregate.HOURS_SINCE: _hours_since,
    Aggregate.PRESENT: _present,
    Aggregate.DURATION_HOURS: _duration_hours,
    Aggregate.AGE_YEARS: _age_years,
    Aggregate.IS_MALE: _is_male,
}
