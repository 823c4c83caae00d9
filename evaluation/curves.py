"""The curves of one label: points for pictures, with intervals by patient where they carry a decision."""

import numpy as np
import numpy.typing as npt

from evaluation.metrics import bin_starts, equal_count_edges, net_benefit
from evaluation.report import Curves
from evaluation.tally import Draws, Floats, Scored, Statistic, Tally, draw, tally

#: Points of a curve at most: what a page can show.
_POINTS = 200
_THRESHOLDS = 41
_BINS = 10
_BARS = 40


def curves_of(scored: Scored) -> Curves:
    """ROC, precision-recall, calibration, decision curve and scores of *scored*; none where one class is missing."""
    whole = tally(scored)
    if len(np.unique(scored.truths)) < 2:
        return Curves(scores=_histogram(scored))
    thresholds, edges = decision_thresholds(scored), equal_count_edges(whole, _BINS)
    statistics: dict[str, Statistic] = {
        "benefit": lambda drawn: net_benefit(drawn, thresholds),
        "observed": lambda drawn: _observed(drawn, edges),
    }
    drawn = draw(scored, statistics)
    return Curves(
        roc=_roc(whole),
        precision_recall=_precision_recall(whole),
        calibration=_calibration(whole, edges, drawn["observed"]),
        decision=_decision(scored, thresholds, drawn["benefit"]),
        scores=_histogram(scored),
    )


def decision_thresholds(scored: Scored) -> Floats:
    """Thresholds worth asking about: from a fifth of the prevalence to five times it, at most 0.95."""
    prevalence = float(scored.truths.mean())
    return np.linspace(prevalence / 5, min(0.95, 5 * prevalence), _THRESHOLDS)


def _roc(whole: Tally) -> dict[str, tuple[float, ...]]:
    hits, alarms = _from_the_top(whole)
    return _thinned({"false_positive_rate": alarms / alarms[-1], "true_positive_rate": hits / hits[-1]})


def _precision_recall(whole: Tally) -> dict[str, tuple[float, ...]]:
    hits, alarms = (counts[1:] for counts in _from_the_top(whole))
    return _thinned({"recall": hits / hits[-1], "precision": hits / (hits + alarms)})


def _from_the_top(whole: Tally) -> tuple[Floats, Floats]:
    """True and false positives from no case said to every case said, (score + 1,)."""
    hits, alarms = (np.cumsum(counts[::-1, 0]) for counts in (whole.positives, whole.negatives))
    return np.concatenate([[0.0], hits]), np.concatenate([[0.0], alarms])


def _observed(drawn: Tally, edges: Floats) -> Floats:
    """Share of positives in each bin, (bin, draw); NaN where a bin is empty."""
    starts = bin_starts(drawn, edges)
    positives = np.add.reduceat(drawn.positives, starts, axis=0)
    totals = positives + np.add.reduceat(drawn.negatives, starts, axis=0)
    return np.divide(positives, totals, out=np.full_like(totals, np.nan), where=totals > 0)


def _calibration(whole: Tally, edges: Floats, observed: Draws) -> dict[str, tuple[float | None, ...]]:
    starts = bin_starts(whole, edges)
    counts = (whole.positives + whole.negatives)[:, 0]
    cases = np.add.reduceat(counts, starts)
    lower, upper = observed.interval()
    return {
        "predicted": _column(np.add.reduceat(counts * whole.scores, starts) / cases),
        "observed": _column(observed.value),
        "lower": _column(lower),
        "upper": _column(upper),
        "cases": _column(cases),
    }


def _decision(scored: Scored, thresholds: Floats, benefit: Draws) -> dict[str, tuple[float | None, ...]]:
    prevalence = scored.truths.mean()
    lower, upper = benefit.interval()
    return {
        "threshold": _column(thresholds),
        "net_benefit": _column(benefit.value),
        "lower": _column(lower),
        "upper": _column(upper),
        "treat_all": _column(prevalence - (1 - prevalence) * thresholds / (1 - thresholds)),
    }


def _histogram(scored: Scored) -> dict[str, tuple[float, ...]]:
    edges = np.linspace(0, 1, _BARS + 1)
    positives, negatives = (
        np.histogram(scored.probabilities[scored.truths == truth], edges)[0].astype(np.float64) for truth in (1, 0)
    )
    return _exact({"from": edges[:-1], "to": edges[1:], "positives": positives, "negatives": negatives})


def _thinned(columns: dict[str, Floats]) -> dict[str, tuple[float, ...]]:
    """At most some hundred points, evenly far from each other along the first axis of the picture."""
    x, y = columns.values()
    if len(x) <= _POINTS:
        return _exact(columns)
    way = np.cumsum(np.hypot(np.diff(x, prepend=x[0]), np.diff(y, prepend=y[0])))
    kept: npt.NDArray[np.intp] = np.unique(np.searchsorted(way, np.linspace(0, way[-1], _POINTS)).clip(0, len(x) - 1))
    kept = np.union1d(kept, [len(x) - 1])
    return _exact({name: column[kept] for name, column in columns.items()})


def _exact(columns: dict[str, Floats]) -> dict[str, tuple[float, ...]]:
    return {name: tuple(round(float(one), 5) for one in column) for name, column in columns.items()}


def _column(values: Floats) -> tuple[float | None, ...]:
    return tuple(round(float(one), 5) if np.isfinite(one) else None for one in values)
