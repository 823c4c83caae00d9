"""Reports for tests that need one."""

from dataclasses import replace

from evaluation.report import Curves, DataFacts, EvaluationReport, MetricValue


def auroc(value: float | None = 0.97, lower: float | None = 0.95, upper: float | None = 0.99) -> MetricValue:
    return MetricValue(value=value, lower=lower, upper=upper)


def a_report(**changes: object) -> EvaluationReport:
    report = EvaluationReport(
        model="chest_xray_opacity",
        version="0.1.0",
        digest="ab" * 32,
        data=DataFacts(source="made in the test", sha256="cd" * 32, split="test", files={}),
        label="opacity",
        cases=100,
        patients=100,
        positives=50,
        prevalence=0.5,
        threshold=0.5,
        metrics={"auroc": auroc()},
        labels={},
        curves=Curves(),
        subgroups=(),
        gaps=(),
        failures=(),
        alerts=(),
        comparison=None,
        findings=(),
        not_examined=(),
    )
    return replace(report, **changes)
