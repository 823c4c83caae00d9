"""Judge a graph on the test split, by what serving would say: same graph, same windows, same postprocessing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evaluation.cohorts.cohort import Cohort
from evaluation.inference import probabilities_of
from evaluation.judge import judge_cohort, scored_label
from evaluation.leakage import find_leaks
from evaluation.mask_scores import MaskScores, mask_scores
from evaluation.report import DataFacts, EvaluationReport
from evaluation.subject import Subject, subject_of_bundle
from evaluation.tally import Scored
from evaluation.volumes import VolumeCase, judge_each, report_volumes
from models.bundle import Bundle
from models.manifest import StayPreprocessing, VolumePreprocessing
from models.onnx_runtime import OnnxRuntime
from models.runtime import Runtime
from models.sliding_window import SlidingWindowRuntime, Windows
from training.datasets import Batch, Dataset, Split
from training.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What a graph is worth."""

    #: The numbers.
    report: EvaluationReport
    #: What the graph said of each test case, for the first label; None for masks.
    scored: Scored | None = None
    #: What its masks were worth on each test volume; None where it draws none.
    masks: MaskScores | None = None


def judge_graph(graph: Path, bundle: Bundle, data: Dataset) -> Judgement:
    """Judge *graph* on the test split of *data*.

    Raises:
        DataError: the test split is empty.
    """
    return judge_dataset(subject_of_bundle(bundle), runtime_of(graph, bundle), data)


def runtime_of(graph: Path, bundle: Bundle) -> Runtime:
    """What runs *graph*, made by *bundle*: on whole volumes where it segments."""
    spec, runtime = bundle.clinical.preprocessing, OnnxRuntime(graph, threads=0)
    if not isinstance(spec, VolumePreprocessing):
        return runtime
    windows, names = Windows(roi=spec.roi, overlap=spec.overlap), (bundle.clinical.inputs[0].name, "probability")
    return SlidingWindowRuntime(runtime, windows=windows, labels=len(bundle.clinical.labels), tensors=names)


def judge_dataset(
    subject: Subject, runtime: Runtime, data: Dataset, progress: Callable[[int], None] | None = None
) -> Judgement:
    """Judge *subject*, run by *runtime* (whole volumes where it segments), on the test split of *data*.

    Raises:
        DataError: the test split is empty.
    """
    if not data.count(Split.TEST):
        raise DataError(f"'{data.path}' has no test cases; prepare data with all three splits")
    facts = DataFacts(source=data.manifest.source, sha256=data.sha256, split=Split.TEST.value, files={})
    if isinstance(subject.preprocessing, VolumePreprocessing):
        judgements = judge_each(subject, runtime, _volumes(data), progress)
        return Judgement(report=report_volumes(subject, judgements, facts), masks=mask_scores(judgements))
    # Leaks lie between the parts: they are looked for in all of them, whatever is judged.
    findings = find_leaks(cohort_of(data, *Split), _feature_names(subject))
    cohort = cohort_of(data, Split.TEST)
    said = probabilities_of(runtime, subject.input_name, cohort.inputs, progress)
    report = judge_cohort(subject, cohort, said, data=facts, findings=findings)
    return Judgement(report=report, scored=scored_label(cohort, said, subject, 0))


def cohort_of(data: Dataset, *splits: Split) -> Cohort:
    """The *splits* of *data* as a cohort; a dense truth (label, y, x) is true where any pixel is."""
    parts = [(split, batch) for split in splits for batch in data.batches(split)]
    batches = [batch for _, batch in parts]
    patients = np.concatenate([batch.patients for batch in batches]).astype(np.str_)
    hours = [batch.hours for batch in batches if batch.hours is not None]
    names = sorted({name for batch in batches for name in batch.groups})
    return Cohort(
        source=data.manifest.source,
        inputs=np.concatenate([batch.inputs for batch in batches]),
        truths=np.concatenate([_truths(batch) for batch in batches]),
        patients=patients,
        keys=np.array([f"case {number}" for number in range(len(patients))]),
        splits=np.concatenate([np.full(len(batch.patients), split.value) for split, batch in parts]),
        groups={name: np.concatenate([_group(batch, name) for batch in batches]) for name in names},
        hours=np.concatenate(hours) if len(hours) == len(batches) else None,
        files={},
    )


def _truths(batch: Batch) -> npt.NDArray[np.float32]:
    labels = batch.labels.astype(np.float32)
    return labels if labels.ndim == 2 else labels.reshape(*labels.shape[:2], -1).max(axis=2)


def _group(batch: Batch, name: str) -> npt.NDArray[np.str_]:
    return batch.groups.get(name, np.full(len(batch.patients), ""))


def _feature_names(subject: Subject) -> tuple[str, ...]:
    spec = subject.preprocessing
    return tuple(feature.name for feature in spec.features) if isinstance(spec, StayPreprocessing) else ()


def _volumes(data: Dataset) -> Iterator[VolumeCase]:
    for case in data.cases(Split.TEST):
        yield VolumeCase(patient=case.patient, image=case.input.astype(np.float32), truth=case.label[0] > 0)
