"""Judge a graph on the test split, by what serving would say: same graph, same windows, same postprocessing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evaluation.classification import judge_label, worst_errors
from evaluation.curves import curves_of
from evaluation.report import Curves, DataFacts, EvaluationReport, LabelReport
from evaluation.segmentation import judge_mask, summarise_masks
from evaluation.tally import Scored
from models.bundle import Bundle
from models.manifest import Task, VolumePreprocessing
from models.onnx_runtime import OnnxRuntime
from models.postprocess import components_of
from models.sliding_window import SlidingWindowRuntime, Windows
from training.datasets import Case, Dataset, Split
from training.errors import DataError

#: Images or rows in one run of the graph.
_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A report of what a graph is worth."""

    #: The numbers.
    report: EvaluationReport
    #: What the graph said of each test case, for the first label; None for masks.
    scored: Scored | None


def judge_graph(graph: Path, bundle: Bundle, data: Dataset) -> Judgement:
    """Judge *graph* on the test split of *data*.

    Raises:
        DataError: the test split is empty.
    """
    cases = tuple(data.cases(Split.TEST))
    if not cases:
        raise DataError(f"'{data.path}' has no test cases; prepare data with all three splits")
    if bundle.clinical.task is Task.VOLUME_SEGMENTATION:
        first, failures, curves = _judge_volumes(graph, bundle, cases), (), Curves()
        labels: dict[str, LabelReport] = {}
        scored: list[Scored] = []
    else:
        scored = _scored(graph, bundle, cases)
        curves = curves_of(scored[0])
        first, *others = (judge_label(one) for one in scored)
        labels = {label.key: one for label, one in zip(bundle.clinical.labels[1:], others, strict=True)}
        failures = worst_errors(scored[0], np.array([f"test {n}" for n in range(len(scored[0].truths))]))
    return Judgement(
        report=EvaluationReport(
            model=bundle.name,
            version=bundle.version,
            digest="",
            data=DataFacts(source=data.manifest.source, sha256=data.sha256, split=Split.TEST.value, files={}),
            label=bundle.clinical.labels[0].key,
            cases=first.cases,
            patients=first.patients,
            positives=first.positives,
            prevalence=first.prevalence,
            threshold=first.threshold,
            metrics=first.metrics,
            labels=labels,
            curves=curves,
            subgroups=(),
            gaps=(),
            failures=failures,
            alerts=(),
            comparison=None,
            findings=(),
            not_examined=(),
        ),
        scored=scored[0] if scored else None,
    )


def _scored(graph: Path, bundle: Bundle, cases: Sequence[Case]) -> list[Scored]:
    runtime, name = OnnxRuntime(graph), bundle.clinical.inputs[0].name
    batches = [cases[start : start + _BATCH] for start in range(0, len(cases), _BATCH)]
    answers = [runtime.infer({name: np.stack([case.input for case in batch]).astype(np.float32)}) for batch in batches]
    said = np.concatenate([answer["probability"] for answer in answers]).astype(np.float64)
    truths = np.stack([_truth(case) for case in cases])
    patients = np.array([case.patient for case in cases])
    return [
        _known(truths[:, n], said[:, n], patients, label.threshold) for n, label in enumerate(bundle.clinical.labels)
    ]


def _truth(case: Case) -> npt.NDArray[np.float32]:
    """(label,): 1, 0 or NaN; a picture's dense truth is true where any pixel is."""
    label = case.label.astype(np.float32)
    return label if label.ndim == 1 else label.reshape(len(label), -1).max(axis=1)


def _known(
    truths: npt.NDArray[np.float32],
    said: npt.NDArray[np.float64],
    patients: npt.NDArray[np.str_],
    threshold: float,
) -> Scored:
    known = ~np.isnan(truths)
    return Scored(
        truths=(truths[known] > 0).astype(np.int8),
        probabilities=said[known],
        patients=patients[known],
        threshold=threshold,
    )


def _judge_volumes(graph: Path, bundle: Bundle, cases: Sequence[Case]) -> LabelReport:
    spec, label = bundle.clinical.preprocessing, bundle.clinical.labels[0]
    assert isinstance(spec, VolumePreprocessing)  # noqa: S101  # the task says so; for the type checker
    runtime = SlidingWindowRuntime(
        OnnxRuntime(graph, threads=2),
        windows=Windows(roi=spec.roi, overlap=spec.overlap),
        labels=len(bundle.clinical.labels),
        tensors=("image", "probability"),
    )
    judgements = []
    for case in cases:
        answer: npt.NDArray[np.float32] = runtime.infer({"image": case.input[None].astype(np.float32)})["probability"]  # type: ignore[assignment]
        pieces = components_of(answer[0, 0], label.threshold, spec.spacing_mm, label.minimum_volume_mm3)
        judgements.append(judge_mask(case.patient, case.label[0] > 0, [piece.mask for piece in pieces]))
    positives = sum(bool(np.any(case.label[0] > 0)) for case in cases)
    return LabelReport(
        cases=len(cases),
        patients=len({case.patient for case in cases}),
        positives=positives,
        prevalence=positives / len(cases),
        threshold=label.threshold,
        metrics=summarise_masks(judgements),
    )
