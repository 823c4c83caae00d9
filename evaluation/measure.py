"""From draws to the numbers of the report."""

from collections.abc import Mapping

import numpy as np

from evaluation.report import MetricValue
from evaluation.tally import Draws, Floats, Scored, Statistic, draw

#: Why a number may not be defined, where it is not for lack of one of the two classes.
_REASONS = {
    "ppv": "no case is at or above the operating point",
    "npv": "no case is below the operating point",
    "calibration_slope": "the fit has no end: the scores separate the classes, or nearly so",
    "calibration_intercept": "the fit has no end",
}
_NO_INTERVAL = "too few patients to draw an interval"
_ONE_CLASS = "the cases are all positive or all negative"


def measure(scored: Scored, statistics: Mapping[str, Statistic]) -> dict[str, MetricValue]:
    """The numbers of *statistics* (one a draw each) with their intervals."""
    one_class = len(np.unique(scored.truths)) < 2
    drawn = draw(scored, statistics)
    return {
        name: to_value(drawn[name], _ONE_CLASS if one_class else _REASONS.get(name, "not defined on these cases"))
        for name in statistics
    }


def to_value(drawn: Draws, reason: str) -> MetricValue:
    """The number and its interval to five decimals; None, and *reason*, where it is not defined.

    A number that is defined may have no interval: then the reason is of that.
    """
    value = rounded(drawn.value)
    if value is None:
        return MetricValue(value=None, lower=None, upper=None, reason=reason)
    lower, upper = (rounded(end) for end in drawn.interval())
    return MetricValue(value=value, lower=lower, upper=upper, reason=_NO_INTERVAL if lower is None else "")


def rounded(number: float | Floats) -> float | None:
    """*number* to five decimals, what any sample here can carry; None for NaN."""
    return round(float(number), 5) if np.isfinite(number) else None
