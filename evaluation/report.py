"""What an evaluation found: one frozen value, and its JSON and Markdown."""

from dataclasses import dataclass

import numpy as np
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass as checked_dataclass

_STRICT = ConfigDict(extra="forbid", ser_json_inf_nan="null")


@checked_dataclass(frozen=True, kw_only=True, config=_STRICT)
class MetricValue:
    """One metric with its 95 % interval by patient; None where it is not defined on these cases."""

    #: Name, e.g. ``auroc``.
    name: str
    #: The number.
    value: float | None
    #: Lower end of the interval.
    low: float | None
    #: Upper end of the interval.
    high: float | None


@checked_dataclass(frozen=True, kw_only=True, config=_STRICT)
class EvaluationReport:
    """How good a model is on cases that it was not trained or calibrated on."""

    #: Bundle name.
    model: str
    #: Bundle version.
    version: str
    #: Which part of the data was judged: ``test``.
    split: str
    #: SHA-256 of the data set.
    data_sha256: str
    #: Cases, patients and positive cases judged.
    cases: int
    patients: int
    positives: int
    #: The operating point, 0 to 1.
    threshold: float
    #: What the probabilities were divided by before the logistic, fitted on other patients.
    temperature: float
    #: The numbers.
    metrics: tuple[MetricValue, ...]

    def metric(self, name: str) -> MetricValue | None:
        """The metric called *name*, or None."""
        return next((metric for metric in self.metrics if metric.name == name), None)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A metric as computed: NaN where not defined."""

    name: str
    value: float
    interval: tuple[float, float]

    def to_value(self) -> MetricValue:
        """The same with None for NaN, rounded to what the sample can carry."""
        value, low, high = (
            round(float(number), 4) if np.isfinite(number) else None for number in (self.value, *self.interval)
        )
        return MetricValue(name=self.name, value=value, low=low, high=high)


_REPORT = TypeAdapter(EvaluationReport)


def dump_report(report: EvaluationReport) -> bytes:
    """The JSON of *report*."""
    return _REPORT.dump_json(report, indent=2) + b"\n"


def load_report(data: bytes) -> EvaluationReport:
    """The report in JSON *data*.

    Raises:
        ValidationError: it is no such report.
    """
    return _REPORT.validate_json(data)


def to_markdown(report: EvaluationReport) -> str:
    """The report as a Markdown section for a model card."""
    rows = "\n".join(
        f"| {metric.name} | {_text(metric.value)} | {_text(metric.low)} to {_text(metric.high)} |"
        for metric in report.metrics
    )
    return (
        f"{report.cases} cases of {report.patients} patients ({report.positives} positive), split `{report.split}`, "
        f"operating point {report.threshold:.2f}, temperature {report.temperature:.2f}.\n\n"
        f"| metric | value | 95 % interval by patient |\n|---|---|---|\n{rows}\n"
    )


def _text(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"
