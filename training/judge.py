"""Judge a graph on the test split, by what serving would say: same graph, same windows, same postprocessing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from evaluation.classification import judge_probabilities
from evaluation.report import EvaluationReport, MetricValue
from evaluation.segmentation import judge_mask, summarise_masks
from models.bundle import Bundle
from models.manifest import Task, VolumePreprocessing
from models.onnx_runtime import OnnxRuntime
from models.postprocess import components_of
from models.sliding_window import SlidingWindowRuntime, Windows
from training.datasets import Case, Dataset, Split
from training.errors import DataError
from training.pictures import roc_picture

#: Images or rows in one run of the graph.
_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A report and its picture."""

    #: The numbers.
    report: EvaluationReport
    #: ROC and calibration; None for masks.
    picture: Figure | None


def judge_graph(graph: Path, bundle: Bundle, data: Dataset, temperature: float) -> Judgement:
    """Judge *graph* on the test split of *data*.

    Raises:
        DataError: the test split is empty.
    """
    cases = tuple(data.cases(Split.TEST))
    if not cases:
        raise DataError(f"'{data.path}' has no test cases; prepare data with all three splits")
    if bundle.clinical.task is Task.VOLUME_SEGMENTATION:
        metrics, picture = _judge_volumes(graph, bundle, cases), None
    else:
        metrics, picture = _judge_scores(graph, bundle, cases)
    report = EvaluationReport(
        model=bundle.name,
        version=bundle.version,
        split=Split.TEST.value,
        data_sha256=data.sha256,
        cases=len(cases),
        patients=len({case.patient for case in cases}),
        positives=sum(bool(np.any(case.label > 0)) for case in cases),
        threshold=bundle.clinical.labels[0].threshold,
        temperature=temperature,
        metrics=metrics,
    )
    return Judgement(report=report, picture=picture)


def _judge_scores(graph: Path, bundle: Bundle, cases: Sequence[Case]) -> tuple[tuple[MetricValue, ...], Figure | None]:
    runtime, name = OnnxRuntime(graph), bundle.clinical.inputs[0].name
    batches = [cases[start : start + _BATCH] for start in range(0, len(cases), _BATCH)]
    answers = [runtime.infer({name: np.stack([case.input for case in batch]).astype(np.float32)}) for batch in batches]
    probabilities = np.concatenate([answer["probability"] for answer in answers])[:, 0].astype(np.float64)
    truths = np.array([bool(np.any(case.label[0] > 0)) for case in cases]).astype(int)
    patients = np.array([case.patient for case in cases])
    metrics = judge_probabilities(truths, probabilities, patients, bundle.clinical.labels[0].threshold)
    return metrics, roc_picture(truths, probabilities, bundle.name) if 0 < truths.sum() < len(truths) else None


def _judge_volumes(graph: Path, bundle: Bundle, cases: Sequence[Case]) -> tuple[MetricValue, ...]:
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
    return summarise_masks(judgements)
