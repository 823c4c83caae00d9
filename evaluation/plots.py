"""Pictures of a report's curves, in the language of the page; no picture of a patient."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaluation.report import EvaluationReport, MetricValue
from evaluation.texts import Words

INK, SECOND, GRID = "#1f4e79", "#c05a00", "#c8ccd0"
_SIZE = (4.6, 3.7)
#: Height of a forest plot: for its axis, and for each line.
_FOREST_BASE, _FOREST_LINE = 0.9, 0.26


def figures(report: EvaluationReport, language: str = "en") -> dict[str, Figure]:
    """The figures of *report* by a short name, e.g. ``roc``; a curve that is absent has none."""
    words = Words(language=language)
    drawn = {
        name: _figure(draw, report, words) for name, draw in _DRAWN.items() if getattr(report.curves, name) is not None
    }
    if any(not one.too_few and one.metrics["auroc"].value is not None for one in report.subgroups):
        drawn["subgroups"] = _subgroups(report, words)
    if report.alerts:
        drawn["alerts"] = _alerts(report, words)
    return drawn


_Draw = Callable[[Axes, EvaluationReport, Words], None]


def _figure(draw: _Draw, report: EvaluationReport, words: Words, size: tuple[float, float] = _SIZE) -> Figure:
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    draw(axes, report, words)
    return figure


def _roc(axes: Axes, report: EvaluationReport, words: Words) -> None:
    curve = report.curves.roc or {}
    axes.plot([0, 1], [0, 1], color=GRID, linewidth=1)
    axes.plot(curve["false_positive_rate"], curve["true_positive_rate"], color=INK)
    sensitivity, specificity = (report.metrics[name].value for name in ("sensitivity", "specificity"))
    if sensitivity is not None and specificity is not None:
        axes.plot(1 - specificity, sensitivity, "o", color=SECOND, label=words("operating_point"))
        axes.legend(frameon=False, loc="lower right")
    axes.set(xlabel=words("one_minus_specificity"), ylabel=words("sensitivity"), xlim=(-0.01, 1), ylim=(0, 1.02))


def _precision_recall(axes: Axes, report: EvaluationReport, words: Words) -> None:
    curve = report.curves.precision_recall or {}
    axes.axhline(report.prevalence, color=GRID, linewidth=1, label=words("prevalence"))
    axes.plot(curve["recall"], curve["precision"], color=INK)
    recall, precision = (report.metrics[name].value for name in ("sensitivity", "ppv"))
    if recall is not None and precision is not None:
        axes.plot(recall, precision, "o", color=SECOND, label=words("operating_point"))
    axes.legend(frameon=False, loc="best")
    axes.set(xlabel=words("sensitivity"), ylabel=words("ppv"), xlim=(0, 1.01), ylim=(0, 1.02))


def _calibration(axes: Axes, report: EvaluationReport, words: Words) -> None:
    curve = {name: _numbers(column) for name, column in (report.curves.calibration or {}).items()}
    predicted, observed = curve["predicted"], curve["observed"]
    end = min(1.0, 1.1 * float(np.nanmax(np.concatenate([predicted, observed, curve["upper"]]))))
    axes.plot([0, end], [0, end], color=GRID, linewidth=1, label=words("perfect"))
    bars = np.abs(np.stack([observed - curve["lower"], curve["upper"] - observed]))
    axes.errorbar(predicted, observed, yerr=bars, fmt="o-", markersize=4, linewidth=1, color=INK, ecolor=INK)
    axes.legend(frameon=False, loc="upper left")
    axes.set(xlabel=words("predicted"), ylabel=words("observed"), xlim=(0, end), ylim=(0, end))


def _decision(axes: Axes, report: EvaluationReport, words: Words) -> None:
    curve = {name: _numbers(column) for name, column in (report.curves.decision or {}).items()}
    thresholds = curve["threshold"]
    axes.fill_between(thresholds, curve["lower"], curve["upper"], color=INK, alpha=0.15, linewidth=0)
    axes.plot(thresholds, curve["net_benefit"], color=INK, label=words("model"))
    axes.plot(thresholds, curve["treat_all"], color=SECOND, linestyle="--", label=words("treat_all"))
    axes.axhline(0, color=GRID, label=words("treat_none"))
    if thresholds[0] <= report.threshold <= thresholds[-1]:
        axes.axvline(report.threshold, color=GRID, linestyle=":", label=words("operating_point"))
    # Acting on everybody is worth something at the lowest threshold, whatever the model is.
    highest = float(np.nanmax([curve["upper"], curve["net_benefit"], curve["treat_all"]]))
    axes.legend(frameon=False, loc="best", fontsize="small")
    axes.set(xlabel=words("threshold"), ylabel=words("net_benefit"), ylim=(-0.25 * highest, 1.1 * highest))


def _scores(axes: Axes, report: EvaluationReport, words: Words) -> None:
    curve = report.curves.scores or {}
    edges = np.array([*curve["from"], curve["to"][-1]])
    for name, colour in (("negatives", INK), ("positives", SECOND)):
        axes.stairs(curve[name], edges, fill=True, alpha=0.5, color=colour, label=words(name))
    axes.axvline(report.threshold, color="black", linestyle=":", linewidth=1, label=words("operating_point"))
    axes.set_yscale("symlog", linthresh=1)
    axes.legend(frameon=False, loc="best", fontsize="small")
    axes.set(xlabel=words("probability"), ylabel=words("cases"), xlim=(0, 1), ylim=(0, None))


def _froc(axes: Axes, report: EvaluationReport, words: Words) -> None:
    curve = {name: _numbers(column) for name, column in (report.curves.froc or {}).items()}
    rates, values = curve["false_positives_per_case"], curve["sensitivity"]
    axes.fill_between(rates, curve["lower"], curve["upper"], color=INK, alpha=0.15, linewidth=0)
    axes.plot(rates, values, "o-", color=INK, markersize=4)
    axes.set_xscale("log", base=2)
    axes.set_xticks(rates, [f"{rate:g}" for rate in rates])
    axes.set(xlabel=words("false_positives_per_case"), ylabel=words("lesion_sensitivity"), ylim=(0, 1.02))


_DRAWN: Mapping[str, _Draw] = {
    "roc": _roc,
    "precision_recall": _precision_recall,
    "calibration": _calibration,
    "decision": _decision,
    "scores": _scores,
    "froc": _froc,
}


def _subgroups(report: EvaluationReport, words: Words) -> Figure:
    """A forest plot of AUROC."""
    judged = [one for one in report.subgroups if not one.too_few and one.metrics["auroc"].value is not None]
    names = [words("everybody"), *(f"{words(one.group)}: {words(one.value)} ({one.patients})" for one in judged)]
    values = [report.metrics["auroc"], *(one.metrics["auroc"] for one in judged)]
    size = (_SIZE[0] * 1.5, _FOREST_BASE + _FOREST_LINE * len(names))

    def draw(axes: Axes, report: EvaluationReport, words: Words) -> None:
        del report
        axes.axvline(_numbers([values[0].value])[0], color=GRID, linewidth=1)
        _intervals(axes, values)
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.set(xlabel=words("auroc"))

    return _figure(draw, report, words, size)


def _alerts(report: EvaluationReport, words: Words) -> Figure:
    """Alerts per 100 patient-days against sensitivity by patient, a point a policy."""

    def draw(axes: Axes, report: EvaluationReport, words: Words) -> None:
        for number, alert in enumerate(report.alerts):
            found, burden = alert.sensitivity_per_patient, alert.alerts_per_100_patient_days
            x, y = (
                _numbers([burden.value, burden.lower, burden.upper]),
                _numbers([found.value, found.lower, found.upper]),
            )
            axes.errorbar(
                x[0],
                y[0],
                xerr=[[x[0] - x[1]], [x[2] - x[0]]],
                yerr=[[y[0] - y[1]], [y[2] - y[0]]],
                fmt="o",
                color=(INK, SECOND, "#4b7f52")[number % 3],
                label=f"{number + 1}: {words(alert.policy.value)}",
            )
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.18), fontsize="small")
        axes.set(xlabel=words("alerts_per_100_patient_days"), ylabel=words("sensitivity_per_patient"), ylim=(0, 1.02))

    return _figure(draw, report, words, (_SIZE[0] * 1.3, _SIZE[1] * 1.2))


def _intervals(axes: Axes, values: Sequence[MetricValue]) -> None:
    middle, lower, upper = (
        _numbers(column) for column in zip(*((one.value, one.lower, one.upper) for one in values), strict=True)
    )
    rows = np.arange(len(values))
    errors = np.abs(np.stack([middle - lower, upper - middle]))
    axes.errorbar(middle, rows, xerr=errors, fmt="o", color=INK, markersize=4, linewidth=1)


def _numbers(column: Sequence[float | None]) -> npt.NDArray[np.float64]:
    return np.array(column, dtype=np.float64)
