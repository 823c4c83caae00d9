"""Is a release that was made again the one that it was made after? On the same cases, within tolerances stated before.

Another machine, another number of threads or another version of a library takes sums in another order, and a training
goes a little another way: equal bytes cannot be asked for, equal figures within a tolerance can.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evaluation.errors import EvaluationError
from evaluation.evidence import Evidence, read_evidence
from evaluation.report import defined
from models.release import Release

#: How far a number of the rebuild may lie from the first's. What is not named here may differ by `_OTHERS`.
_TOLERANCES: Mapping[str, float] = {"auroc": 0.01, "calibration_slope": 0.1, "calibration_intercept": 0.1}
_OTHERS = 0.03


@dataclass(frozen=True, kw_only=True)
class Reproduced:
    """One number of the evidence, twice."""

    #: Which number.
    metric: str
    #: In the first release.
    first: float
    #: In the one made again.
    again: float
    #: How far they may lie apart.
    tolerance: float

    @property
    def within(self) -> bool:
        """Whether they lie no further apart than that."""
        return abs(self.again - self.first) <= self.tolerance


@dataclass(frozen=True, kw_only=True)
class Rebuild:
    """How a release that was made again differs from the first."""

    #: The numbers of both.
    numbers: tuple[Reproduced, ...]
    #: Largest distance of what both said of one test case, 0 to 1; None for a task without a score a case.
    furthest_case: float | None

    @property
    def reproduced(self) -> bool:
        """Whether every number is within its tolerance."""
        return all(number.within for number in self.numbers)


def compare_rebuild(first: Release, again: Release) -> Rebuild:
    """Compare the evidence of *again*, made from the data of *first*, with that of *first*.

    Raises:
        ReleaseError: evidence is there but cannot be read.
        EvaluationError: one has no evaluation, or they were judged on other cases.
    """
    mine, theirs = read_evidence(first), read_evidence(again)
    if mine.evaluation is None or theirs.evaluation is None:
        which = first if mine.evaluation is None else again
        raise EvaluationError(f"release {which.short_digest} has no evidence/evaluation.json; nothing to compare by")
    cases = [_cases(one) for one in (mine, theirs)]
    if cases[0] != cases[1]:
        raise EvaluationError(
            f"releases {first.short_digest} and {again.short_digest} were judged on other test cases: the data are "
            "others, or are divided otherwise; give the data that the first was made from"
        )
    known, found = defined(mine.evaluation.metrics), defined(theirs.evaluation.metrics)
    return Rebuild(
        numbers=tuple(
            Reproduced(metric=name, first=known[name], again=found.get(name, np.nan), tolerance=_tolerance(name))
            for name in sorted(known)
        ),
        furthest_case=_furthest(mine, theirs),
    )


def _tolerance(metric: str) -> float:
    return _TOLERANCES.get(metric, _OTHERS)


def _cases(evidence: Evidence) -> str | None:
    scores = evidence.scores or evidence.mask_scores
    return None if scores is None else scores.cases_sha256


def _furthest(mine: Evidence, theirs: Evidence) -> float | None:
    if mine.scores is None or theirs.scores is None:
        return None
    apart = np.abs(mine.scores.scored.probabilities - theirs.scores.scored.probabilities)
    return float(apart.max(initial=0.0))
