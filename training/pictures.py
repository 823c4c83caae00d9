"""Pictures of curves for MLflow; no picture of a patient."""

from matplotlib.figure import Figure

from evaluation.plots import figures
from evaluation.report import EvaluationReport

Points = tuple[tuple[int, float], ...]
_INK, _SECOND = "#1f4e79", "#c05a00"


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


def report_pictures(report: EvaluationReport) -> dict[str, Figure]:
    """The figures of *report* by a short name, e.g. ``roc``."""
    return figures(report)


def _columns(points: Points) -> tuple[list[int], list[float]]:
    return [step for step, _ in points], [value for _, value in points]
