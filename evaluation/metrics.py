"""Numbers that judge predictions: scores (n,) in 0 to 1 against truths (n,) of 0 or 1, and masks against masks."""

from typing import Protocol

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

Scores = npt.NDArray[np.floating]
Truths = npt.NDArray[np.integer] | npt.NDArray[np.bool_] | npt.NDArray[np.floating]


class Metric(Protocol):
    """One number from truths and scores; NaN where it is not defined."""

    def __call__(self, truths: Truths, scores: Scores, /) -> float:
        """The number."""


def auroc(truths: Truths, scores: Scores) -> float:
    """Chance that a positive scores above a negative; NaN unless both are there."""
    return float(roc_auc_score(truths, scores)) if _both(truths) else float("nan")


def average_precision(truths: Truths, scores: Scores) -> float:
    """Area under the precision-recall curve; NaN unless both classes are there."""
    return float(average_precision_score(truths, scores)) if _both(truths) else float("nan")


def sensitivity(truths: Truths, scores: Scores, threshold: float) -> float:
    """Share of the positives at or above *threshold*; NaN without positives."""
    return _share(scores[truths > 0] >= threshold)


def specificity(truths: Truths, scores: Scores, threshold: float) -> float:
    """Share of the negatives below *threshold*; NaN without negatives."""
    return _share(scores[truths <= 0] < threshold)


def brier(truths: Truths, scores: Scores) -> float:
    """Mean squared distance between probability and truth; 0 is best."""
    return float(brier_score_loss(truths, np.clip(scores, 0, 1)))


def expected_calibration_error(truths: Truths, scores: Scores, bins: int = 10) -> float:
    """Mean distance between predicted and observed frequency over *bins* of equal count; 0 is best."""
    order = np.argsort(scores, kind="stable")
    groups = np.array_split(order, min(bins, len(order)))
    gaps = [abs(float(scores[group].mean()) - float(truths[group].mean())) * len(group) for group in groups]
    return float(sum(gaps) / len(order))


def dice(truth: npt.NDArray[np.bool_], mask: npt.NDArray[np.bool_]) -> float:
    """Twice the overlap over the sum of both masks; NaN when both are empty."""
    total = int(truth.sum()) + int(mask.sum())
    return 2 * int((truth & mask).sum()) / total if total else float("nan")


def _both(truths: Truths) -> bool:
    return bool(np.any(truths > 0) and np.any(truths <= 0))


def _share(hits: npt.NDArray[np.bool_]) -> float:
    return float(hits.mean()) if len(hits) else float("nan")
