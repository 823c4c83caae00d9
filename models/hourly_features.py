"""The features of `models.features`, of every row of a table at once: what each stay would have shown at each hour.

One definition, two ways to compute it: events one stay at a time when live, columns in training and backtest. A test
draws random stays and compares the two.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ehr_io.events import EventKind
from models.errors import ManifestError
from models.manifest import Aggregate, FeatureSpec, StayPreprocessing

Column = npt.NDArray[np.float64]
#: The moment itself is what a column of these holds, on the clock of the rows.
MOMENTS = frozenset({EventKind.ADMISSION.value, EventKind.WARD.value})


@dataclass(frozen=True, kw_only=True)
class StayRows:
    """Rows of stays in the order of stay, then hour; T of a row is its hour, and what stands in it is known then."""

    #: Number of the stay of each row, (row,), not decreasing.
    stays: npt.NDArray[np.intp]
    #: Hours on the stay's own clock, (row,), increasing within a stay.
    hours: Column
    #: Concept -> value in its canonical unit, (row,), NaN where not measured in that hour. ``birth_date`` holds years
    #: of age, ``sex`` 1 for male and 0 for female, ``admission`` and ``ward`` the hour at which it happened.
    values: Mapping[str, Column]


def features_of_rows(rows: StayRows, spec: StayPreprocessing) -> npt.NDArray[np.float32]:
    """The features of every row as they could be known at its hour, (row, feature), NaN where not measured.

    Raises:
        ManifestError: a feature is of a concept that the rows do not have, or of an end, which no row tells.
    """
    features = np.empty((len(rows.hours), len(spec.features)), dtype=np.float32)
    spans: dict[float | None, _Span] = {}
    for number, feature in enumerate(spec.features):
        window = feature.window_hours
        if window not in spans:
            spans[window] = _Span(hours=rows.hours, first=_first_rows(rows, window))
        features[:, number] = _feature(rows, feature, spans[window])
    return features


@dataclass(frozen=True, kw_only=True)
class _Span:
    """The window of each row: from row ``first`` to the row itself, both included."""

    hours: Column
    first: npt.NDArray[np.intp]

    def reduce(self, ufunc: np.ufunc, values: Column) -> Column:
        """*ufunc* over the window of each row."""
        bounds = np.stack([self.first, np.arange(1, len(values) + 1)], axis=1).ravel()
        # The last bound lies one past the end, which reduceat does not take without a row there.
        reduced: Column = ufunc.reduceat(np.append(values, ufunc.identity or 0.0), bounds)[::2]
        return reduced

    def count(self, column: Column) -> Column:
        return self.reduce(np.add, (~np.isnan(column)).astype(np.float64))

    def newest(self, column: Column) -> npt.NDArray[np.intp]:
        """Row of the newest value in the window; -1 where there is none."""
        rows = np.where(np.isnan(column), -1, np.arange(len(column)))
        newest = np.maximum.accumulate(rows)
        return np.where(newest >= self.first, newest, -1)

    def oldest(self, column: Column) -> npt.NDArray[np.intp]:
        """Row of the oldest value in the window; only where there is one."""
        rows = np.where(np.isnan(column), len(column) - 1, np.arange(len(column)))
        following: npt.NDArray[np.intp] = np.minimum.accumulate(rows[::-1])[::-1][self.first]
        return following


def _first_rows(rows: StayRows, window: float | None) -> npt.NDArray[np.intp]:
    begins = np.searchsorted(rows.stays, rows.stays, side="left")
    if window is None:
        return begins
    # All stays on one clock, each so far from the last that no window reaches back into it.
    apart = float(np.ptp(rows.hours)) + window + 1 if len(rows.hours) else 1.0
    clock = rows.stays * apart + (rows.hours - rows.hours.min(initial=np.inf))
    return np.maximum(begins, np.searchsorted(clock, clock - window, side="left"))


def _feature(rows: StayRows, feature: FeatureSpec, span: _Span) -> Column:
    aggregate = _AGGREGATES.get(feature.aggregate)
    if aggregate is None:
        raise ManifestError(
            f"feature '{feature.name}' is aggregated as '{feature.aggregate.value}'; rows of a table tell no ends: "
            f"required one of {', '.join(known.value for known in _AGGREGATES)}"
        )
    if feature.aggregate is Aggregate.HOURS_SINCE and feature.code in MOMENTS:
        return span.hours - _last(span, _column(rows, feature.code, feature))
    value = aggregate(span, _column(rows, feature.code, feature))
    if feature.ratio_to is None:
        return value
    divisor = aggregate(span, _column(rows, feature.ratio_to, feature))
    return np.divide(value, divisor, out=np.full_like(value, np.nan), where=divisor != 0)


def _column(rows: StayRows, concept: str, feature: FeatureSpec) -> Column:
    if concept not in rows.values:
        raise ManifestError(
            f"feature '{feature.name}' is of the concept '{concept}'; the table has {', '.join(sorted(rows.values))}: "
            "name its column under 'concepts' of the bundle's data layout"
        )
    return rows.values[concept]


def _at(column: Column, rows: npt.NDArray[np.intp]) -> Column:
    return np.where(rows >= 0, column[rows], np.nan)


def _last(span: _Span, column: Column) -> Column:
    return _at(column, span.newest(column))


def _max(span: _Span, column: Column) -> Column:
    return _measured(span.reduce(np.maximum, np.where(np.isnan(column), -np.inf, column)))


def _min(span: _Span, column: Column) -> Column:
    return _measured(span.reduce(np.minimum, np.where(np.isnan(column), np.inf, column)))


def _measured(extreme: Column) -> Column:
    return np.where(np.isinf(extreme), np.nan, extreme)


def _mean(span: _Span, column: Column) -> Column:
    count = span.count(column)
    return _quotient(span.reduce(np.add, np.nan_to_num(column)), count, count > 0)


def _spread(span: _Span, column: Column) -> Column:
    count = span.count(column)
    known = ~np.isnan(column)
    # From the middle of all rows: squares of small numbers lose fewer digits.
    centred = np.where(known, column - (column[known].mean() if known.any() else 0.0), 0.0)
    total, squares = span.reduce(np.add, centred), span.reduce(np.add, centred**2)
    variance = _quotient(squares - _quotient(total**2, count, count > 0), count - 1, count > 1)
    return np.sqrt(np.maximum(variance, 0.0))


def _slope(span: _Span, column: Column) -> Column:
    known = ~np.isnan(column)
    centre = column[known].mean() if known.any() else 0.0
    value, hour = np.where(known, column - centre, 0.0), np.where(known, span.hours, 0.0)
    count, values, hours = span.count(column), span.reduce(np.add, value), span.reduce(np.add, hour)
    covariance = count * span.reduce(np.add, hour * value) - hours * values
    return _quotient(covariance, count * span.reduce(np.add, hour**2) - hours**2, count > 1)


def _count(span: _Span, column: Column) -> Column:
    return span.count(column)


def _change(span: _Span, column: Column) -> Column:
    newest, oldest = span.newest(column), span.oldest(column)
    return np.where(newest > oldest, _at(column, newest) - column[oldest], np.nan)


def _hours_since(span: _Span, column: Column) -> Column:
    return span.hours - _at(span.hours, span.newest(column))


def _present(span: _Span, column: Column) -> Column:
    return (span.newest(column) >= 0).astype(np.float64)


def _quotient(dividend: Column, divisor: Column, where: npt.NDArray[np.bool_]) -> Column:
    return np.divide(dividend, divisor, out=np.full_like(dividend, np.nan), where=where)


_AGGREGATES: Mapping[Aggregate, Callable[[_Span, Column], Column]] = {
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
    # Facts about the patient stand in the row as the number itself.
    Aggregate.AGE_YEARS: _last,
    Aggregate.IS_MALE: _last,
}
