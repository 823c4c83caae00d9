"""The report as Markdown, for model cards and terminals."""

from collections.abc import Mapping

from evaluation.report import EvaluationReport, MetricValue


def to_markdown(report: EvaluationReport) -> str:
    """The report as a Markdown section for a model card."""
    return (
        f"{report.cases} cases of {report.patients} patients ({report.positives} positive), split "
        f"`{report.data.split}`, operating point {report.threshold:.2f}.\n\n"
        f"| metric | value | 95 % interval by patient |\n|---|---|---|\n{_rows(report.metrics)}\n"
    )


def _rows(metrics: Mapping[str, MetricValue]) -> str:
    return "\n".join(
        f"| {name} | {_text(metric.value)} | {_text(metric.lower)} to {_text(metric.upper)} |"
        for name, metric in metrics.items()
    )


def _text(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"
