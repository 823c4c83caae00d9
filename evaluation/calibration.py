"""Do probabilities mean what they say? Logistic regression of the truth on the log-odds that were said.

Cox (1958), as in Van Calster et al., J Clin Epidemiol 2016;74:167.

``calibration_slope`` is the joint fit's slope (1 is right; below 1 the model is too sure of itself).
``calibration_intercept`` of the report is calibration-in-the-large: the intercept with the slope held at 1 (0 is right;
below 0 the model says too much). Log-odds are clipped where probabilities leave 1e-6 to 1 - 1e-6.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from evaluation.tally import Floats, Tally

_CLIP = 1e-6
_STEPS = 50
#: A step below the first changes nothing that is reported; a fit whose last step is above the second has no end.
_STILL, _NEARLY_STILL = 1e-7, 1e-4
#: A step is never longer than this, in log-odds.
_LONGEST = 1.0


def calibration_slope(tally: Tally) -> Floats:
    """Slope of the truth on the log-odds, (draw,); NaN where one class is missing or scores separate the classes."""
    totals = tally.positives + tally.negatives
    logits = _logits(tally)
    # In units of their own spread, from a slope of nothing: there the steps are safe however extreme the scores are.
    spread = max(float(logits.std()), 1e-3)
    x = (logits - logits.mean()) / spread
    fit = np.stack([np.zeros(totals.shape[1]), np.zeros(totals.shape[1])])
    with np.errstate(all="ignore"):
        for _ in range(_STEPS):
            step = np.clip(_newton_step(x, tally.positives, totals, fit), -_LONGEST, _LONGEST)
            fit = fit + step
            if not np.any(np.abs(step) > _STILL):
                break
    still = np.abs(step).max(axis=0) < _NEARLY_STILL
    return np.where(_both(tally) & _overlap(tally) & still, fit[1] / spread, np.nan)


def calibration_in_the_large(tally: Tally) -> Floats:
    """Intercept of the truth on the log-odds with slope 1, (draw,); NaN where one class is missing."""
    x, totals = _logits(tally), tally.positives + tally.negatives
    intercept = np.zeros(totals.shape[1])
    with np.errstate(all="ignore"):
        for _ in range(_STEPS):
            expected = expit(intercept + x)
            step = (tally.positives - totals * expected).sum(axis=0) / (totals * expected * (1 - expected)).sum(axis=0)
            # Far from the solution the curve is flat and a full step overshoots.
            step = np.clip(step, -_LONGEST, _LONGEST)
            intercept = intercept + step
            if not np.any(np.abs(step) > _STILL):
                break
    return np.where(_both(tally) & (np.abs(step) < _NEARLY_STILL), intercept, np.nan)


def _logits(tally: Tally) -> Floats:
    column: Floats = logit(np.clip(tally.scores, _CLIP, 1 - _CLIP))[:, np.newaxis]
    return column


def _newton_step(x: Floats, positives: Floats, totals: Floats, fit: Floats) -> Floats:
    """One step of the two-parameter logistic regression in each draw: (intercept and slope, draw)."""
    expected = expit(fit[0] + fit[1] * x)
    miss, spread = positives - totals * expected, totals * expected * (1 - expected)
    gradient, pull = miss.sum(axis=0), x[:, 0] @ miss
    a, b, c = spread.sum(axis=0), x[:, 0] @ spread, x[:, 0] ** 2 @ spread
    step: Floats = np.stack([c * gradient - b * pull, a * pull - b * gradient]) / (a * c - b**2)
    return step


def _overlap(tally: Tally) -> npt.NDArray[np.bool_]:
    """Whether some positive scores below some negative and the other way round, (draw,): else the fit has no end."""
    last = len(tally.scores) - 1
    (lowest_positive, highest_positive), (lowest_negative, highest_negative) = (
        (np.argmax(there, axis=0), last - np.argmax(there[::-1], axis=0))
        for there in (tally.positives > 0, tally.negatives > 0)
    )
    return (lowest_positive < highest_negative) & (lowest_negative < highest_positive)


def _both(tally: Tally) -> npt.NDArray[np.bool_]:
    return (tally.positives.sum(axis=0) > 0) & (tally.negatives.sum(axis=0) > 0)
