"""Numbers that judge probabilities, from counts by score: each gives one number a draw, NaN where not defined.

Sources: AUROC with ties by Mann and Whitney (1947); average precision as in scikit-learn (no interpolation); net
benefit by Vickers and Elkin, Med Decis Making 2006;26:565; expected calibration error over bins of equal count. Slope
and intercept are in `evaluation.calibration`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from evaluation.calibration import calibration_in_the_large, calibration_slope
from evaluation.tally import Floats, Scored, Statistic, Tally, tally

#: Bins of equal count of the calibration error.
BINS = 10


def auroc(tally: Tally) -> Floats:
    """Chance that a positive scores above a negative, ties half."""
    below = np.cumsum(tally.negatives, axis=0) - tally.negatives / 2
    return _ratio((tally.positives * below).sum(axis=0), tally.positives.sum(axis=0) * tally.negatives.sum(axis=0))


def auprc(tally: Tally) -> Floats:
    """Average precision: the area under the steps of the precision-recall curve."""
    hits = np.cumsum(tally.positives[::-1], axis=0)
    said = np.cumsum((tally.positives + tally.negatives)[::-1], axis=0)
    precision = np.divide(hits, said, out=np.zeros_like(hits), where=said > 0)
    both = tally.negatives.sum(axis=0) > 0
    value = _ratio((tally.positives[::-1] * precision).sum(axis=0), tally.positives.sum(axis=0))
    return np.where(both, value, np.nan)


def brier(tally: Tally) -> Floats:
    """Mean squared distance between probability and truth; 0 is best."""
    said = tally.scores
    total = (1 - said) ** 2 @ tally.positives + said**2 @ tally.negatives
    return _ratio(total, _cases(tally))


def expected_calibration_error(tally: Tally, edges: Floats) -> Floats:
    """Mean distance between predicted and observed share over the bins of scores that begin at *edges*."""
    starts = bin_starts(tally, edges)
    predicted = np.add.reduceat((tally.positives + tally.negatives) * tally.scores[:, np.newaxis], starts, axis=0)
    observed = np.add.reduceat(tally.positives, starts, axis=0)
    return _ratio(np.abs(predicted - observed).sum(axis=0), _cases(tally))


def equal_count_edges(whole: Tally, bins: int = BINS) -> Floats:
    """Lowest score of each of up to *bins* bins of equal count of *whole* (one draw); equal scores stay together."""
    counts = (whole.positives + whole.negatives)[:, 0]
    before = np.cumsum(counts) - counts
    return whole.scores[np.flatnonzero(np.diff(np.floor(before * bins / counts.sum()), prepend=-1))]


def bin_starts(tally: Tally, edges: Floats) -> npt.NDArray[np.intp]:
    """Where the bins that begin at *edges* begin among the scores of *tally*."""
    return np.unique(np.searchsorted(tally.scores, edges).clip(0, len(tally.scores) - 1))


def lowest_share_npv(tally: Tally, share: float) -> Floats:
    """Share of negatives among the *share* of cases with the lowest scores; the cases at the cut stay together."""
    counts = np.cumsum(tally.positives + tally.negatives, axis=0)
    cut = np.argmax(counts >= share * counts[-1], axis=0)
    negatives = np.take_along_axis(np.cumsum(tally.negatives, axis=0), cut[np.newaxis], axis=0)[0]
    return _ratio(negatives, np.take_along_axis(counts, cut[np.newaxis], axis=0)[0])


def net_benefit(tally: Tally, thresholds: Floats) -> Floats:
    """True positives minus false positives weighed by the odds of each threshold, a case: (threshold, draw)."""
    hits, alarms = said_at(tally, thresholds)
    odds = (thresholds / (1 - thresholds))[:, np.newaxis]
    return (hits - alarms * odds) / _cases(tally)


def said_at(tally: Tally, thresholds: Floats) -> tuple[Floats, Floats]:
    """True and false positives at or above each of the rising *thresholds*, both (threshold, draw)."""
    edges = [*np.searchsorted(tally.scores, thresholds, side="left"), len(tally.scores)]
    return _from_edges(tally.positives, edges), _from_edges(tally.negatives, edges)


def probability_metrics(scored: Scored) -> dict[str, Statistic]:
    """Every number that judges probabilities, by its name in the report; *scored* sets the bins."""
    edges = equal_count_edges(tally(scored))
    return {
        "auroc": auroc,
        "auprc": auprc,
        "brier": brier,
        **at_threshold(),
        "calibration_slope": calibration_slope,
        "calibration_intercept": calibration_in_the_large,
        "ece": partial(expected_calibration_error, edges=edges),
    }


def at_threshold() -> dict[str, Statistic]:
    """The numbers of the two-by-two table at the operating point; a score on it is said."""
    return {name: partial(_from_table, number=number) for name, number in _TABLE.items()}


@dataclass(frozen=True, kw_only=True)
class _Table:
    """The two-by-two table, (draw,) each."""

    hits: Floats
    alarms: Floats
    positives: Floats
    negatives: Floats


_TABLE: Mapping[str, Callable[[_Table], Floats]] = {
    "accuracy": lambda t: _ratio(t.hits + t.negatives - t.alarms, t.positives + t.negatives),
    "balanced_accuracy": lambda t: (_ratio(t.hits, t.positives) + _ratio(t.negatives - t.alarms, t.negatives)) / 2,
    "sensitivity": lambda t: _ratio(t.hits, t.positives),
    "specificity": lambda t: _ratio(t.negatives - t.alarms, t.negatives),
    "ppv": lambda t: _ratio(t.hits, t.hits + t.alarms),
    "npv": lambda t: _ratio(t.negatives - t.alarms, t.positives + t.negatives - t.hits - t.alarms),
}


def _from_table(tally: Tally, number: Callable[[_Table], Floats]) -> Floats:
    hits, alarms = (found[0] for found in said_at(tally, np.array([tally.threshold])))
    positives, negatives = tally.positives.sum(axis=0), tally.negatives.sum(axis=0)
    return number(_Table(hits=hits, alarms=alarms, positives=positives, negatives=negatives))


def _from_edges(counts: Floats, edges: Sequence[int]) -> Floats:
    between = np.stack([counts[start:stop].sum(axis=0) for start, stop in pairwise(edges)])
    sums: Floats = np.cumsum(between[::-1], axis=0)[::-1]
    return sums


def _cases(tally: Tally) -> Floats:
    total: Floats = tally.positives.sum(axis=0) + tally.negatives.sum(axis=0)
    return total


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)
