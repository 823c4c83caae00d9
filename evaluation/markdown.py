"""The report as Markdown, for model cards and terminals."""

from collections.abc import Mapping

from evaluation.report import Chosen, EvaluationReport, MetricValue
from evaluation.tripod import tripod_items
from models.manifest import Manifest

_SHIPPED = "There is no champion here: judged is the release that ships with Varsel.\n\n"


def to_markdown(report: EvaluationReport) -> str:
    """The report as a Markdown section for a model card."""
    return (
        f"{_SHIPPED if report.chosen is Chosen.SHIPPED else ''}"
        f"{report.cases} cases of {report.patients} patients ({report.positives} positive), split "
        f"`{report.data.split}`, operating point {report.threshold:.3g}.\n\n"
        f"{_table(report.metrics)}\n{_further_labels(report)}{_subgroups(report)}{_alerts(report)}{_open(report)}"
    )


def tripod_markdown(manifest: Manifest, report: EvaluationReport) -> str:
    """The reporting items of TRIPOD+AI as a table; what nobody has said yet is visibly empty."""
    rows = "\n".join(
        f"| {one.number} | {one.section} | {one.asked} | {one.known.replace('|', '/') or '**not known**'} |"
        for one in tripod_items(manifest, report)
    )
    return f"\n## Reporting items (TRIPOD+AI)\n\n| item | section | asked | known |\n|---|---|---|---|\n{rows}\n"


def _table(metrics: Mapping[str, MetricValue]) -> str:
    rows = "\n".join(
        f"| {name} | {_text(metric.value)} | {_text(metric.lower)} to {_text(metric.upper)} |"
        for name, metric in metrics.items()
    )
    return f"| metric | value | 95 % interval by patient |\n|---|---|---|\n{rows}\n"


def _further_labels(report: EvaluationReport) -> str:
    return "".join(
        f"\nLabel `{key}`, {one.cases} cases ({one.positives} positive), operating point {one.threshold:.3g}:\n\n"
        f"{_table(one.metrics)}"
        for key, one in report.labels.items()
    )


def _subgroups(report: EvaluationReport) -> str:
    rows = "\n".join(
        f"| {one.group} {one.value} | {one.cases} | {one.positives} | {_interval(one.metrics.get('auroc'))} |"
        for one in report.subgroups
    )
    head = "| subgroup | cases | positive | AUROC |\n|---|---|---|---|"
    return f"\n{head}\n{rows}\n" if report.subgroups else ""


def _alerts(report: EvaluationReport) -> str:
    rows = "\n".join(
        f"| {one.policy.value} ({one.threshold:.3g}) | {_text(one.alerts_per_100_patient_days.value)} | "
        f"{_text(one.flagged.value)} | {_text(one.ppv_per_patient.value)} | "
        f"{_text(one.sensitivity_per_patient.value)} |"
        for one in report.alerts
    )
    head = "| alerts | per 100 patient-days | flagged | PPV | sensitivity |\n|---|---|---|---|---|"
    return f"\n{head}\n{rows}\n" if report.alerts else ""


def _open(report: EvaluationReport) -> str:
    suspicious = [f"- Look at this: {one.found} ({one.check.value})\n" for one in report.findings if one.suspicious]
    missing = [f"- Not examined: {one}\n" for one in report.not_examined]
    return "\n" + "".join((*suspicious, *missing)) if suspicious or missing else ""


def _interval(metric: MetricValue | None) -> str:
    if metric is None:
        return "too few"
    return f"{_text(metric.value)} ({_text(metric.lower)} to {_text(metric.upper)})"


def _text(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"
