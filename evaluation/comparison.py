"""Two releases on the same cases: the difference of each number, with the patients drawn once for both."""

from collections.abc import Mapping

import numpy as np
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from evaluation.tally import Draws, Floats, Scored, Statistic, draw

_STRICT = ConfigDict(extra="forbid", ser_json_inf_nan="null")


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Comparison:
    """One number of a release minus that of another, with its 95 % interval by patient (paired)."""

    #: Which number.
    metric: str
    #: This release minus the other; None where one of them is not defined.
    difference: float | None
    #: Lower end of the interval.
    lower: float | None
    #: Upper end of the interval.
    upper: float | None

    def non_inferior(self, margin: float, *, less_is_better: bool = False) -> bool:
        """Whether the unfavourable end of the interval is worse by less than *margin*; never when not defined."""
        worst = self.upper if less_is_better else self.lower
        if worst is None:
            return False
        return worst < margin if less_is_better else worst > -margin


def compare_scored(this: Scored, other: Scored, statistics: Mapping[str, Statistic]) -> dict[str, Comparison]:
    """Each of *statistics* on *this* minus on *other*: the same cases in the same order, judged by two releases.

    Raises:
        ValueError: they are not the same cases.
    """
    same = len(this.truths) == len(other.truths) and bool(np.all(this.truths == other.truths))
    if not same or not bool(np.all(this.patients == other.patients)):
        raise ValueError("the two releases were judged on different cases; judge both on the same data")
    mine, theirs = draw(this, statistics), draw(other, statistics)
    return {name: _difference(name, mine[name], theirs[name]) for name in statistics}


def _difference(name: str, mine: Draws, theirs: Draws) -> Comparison:
    between = Draws(value=mine.value - theirs.value, draws=mine.draws - theirs.draws)
    lower, upper = between.interval()
    return Comparison(metric=name, difference=_rounded(between.value), lower=_rounded(lower), upper=_rounded(upper))


def _rounded(number: Floats) -> float | None:
    return round(float(number), 5) if np.isfinite(number) else None
