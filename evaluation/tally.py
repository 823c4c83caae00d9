"""Count cases by score, for every draw of patients at once: what makes a thousand draws of 500,000 hours cheap.

The cases are sorted once. A draw of patients is a weight for each patient (how often it was drawn), and the counts of
positives and negatives at each distinct score are one sparse product of cases and weights; every number follows from
those counts. Drawn are patients, not cases: two images of one patient are not two independent answers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from evaluation.bootstrap import draw_patients, percentile_interval

Floats = npt.NDArray[np.float64]

#: Groups of neighbouring scores that draws are counted in, for each of positives and negatives.
_GROUPS = 2000


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What a model said of cases whose truth is known."""

    #: 1 true, 0 not, (case,).
    truths: npt.NDArray[np.int8]
    #: What the model said, 0 to 1, (case,).
    probabilities: Floats
    #: Pseudonym of the patient, (case,).
    patients: npt.NDArray[np.str_]
    #: The operating point, 0 to 1: a score on it is said.
    threshold: float

    def where(self, chosen: npt.NDArray[np.bool_]) -> "Scored":
        """The *chosen* cases (case,) alone."""
        return replace(
            self,
            truths=self.truths[chosen],
            probabilities=self.probabilities[chosen],
            patients=self.patients[chosen],
        )


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How many positives and negatives have each score, in each draw."""

    #: Distinct scores, rising, (score,).
    scores: Floats
    #: Positives at each score, (score, draw).
    positives: Floats
    #: Negatives at each score, (score, draw).
    negatives: Floats
    #: The operating point.
    threshold: float


#: From the counts to one number a draw, (draw,), or several, (number, draw); NaN where not defined.
Statistic = Callable[[Tally], Floats]


@dataclass(frozen=True, kw_only=True)
class Draws:
    """A number, or several, on all cases and on each draw of patients."""

    #: On all cases, () or (number,).
    value: Floats
    #: On the draws, (draw,) or (number, draw).
    draws: Floats

    def interval(self) -> tuple[Floats, Floats]:
        """The 95 % percentile interval over the draws where it is defined; NaN when it never is."""
        return percentile_interval(self.draws)


def tally(scored: Scored) -> Tally:
    """The counts of all cases, each once: one draw, every distinct score."""
    scores, rank = np.unique(scored.probabilities, return_inverse=True)
    return _weighted(scored, scores, rank, np.ones((len(np.unique(scored.patients)), 1)))


def draw(scored: Scored, statistics: Mapping[str, Statistic]) -> dict[str, Draws]:
    """Every statistic on all of *scored*, exactly, and on the same draws of its patients.

    For the draws, neighbouring scores are taken together where there are very many: no group holds more than a
    two-thousandth of the positives or of the negatives, and none lies across the operating point. Ends of intervals
    move by less than 0.001.
    """
    whole = tally(scored)
    group, means = _grouped(scored, whole)
    rank = group[np.searchsorted(whole.scores, scored.probabilities)]
    drawn = _weighted(scored, means, rank, draw_patients(scored.patients))
    return {
        name: Draws(value=statistic(whole)[..., 0], draws=statistic(drawn)) for name, statistic in statistics.items()
    }


def _weighted(scored: Scored, scores: Floats, rank: npt.NDArray[np.intp], weights: Floats) -> Tally:
    """The counts under *weights* (patient, draw), where case i has the score ``scores[rank[i]]``."""
    _, patient = np.unique(scored.patients, return_inverse=True)
    shape = (len(scores), len(weights))
    positives, negatives = (
        sparse.csr_array((np.ones(int(of.sum())), (rank[of], patient[of])), shape=shape) @ weights
        for of in (scored.truths > 0, scored.truths <= 0)
    )
    return Tally(scores=scores, positives=positives, negatives=negatives, threshold=scored.threshold)


def _grouped(scored: Scored, whole: Tally) -> tuple[npt.NDArray[np.intp], Floats]:
    """The group of each distinct score, and the mean score of each group."""
    positives, negatives = whole.positives[:, 0], whole.negatives[:, 0]
    if len(whole.scores) <= _GROUPS:
        return np.arange(len(whole.scores)), whole.scores
    steps = (np.floor(np.cumsum(of) / max(1.0, of.sum()) * _GROUPS) for of in (positives, negatives))
    key = sum(steps) + (whole.scores >= scored.threshold)
    _, group = np.unique(key, return_inverse=True)
    counts = positives + negatives
    return group, np.bincount(group, counts * whole.scores) / np.bincount(group, counts)
