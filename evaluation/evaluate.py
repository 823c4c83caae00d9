"""From a release and a labelled data set on disk to a report: what ``varsel evaluate`` does."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from evaluation.cohorts.cohort import Cohort
from evaluation.cohorts.read import read_cohort
from evaluation.errors import CohortError, EvaluationError
from evaluation.gallery import failure_gallery
from evaluation.inference import probabilities_of
from evaluation.judge import Rival, judge_cohort
from evaluation.leakage import find_leaks
from evaluation.report import DataFacts, EvaluationReport
from evaluation.subject import Subject
from evaluation.tally import Floats
from models.data_layout import DataLayout
from models.manifest import StayPreprocessing
from models.runtime import Runtime

#: Every case of the source, whatever its split.
ALL = "all"
#: A report names the files it was made from one by one up to so many; the digest covers them all.
_FILES_NAMED = 10

#: How the note begins that a report says nothing about cases that the model never saw.
NEW_CASES = "what the model is worth on new cases"

#: Called with (cases done now, cases in all).
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model that can be run and judged."""

    #: What it is.
    subject: Subject
    #: What runs it.
    runtime: Runtime
    #: How a labelled data set for it lies on disk; None where nobody said.
    layout: DataLayout | None
    #: Alias or short digest, for people.
    name: str
    #: SHA-256 of the files that it was made from; empty where nobody noted them.
    sources: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A report, and pictures that do not belong into it."""

    #: The numbers.
    report: EvaluationReport
    #: Key of a failure -> PNG of it; pictures of patients.
    gallery: Mapping[str, bytes]


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What is asked of an evaluation."""

    #: ``test``, ``validation``, ``train`` or ``all``.
    split: str = ALL
    #: Another model to compare with on the same cases.
    against: Model | None = None
    #: Whether pictures of the worst errors are made.
    gallery: bool = False


def evaluate(model: Model, source: Path, wishes: Wishes, progress: Progress | None = None) -> Evaluation:
    """Judge *model* on the data at *source*, laid out as its bundle says.

    Raises:
        CohortError: the data are not laid out so, or hold no case of the split.
        EvaluationError: the model does not say how its data lie, or the two models were not given the same cases.
        RuntimeFailedError: the graph failed.
    """
    whole = _read(model, source)
    cohort = in_split(whole, wishes.split)
    said = _said(model, cohort, progress)
    rival = None if wishes.against is None else _rival(wishes.against, source, cohort, wishes.split)
    report = judge_cohort(
        model.subject,
        cohort,
        said,
        data=_facts(cohort, wishes.split),
        rival=rival,
        findings=find_leaks(whole, _feature_names(model.subject)),
    )
    gallery = failure_gallery(model.subject, model.runtime, cohort, report.failures) if wishes.gallery else {}
    return Evaluation(report=_warned(report, model, cohort), gallery=gallery)


def in_split(cohort: Cohort, split: str) -> Cohort:
    """The cases of *cohort* in *split*; all of them for ``all``.

    Raises:
        CohortError: the source has no such split.
    """
    if split == ALL:
        return cohort
    chosen = cohort.splits == split
    if not chosen.any():
        named = ", ".join(sorted(set(cohort.splits[cohort.splits != ""].tolist()))) or "none"
        raise CohortError(f"'{cohort.source}' has no cases of the split '{split}', it names: {named}; give another")
    return replace(
        cohort,
        inputs=cohort.inputs[chosen],
        truths=cohort.truths[chosen],
        patients=cohort.patients[chosen],
        keys=cohort.keys[chosen],
        splits=cohort.splits[chosen],
        groups={name: values[chosen] for name, values in cohort.groups.items()},
        hours=None if cohort.hours is None else cohort.hours[chosen],
    )


def _read(model: Model, source: Path) -> Cohort:
    if model.layout is None:
        raise EvaluationError(
            f"'{model.subject.model}' does not say how its labelled data lie on disk; put `data:` into the bundle's "
            "clinical.yaml, or give a data set that was prepared for it (a folder with dataset.json)"
        )
    labels = [label.key for label in model.subject.labels]
    return read_cohort(source, model.layout, model.subject.preprocessing, labels)


def _said(model: Model, cohort: Cohort, progress: Progress | None = None) -> Floats:
    done = None if progress is None else (lambda cases: progress(cases, len(cohort.keys)))
    return probabilities_of(model.runtime, model.subject.input_name, cohort.inputs, done)


def _rival(other: Model, source: Path, cohort: Cohort, split: str) -> Rival:
    theirs = in_split(_read(other, source), split)
    if not np.array_equal(theirs.keys, cohort.keys):
        raise EvaluationError(
            f"{other.name} reads {len(theirs.keys)} cases from the same data, this release {len(cohort.keys)}; "
            "only releases that take the same cases can be compared"
        )
    said = _said(other, theirs)
    return Rival(name=other.name, digest=other.subject.digest, said=said, threshold=other.subject.labels[0].threshold)


def _facts(cohort: Cohort, split: str) -> DataFacts:
    named = "\n".join(f"{name} {digest}" for name, digest in sorted(cohort.files.items()))
    return DataFacts(
        source=cohort.source,
        sha256=hashlib.sha256(named.encode()).hexdigest(),
        split=split,
        files=dict(cohort.files) if len(cohort.files) <= _FILES_NAMED else {},
    )


def _warned(report: EvaluationReport, model: Model, cohort: Cohort) -> EvaluationReport:
    if not model.sources.isdisjoint(cohort.files.values()):
        reason = "the model was made from these very files, and has learnt from most of them"
    elif np.isin(cohort.splits, ("train", "validation")).any():
        reason = "the data names parts for training, which were judged with the rest"
    else:
        return report
    return replace(report, not_examined=(f"{NEW_CASES}: {reason}", *report.not_examined))


def _feature_names(subject: Subject) -> tuple[str, ...]:
    spec = subject.preprocessing
    return tuple(feature.name for feature in spec.features) if isinstance(spec, StayPreprocessing) else ()
