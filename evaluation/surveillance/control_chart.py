"""Control charts of counts: u-chart (cases by time at risk) and p-chart (cases among operations), with exact limits.

Limits are quantiles of the Poisson or binomial distribution, not three normal deviations: with few cases a month the
normal ones would lie below zero or alarm too often (Woodall, J Qual Technol 2006;38:89). For the rules of runs each
point has the normal score of its mid-p, so that zones mean the same in small and large months.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt
from scipy import special

from evaluation.surveillance.counts import Rate

#: Probability below the lower and above the upper limit: that of three normal deviations.
_TAIL = 0.00135
#: Fewer periods than this have no centre line worth judging by.
MINIMUM_PERIODS = 8


class ChartKind(Enum):
    """What the counts are of."""

    #: Cases by days at risk: Poisson.
    U = "u"
    #: Cases among operations or stays: binomial.
    P = "p"


class SpecialCause(Enum):
    """Patterns that chance seldom makes (Western Electric, Statistical Quality Control Handbook 1956; Nelson, J Qual
    Technol 1984;16:237, whose numbers they bear).
    """

    #: Nelson 1: a point beyond a control limit.
    BEYOND_LIMIT = "beyond_limit"
    #: Nelson 2: nine points in a row on one side of the centre line.
    NINE_ON_ONE_SIDE = "nine_on_one_side"
    #: Nelson 3: six points in a row steadily rising or falling.
    SIX_IN_A_TREND = "six_in_a_trend"
    #: Nelson 5: two of three points in a row beyond two deviations on one side.
    TWO_OF_THREE = "two_of_three"
    #: Nelson 6: four of five points in a row beyond one deviation on one side.
    FOUR_OF_FIVE = "four_of_five"


@dataclass(frozen=True, kw_only=True)
class ChartPoint:
    """One period of a chart; rates are cases by one of exposure."""

    #: Period, e.g. ``2026-03``.
    period: str
    #: Cases and exposure.
    rate: Rate
    #: Cases by exposure.
    value: float
    #: Control limits of this period.
    lower: float
    upper: float
    #: Normal score: how many deviations from the centre.
    score: float
    #: Rules that this point completes.
    causes: tuple[SpecialCause, ...]


@dataclass(frozen=True, kw_only=True)
class ControlChart:
    """A chart over periods."""

    #: Poisson or binomial.
    kind: ChartKind
    #: The centre line: all cases by all exposure.
    centre: float
    #: Periods in order, those without exposure left out.
    points: tuple[ChartPoint, ...]

    @property
    def is_judged(self) -> bool:
        """Whether there are periods enough for the rules."""
        return len(self.points) >= MINIMUM_PERIODS


def control_chart(kind: ChartKind, rates: Mapping[str, Rate]) -> ControlChart:
    """The chart of *rates* by period, in their order."""
    told = {period: rate for period, rate in rates.items() if rate.exposure > 0}
    exposure = sum(rate.exposure for rate in told.values())
    centre = sum(rate.cases for rate in told.values()) / exposure if exposure else 0.0
    scores = np.array([_score(kind, rate, centre) for rate in told.values()])
    beyond = [_is_beyond(kind, rate, centre) for rate in told.values()]
    causes = _causes(scores, beyond) if len(told) >= MINIMUM_PERIODS else [()] * len(told)
    points = (
        _point(kind, period, rate, centre, float(score), found)
        for (period, rate), score, found in zip(told.items(), scores, causes, strict=True)
    )
    return ControlChart(kind=kind, centre=centre, points=tuple(points))


def limits(kind: ChartKind, exposure: float, centre: float, tail: float = _TAIL) -> tuple[float, float]:
    """Lower and upper limit of cases by *exposure*: *tail* of chance lies beyond each of them, or less."""
    low, high = (_quantile(kind, exposure, centre, share) / exposure for share in (tail, 1 - tail))
    return low, high


def _cumulative(kind: ChartKind, exposure: float, centre: float, cases: float) -> float:
    """Probability of *cases* or fewer; scipy's own distributions take a hundred times longer for one number."""
    if cases < 0:
        return 0.0
    if kind is ChartKind.U:
        return float(special.pdtr(cases, centre * exposure))
    return float(special.bdtr(min(cases, round(exposure)), round(exposure), min(centre, 1.0)))


def _quantile(kind: ChartKind, exposure: float, centre: float, share: float) -> float:
    """The smallest number of cases whose cumulative probability reaches *share*."""
    mean = centre * exposure
    cases = max(0.0, np.floor(mean + special.ndtri(share) * np.sqrt(mean) - 2))
    while cases > 0 and _cumulative(kind, exposure, centre, cases - 1) >= share:
        cases -= 1
    while _cumulative(kind, exposure, centre, cases) < share:
        cases += 1
    return float(cases)


def _score(kind: ChartKind, rate: Rate, centre: float) -> float:
    below, until = (_cumulative(kind, rate.exposure, centre, cases) for cases in (rate.cases - 1, rate.cases))
    return float(special.ndtri(min(max((below + until) / 2, 1e-9), 1 - 1e-9)))


def _is_beyond(kind: ChartKind, rate: Rate, centre: float) -> bool:
    low, high = limits(kind, rate.exposure, centre)
    value = rate.cases / rate.exposure
    return value < low or value > high


def _point(
    kind: ChartKind, period: str, rate: Rate, centre: float, score: float, causes: tuple[SpecialCause, ...]
) -> ChartPoint:
    low, high = limits(kind, rate.exposure, centre)
    value = rate.cases / rate.exposure
    return ChartPoint(period=period, rate=rate, value=value, lower=low, upper=high, score=score, causes=causes)


def _causes(scores: npt.NDArray[np.float64], beyond: Sequence[bool]) -> list[tuple[SpecialCause, ...]]:
    return [
        tuple(cause for cause, holds in _rules(scores[: end + 1], is_beyond=beyond[end]).items() if holds)
        for end in range(len(scores))
    ]


def _rules(scores: npt.NDArray[np.float64], *, is_beyond: bool) -> dict[SpecialCause, bool]:
    """Which rules the last of *scores* completes."""
    steps = np.sign(np.diff(scores[-6:]))
    return {
        SpecialCause.BEYOND_LIMIT: is_beyond,
        SpecialCause.NINE_ON_ONE_SIDE: _beyond_of(scores, of=9, least=9, zone=0.0),
        SpecialCause.SIX_IN_A_TREND: len(steps) == 5 and abs(int(steps.sum())) == 5,
        SpecialCause.TWO_OF_THREE: _beyond_of(scores, of=3, least=2, zone=2.0),
        SpecialCause.FOUR_OF_FIVE: _beyond_of(scores, of=5, least=4, zone=1.0),
    }


def _beyond_of(scores: npt.NDArray[np.float64], *, of: int, least: int, zone: float) -> bool:
    """Whether *least* of the last *of* scores lie beyond *zone* on the side of the last, the last among them."""
    if len(scores) < of or abs(scores[-1]) <= zone:
        return False
    return bool((scores[-of:] * np.sign(scores[-1]) > zone).sum() >= least)
