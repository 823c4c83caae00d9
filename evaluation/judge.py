"""Judge what a model said of a cohort: everything the report holds, from one call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from evaluation.alert_burden import Watch, judge_alerts
from evaluation.classification import judge_label, worst_errors
from evaluation.cohorts.cohort import Cohort
from evaluation.comparison import compare_scored
from evaluation.curves import curves_of
from evaluation.errors import EvaluationError
from evaluation.metrics import probability_metrics
from evaluation.report import AlertBurden, ComparisonReport, DataFacts, EvaluationReport, Finding, MetricValue
from evaluation.subgroups import judge_subgroups, largest_gaps
from evaluation.subject import Subject
from evaluation.tally import Floats, Scored
from evaluation.utility import judge_utility
from models.manifest import StayPreprocessing

#: Group of a cohort that says of each case whether a culture or antibiotic came before it: ``before`` or ``after``.
SUSPICION_GROUP = "suspicion"


@dataclass(frozen=True, kw_only=True)
class Rival:
    """Another release, and what it said of the same cohort."""

    #: Alias or short digest.
    name: str
    #: SHA-256 of the release.
    digest: str
    #: (case, label), 0 to 1.
    said: Floats
    #: Its operating point for the first label.
    threshold: float


def judge_cohort(
    subject: Subject,
    cohort: Cohort,
    said: Floats,
    *,
    data: DataFacts,
    rival: Rival | None = None,
    findings: Sequence[Finding] = (),
) -> EvaluationReport:
    """The report on what *subject* *said* (case, label) of *cohort*.

    Raises:
        EvaluationError: no case of the cohort has a known truth.
    """
    known = ~np.isnan(cohort.truths[:, 0])
    if not known.any():
        raise EvaluationError(f"'{data.source}' has no case whose '{subject.labels[0].key}' is known; nothing to judge")
    scored = scored_label(cohort, said, subject, 0)
    first = judge_label(scored)
    groups = {name: values[known] for name, values in cohort.groups.items()}
    subgroups = judge_subgroups(scored, groups)
    hourly = _hourly(subject, cohort, scored, known)
    return EvaluationReport(
        model=subject.model,
        version=subject.version,
        digest=subject.digest,
        data=data,
        label=subject.labels[0].key,
        cases=first.cases,
        patients=first.patients,
        positives=first.positives,
        prevalence=first.prevalence,
        threshold=first.threshold,
        metrics={**first.metrics, **hourly.metrics},
        labels={
            label.key: judge_label(scored_label(cohort, said, subject, number))
            for number, label in enumerate(subject.labels)
            if number > 0 and not np.isnan(cohort.truths[:, number]).all()
        },
        curves=curves_of(scored),
        subgroups=subgroups,
        gaps=largest_gaps(subgroups),
        failures=worst_errors(scored, cohort.keys[known]),
        alerts=hourly.alerts,
        comparison=None if rival is None else _compared(subject, cohort, scored, rival),
        findings=tuple(findings),
        not_examined=_not_examined(subject, cohort),
    )


def scored_label(cohort: Cohort, said: Floats, subject: Subject, number: int) -> Scored:
    """What was *said* of the label *number* of *subject*, where its truth is known."""
    known = ~np.isnan(cohort.truths[:, number])
    return Scored(
        truths=(cohort.truths[known, number] > 0).astype(np.int8),
        probabilities=said[known, number],
        patients=cohort.patients[known],
        threshold=subject.labels[number].threshold,
    )


@dataclass(frozen=True, kw_only=True)
class _Hourly:
    """What only hourly stays have."""

    metrics: Mapping[str, MetricValue]
    alerts: tuple[AlertBurden, ...]


def _hourly(subject: Subject, cohort: Cohort, scored: Scored, known: npt.NDArray[np.bool_]) -> _Hourly:
    if cohort.hours is None or not isinstance(subject.preprocessing, StayPreprocessing):
        return _Hourly(metrics={}, alerts=())
    watch = Watch(scored=scored, hours=cohort.hours[known], horizon_hours=subject.preprocessing.horizon_hours)
    return _Hourly(metrics={"utility": judge_utility(scored)}, alerts=judge_alerts(watch))


def _compared(subject: Subject, cohort: Cohort, scored: Scored, rival: Rival) -> ComparisonReport:
    theirs = replace(scored_label(cohort, rival.said, subject, 0), threshold=rival.threshold)
    return ComparisonReport(
        against=rival.name,
        digest=rival.digest,
        metrics=compare_scored(scored, theirs, probability_metrics(scored)),
    )


def _not_examined(subject: Subject, cohort: Cohort) -> tuple[str, ...]:
    unknown = [label.key for n, label in enumerate(subject.labels) if np.isnan(cohort.truths[:, n]).all()]
    return (
        *(f"label {key}: its truth is not known in this data" for key in unknown),
        *(() if cohort.groups else ("subgroups: the data has no columns that divide the patients",)),
        *_not_examined_of_stays(subject, cohort),
        "changes over time and between hospitals: the data has no dates or sites that could be held apart",
        "how clinicians act on what is said",
    )


def _not_examined_of_stays(subject: Subject, cohort: Cohort) -> tuple[str, ...]:
    if not isinstance(subject.preprocessing, StayPreprocessing) or SUSPICION_GROUP in cohort.groups:
        return ()
    return ("results before the first culture or antibiotic alone: the data does not say when that was",)
