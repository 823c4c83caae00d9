"""Intervals by drawing patients, not cases: two images of one patient are not two independent answers."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

#: Draws of an interval; its ends then move by less than a hundredth between seeds.
DRAWS = 1000

Floats = npt.NDArray[np.float64]


def draw_patients(patients: npt.NDArray[np.str_], *, draws: int = DRAWS, seed: int = 0) -> Floats:
    """How often each of the distinct *patients*, sorted, is drawn; as many as there are: (patient, draw).

    NaN for one patient alone: every draw would be the same, and an interval without width a claim of certainty.
    """
    count = len(np.unique(patients))
    if count < 2:
        return np.full((count, draws), np.nan)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=draws)
    return drawn.T.astype(np.float64)


def percentile_interval(draws: Floats) -> tuple[Floats, Floats]:
    """The 95 % percentile interval of *draws* (..., draw) over those that are not NaN; NaN where all are."""
    defined = ~np.isnan(draws).all(axis=-1)
    ends = np.full((2, *draws.shape[:-1]), np.nan)
    if defined.any():
        ends[:, defined] = np.nanpercentile(draws[defined], [2.5, 97.5], axis=-1)
    return ends[0], ends[1]


def interval(
    statistic: Callable[[npt.NDArray[np.intp]], float],
    patients: npt.NDArray[np.str_],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[float, float]:
    """The 95 % percentile interval of *statistic*, a function of case indices, over draws of whole *patients*.

    For statistics that are no counts by score, on few cases; draws where it is not defined (NaN) are left out.
    """
    cases = _cases_of(patients)
    if len(cases) < 2:
        return np.nan, np.nan
    weights = draw_patients(patients, draws=draws, seed=seed).astype(np.intp)
    values = [
        statistic(np.concatenate([np.tile(cases[i], times) for i, times in enumerate(drawn) if times]))
        for drawn in weights.T
    ]
    lower, upper = percentile_interval(np.asarray(values, dtype=np.float64))
    return float(lower), float(upper)


def _cases_of(patients: npt.NDArray[np.str_]) -> list[npt.NDArray[np.intp]]:
    _, numbers = np.unique(patients, return_inverse=True)
    order = np.argsort(numbers, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)
