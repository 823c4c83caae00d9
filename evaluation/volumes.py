"""Run a segmentation model over whole volumes and judge its masks."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.report import Curves, DataFacts, EvaluationReport
from evaluation.segmentation import Candidate, Mask, MaskJudgement, free_response, judge_mask, summarise_masks
from evaluation.subject import Subject
from models.manifest import VolumePreprocessing
from models.postprocess import components_of
from models.runtime import Runtime

_NOT_EXAMINED = (
    "subgroups: the data has no columns that divide the patients",
    "readers: nobody drew the lesions a second time",
    "how clinicians act on what is said",
)


@dataclass(frozen=True, kw_only=True)
class VolumeCase:
    """One volume, ready for the graph, and its truth."""

    #: Pseudonym of the patient.
    patient: str
    #: (1, z, y, x), float32.
    image: npt.NDArray[np.float32]
    #: (z, y, x).
    truth: Mask


def judge_each(
    subject: Subject, runtime: Runtime, cases: Iterable[VolumeCase], progress: Callable[[int], None] | None = None
) -> tuple[MaskJudgement, ...]:
    """What *subject*, run by *runtime* on whole volumes, says of each of *cases*, judged."""
    judgements = []
    for case in cases:
        judgements.append(_judge(subject, runtime, case))
        if progress is not None:
            progress(1)
    return tuple(judgements)


def report_volumes(subject: Subject, judgements: Sequence[MaskJudgement], data: DataFacts) -> EvaluationReport:
    """The report on *judgements* of *subject*."""
    positives = sum(one.lesions > 0 for one in judgements)
    return EvaluationReport(
        model=subject.model,
        version=subject.version,
        digest=subject.digest,
        data=data,
        label=subject.labels[0].key,
        cases=len(judgements),
        patients=len({one.patient for one in judgements}),
        positives=positives,
        prevalence=round(positives / max(1, len(judgements)), 5),
        threshold=subject.labels[0].threshold,
        metrics=summarise_masks(judgements),
        labels={},
        curves=Curves(froc=free_response(judgements)),
        subgroups=(),
        gaps=(),
        failures=(),
        alerts=(),
        comparison=None,
        findings=(),
        not_examined=_NOT_EXAMINED,
    )


def _judge(subject: Subject, runtime: Runtime, case: VolumeCase) -> MaskJudgement:
    spec, label = subject.preprocessing, subject.labels[0]
    assert isinstance(spec, VolumePreprocessing)  # noqa: S101  # the task says so; for the type checker
    answer = runtime.infer({subject.input_name: case.image[np.newaxis]})["probability"].astype(np.float32)
    pieces = components_of(answer[0, 0], label.threshold, spec.spacing_mm, label.minimum_volume_mm3)
    said = [Candidate(mask=piece.mask, probability=piece.probability) for piece in pieces]
    return judge_mask(case.patient, case.truth, said, spec.spacing_mm)
