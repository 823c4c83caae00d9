"""Pictures of curves for MLflow; no picture of a patient."""

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

Points = tuple[tuple[int, float], ...]
_INK, _SECOND, _GRID = "#1f4e79", "#c05a00", "#d0d0d0"


def learning_curve(loss: Points, metric: Points, metric_name: str) -> Figure:
    """Training loss and the validation metric by epoch."""
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    left = figure.subplots()
    left.plot(*_columns(loss), color=_INK, label="training loss")
    left.set(xlabel="epoch", ylabel="training loss")
    right = left.twinx()
    right.plot(*_columns(metric), color=_SECOND, label=metric_name)
    right.set(ylabel=metric_name, ylim=(0, 1.02))
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def roc_picture(truths: npt.NDArray[np.int_], probabilities: npt.NDArray[np.float64], name: str) -> Figure:
    """The receiver operating characteristic, and the distribution that calibration speaks of, side by side."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    false_positives, true_positives, _ = roc_curve(truths, probabilities)
    left.plot([0, 1], [0, 1], color=_GRID)
    left.plot(false_positives, true_positives, color=_INK)
    left.set(xlabel="1 - specificity", ylabel="sensitivity", title=name)
    order = np.argsort(probabilities)
    groups = [group for group in np.array_split(order, 8) if len(group)]
    right.plot([0, 1], [0, 1], color=_GRID)
    right.plot([probabilities[g].mean() for g in groups], [truths[g].mean() for g in groups], "o-", color=_SECOND)
    right.set(xlabel="predicted", ylabel="observed", title="calibration")
    return figure


def _columns(points: Points) -> tuple[list[int], list[float]]:
    return [step for step, _ in points], [value for _, value in points]
