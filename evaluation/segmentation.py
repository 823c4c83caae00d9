"""Judge masks: lesions found, false alarms, overlap."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from evaluation.bootstrap import interval
from evaluation.measure import rounded
from evaluation.report import MetricValue

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class MaskJudgement:
    """One volume, judged."""

    #: Pseudonym of the patient.
    patient: str
    #: Lesions in the truth.
    lesions: int
    #: How many of them a said component touches.
    found: int
    #: Said components that touch no lesion.
    false_positives: int
    #: Overlap of all said with all true voxels; NaN without lesions, where false alarms are what counts.
    dice: float


def dice(truth: Mask, mask: Mask) -> float:
    """Twice the overlap over the sum of both masks; NaN when both are empty."""
    total = int(truth.sum()) + int(mask.sum())
    return 2 * int((truth & mask).sum()) / total if total else float("nan")


def judge_mask(patient: str, truth: Mask, components: Sequence[Mask]) -> MaskJudgement:
    """Judge the said *components* (z, y, x) of one volume against its *truth*."""
    labelled, lesions = ndimage.label(truth, structure=np.ones((3, 3, 3)))
    said = np.zeros(truth.shape, dtype=np.bool_)
    touched: set[int] = set()
    false_positives = 0
    for component in components:
        said |= component
        hits = {int(number) for number in np.unique(labelled[component]) if number}
        touched |= hits
        false_positives += not hits
    overlap = dice(truth, said) if lesions else float("nan")
    return MaskJudgement(
        patient=patient, lesions=lesions, found=len(touched), false_positives=false_positives, dice=overlap
    )


def summarise_masks(judgements: Sequence[MaskJudgement]) -> dict[str, MetricValue]:
    """Sensitivity by lesion, false alarms per case and mean overlap, with intervals by patient."""
    lesions = np.array([one.lesions for one in judgements])
    found = np.array([one.found for one in judgements])
    false_positives = np.array([one.false_positives for one in judgements], dtype=float)
    overlaps = np.array([one.dice for one in judgements])
    patients = np.array([one.patient for one in judgements])
    statistics: dict[str, Callable[[npt.NDArray[np.intp]], float]] = {
        "lesion_sensitivity": lambda i: float(found[i].sum() / lesions[i].sum()) if lesions[i].sum() else float("nan"),
        "false_positives_per_case": lambda i: float(false_positives[i].mean()),
        "dice": lambda i: (
            float(np.mean(overlaps[i][~np.isnan(overlaps[i])])) if _any_defined(overlaps[i]) else float("nan")
        ),
    }
    return {name: _measured(of, patients) for name, of in statistics.items()}


def _measured(of: Callable[[npt.NDArray[np.intp]], float], patients: npt.NDArray[np.str_]) -> MetricValue:
    value = rounded(of(np.arange(len(patients))))
    lower, upper = (rounded(end) for end in interval(of, patients))
    return MetricValue(value=value, lower=lower, upper=upper, reason="" if value is not None else "no lesion to judge")


def _any_defined(values: npt.NDArray[np.float64]) -> bool:
    return bool(np.any(~np.isnan(values)))
