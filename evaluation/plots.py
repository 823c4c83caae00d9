"""Pictures of a report's curves; no picture of a patient."""

from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaluation.report import EvaluationReport

INK, SECOND, GRID = "#1f4e79", "#c05a00", "#d0d0d0"


def figures(report: EvaluationReport) -> dict[str, Figure]:
    """The figures of *report* by a short name; a curve that is absent has none."""
    return {name: _figure(draw, report) for name, draw in _DRAWN.items() if _there(report, name)}


def _there(report: EvaluationReport, name: str) -> bool:
    return getattr(report.curves, name) is not None


def _figure(draw: Callable[[Axes, EvaluationReport], None], report: EvaluationReport) -> Figure:
    figure = Figure(figsize=(4.8, 4), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    draw(axes, report)
    return figure


def _roc(axes: Axes, report: EvaluationReport) -> None:
    curve = report.curves.roc or {}
    axes.plot([0, 1], [0, 1], color=GRID)
    axes.plot(curve["false_positive_rate"], curve["true_positive_rate"], color=INK)
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", xlim=(0, 1), ylim=(0, 1.01))


def _calibration(axes: Axes, report: EvaluationReport) -> None:
    curve = report.curves.calibration or {}
    axes.plot([0, 1], [0, 1], color=GRID)
    axes.plot(np.array(curve["predicted"], dtype=float), np.array(curve["observed"], dtype=float), "o-", color=SECOND)
    axes.set(xlabel="predicted", ylabel="observed")


_DRAWN: Mapping[str, Callable[[Axes, EvaluationReport], None]] = {"roc": _roc, "calibration": _calibration}
