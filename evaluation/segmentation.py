"""Judge masks: lesions found, false alarms, overlap."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from evaluation.bootstrap import interval
from evaluation.metrics import dice
from evaluation.report import Measured, MetricValue

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


def summarise_masks(judgements: Sequence[MaskJudgement]) -> tuple[MetricValue, ...]:
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
    everything = np.arange(len(judgements))
    return tuple(
        Measured(name=name, value=float(of(everything)), interval=interval(of, patients)).to_value()
        for name, of in statistics.items()
    )


def _any_defined(values: npt.NDArray[np.float64]) -> bool:
    return bool(np.any(~np.isnan(values)))
