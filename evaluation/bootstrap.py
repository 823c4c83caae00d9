"""Intervals by drawing patients, not cases: two images of one patient are not two independent answers."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

#: Draws of an interval; its ends then move by less than a hundredth between seeds.
DRAWS = 1000


def interval(
    statistic: Callable[[npt.NDArray[np.intp]], float],
    patients: npt.NDArray[np.str_],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[float, float]:
    """The 95 % percentile interval of *statistic*, a function of case indices, over draws of whole *patients*.

    Draws where it is not defined (NaN) are left out; (NaN, NaN) when it never is.
    """
    rng = np.random.default_rng(seed)
    cases = _cases_of(patients)
    values = [
        statistic(np.concatenate([cases[i] for i in rng.integers(0, len(cases), len(cases))])) for _ in range(draws)
    ]
    defined = np.asarray(values)[~np.isnan(values)]
    if len(defined) == 0:
        return float("nan"), float("nan")
    low, high = np.percentile(defined, [2.5, 97.5])
    return float(low), float(high)


def _cases_of(patients: npt.NDArray[np.str_]) -> list[npt.NDArray[np.intp]]:
    _, numbers = np.unique(patients, return_inverse=True)
    order = np.argsort(numbers, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)
