"""Clusters in space and time: Kulldorff's scan statistic over units and windows of days, with a Monte Carlo p.

Kulldorff, Commun Stat Theory Methods 1997;26:1481 (Poisson model); Kulldorff et al., Stat Med 1998;17:2533 (space and
time). Every unit, and all units together, is scanned with every window up to MAXIMUM_DAYS; the largest likelihood ratio
of each redrawing of the cases over time at risk gives the p, so that the number of windows looked at is paid for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
from scipy import special

from evaluation.surveillance.counts import Case, Exposure

#: Longest window.
MAXIMUM_DAYS = 28
#: Redrawings of the cases; the smallest p is one of so many and one.
DRAWS = 999
#: Fewer cases than this are no cluster.
MINIMUM_CASES = 3
_CHUNK = 50
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """More cases in one unit and window than time at risk explains."""

    #: The unit; empty = all units together.
    unit: str
    #: First and last day.
    first: date
    last: date
    #: Cases in it, by id.
    case_ids: tuple[str, ...]
    #: Cases that time at risk would explain.
    expected: float
    #: Share of redrawings in which some window is as unlikely, 0 to 1.
    p: float

    @property
    def ratio(self) -> float:
        """Cases by expected cases."""
        return len(self.case_ids) / self.expected


@dataclass(frozen=True, kw_only=True)
class _Field:
    """Cases and risk by row (all units together first, then each unit) and day."""

    units: tuple[str, ...]
    start: date
    #: (row, day).
    cases: _Floats
    #: Expected cases, (row, day).
    expected: _Floats
    #: Share of all risk in each cell of a unit, (unit * day,).
    shares: _Floats


def find_clusters(
    cases: Sequence[Case], exposures: Sequence[Exposure], *, level: float = 0.05, draws: int = DRAWS, seed: int = 0
) -> tuple[Cluster, ...]:
    """The clusters with a p of at most *level*, least likely by chance first; windows of one unit do not overlap."""
    placed = [case for case in cases if case.unit]
    at_risk = [exposure for exposure in exposures if exposure.unit and exposure.amount > 0]
    if len(placed) < MINIMUM_CASES or not at_risk:
        return ()
    field = _field(placed, at_risk)
    ratios = np.stack(list(_log_ratios(field.cases, field.expected)))
    chance = _highest_by_chance(field, draws, seed)
    found: list[Cluster] = []
    for row, length, end in _strongest_first(ratios):
        p = float((1 + (chance >= ratios[length, row, end] - 1e-9).sum()) / (len(chance) + 1))
        if p > level:
            break
        cluster = _cluster(field, placed, row, (end - length, end), p)
        if len(cluster.case_ids) >= MINIMUM_CASES and not any(_overlap(cluster, other) for other in found):
            found.append(cluster)
    return tuple(found)


def _field(cases: Sequence[Case], exposures: Sequence[Exposure]) -> _Field:
    units = tuple(sorted({one.unit for one in exposures} | {one.unit for one in cases}))
    days = [*(one.day for one in cases), *(one.day for one in exposures)]
    start, count = min(days), (max(days) - min(days)).days + 1
    row = {unit: number for number, unit in enumerate(units)}
    counted, risk = np.zeros((len(units), count)), np.zeros((len(units), count))
    for case in cases:
        counted[row[case.unit], (case.day - start).days] += 1
    for exposure in exposures:
        risk[row[exposure.unit], (exposure.day - start).days] += exposure.amount
    shares = risk / risk.sum()
    return _Field(
        units=("", *units),
        start=start,
        cases=_with_total(counted),
        expected=_with_total(shares) * counted.sum(),
        shares=shares.ravel(),
    )


def _with_total(of_units: _Floats) -> _Floats:
    total: _Floats = np.concatenate([of_units.sum(axis=-2, keepdims=True), of_units], axis=-2)
    return total


def _window(of_days: _Floats, length: int) -> _Floats:
    """Sums over the windows of *length* days that end on each day, from running sums (..., day)."""
    sums = of_days.copy()
    sums[..., length:] -= of_days[..., :-length]
    return sums


def _log_ratios(cases: _Floats, expected: _Floats) -> Iterator[_Floats]:
    """Log likelihood ratio of each window, (..., row, day) for each length in days; 0 where there is no excess."""
    total = float(expected[0].sum())
    seen_sums, awaited_sums = np.cumsum(cases, axis=-1), np.cumsum(expected, axis=-1)
    for length in range(1, min(MAXIMUM_DAYS, expected.shape[-1] - 1) + 1):
        seen, awaited = _window(seen_sums, length), _window(awaited_sums, length)
        # Where nothing was at risk, a case says more about the record than about the ward.
        excess = (seen > awaited) & (awaited > 1e-9)
        ratios = np.zeros(seen.shape)
        inside, outside = seen[excess], total - seen[excess]
        due = np.broadcast_to(awaited, seen.shape)[excess]
        ratios[excess] = special.xlogy(inside, inside / due) + special.xlogy(
            outside, outside / np.maximum(total - due, 1e-9)
        )
        yield ratios


def _highest_by_chance(field: _Field, draws: int, seed: int) -> _Floats:
    """The highest log likelihood ratio of each redrawing, (draw,)."""
    rng = np.random.default_rng(seed)
    total, shape = round(float(field.cases[0].sum())), (len(field.units) - 1, field.cases.shape[-1])
    highest = []
    for begin in range(0, draws, _CHUNK):
        drawn = rng.multinomial(total, field.shares, size=min(_CHUNK, draws - begin)).astype(np.float64)
        cases = _with_total(drawn.reshape(-1, *shape))
        highest.append(np.max([ratios.max(axis=(1, 2)) for ratios in _log_ratios(cases, field.expected)], axis=0))
    return np.concatenate(highest)


def _strongest_first(ratios: _Floats) -> list[tuple[int, int, int]]:
    """(row, length - 1, last day) of the windows with an excess, strongest first; of equals the shortest."""
    order = np.argsort(-ratios, axis=None, kind="stable")
    lengths, rows, ends = np.unravel_index(order[: int((ratios > 0).sum())], ratios.shape)
    return list(zip(rows.tolist(), lengths.tolist(), ends.tolist(), strict=True))


def _cluster(field: _Field, cases: Sequence[Case], row: int, days: tuple[int, int], p: float) -> Cluster:
    first, last = (field.start + timedelta(days=max(0, day)) for day in days)
    unit = field.units[row]
    inside = (case.id for case in cases if unit in {"", case.unit} and first <= case.day <= last)
    expected = float(field.expected[row, max(0, days[0]) : days[1] + 1].sum())
    return Cluster(unit=unit, first=first, last=last, case_ids=tuple(inside), expected=expected, p=p)


def _overlap(one: Cluster, other: Cluster) -> bool:
    """Whether they tell of the same: a shared case, or the same unit at the same time."""
    meets = one.first <= other.last and other.first <= one.last
    return bool(set(one.case_ids) & set(other.case_ids)) or (one.unit == other.unit and meets)
