"""Judge probabilities of one label."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from evaluation import metrics
from evaluation.bootstrap import interval
from evaluation.report import Measured, MetricValue


def judge_probabilities(
    truths: npt.NDArray[np.int_],
    probabilities: npt.NDArray[np.float64],
    patients: npt.NDArray[np.str_],
    threshold: float,
) -> tuple[MetricValue, ...]:
    """Discrimination, operating point and calibration of *probabilities* (n,) with intervals by patient."""
    named: dict[str, Callable[[npt.NDArray[np.int_], npt.NDArray[np.float64]], float]] = {
        "auroc": metrics.auroc,
        "average_precision": metrics.average_precision,
        "sensitivity": lambda t, p: metrics.sensitivity(t, p, threshold),
        "specificity": lambda t, p: metrics.specificity(t, p, threshold),
        "brier": metrics.brier,
        "ece": metrics.expected_calibration_error,
    }
    return tuple(_measured(name, metric, (truths, probabilities), patients) for name, metric in named.items())


def _measured(
    name: str,
    metric: Callable[[npt.NDArray[np.int_], npt.NDArray[np.float64]], float],
    pair: tuple[npt.NDArray[np.int_], npt.NDArray[np.float64]],
    patients: npt.NDArray[np.str_],
) -> MetricValue:
    truths, probabilities = pair
    ends = interval(lambda cases: metric(truths[cases], probabilities[cases]), patients)
    return Measured(name=name, value=metric(truths, probabilities), interval=ends).to_value()
