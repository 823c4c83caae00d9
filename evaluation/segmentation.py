"""Judge masks: lesions found, false alarms, overlap, distance of the surfaces, measurements.

FROC: sensitivity at 1/8 to 8 false alarms a case as in LUNA16 (Setio et al., Med Image Anal 2017;42:1).
Surface distances over all surface voxels of both masks, as in Reinke et al., Nat Methods 2024;21:182.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from evaluation.bootstrap import interval
from evaluation.measure import rounded
from evaluation.report import MetricValue
from models.postprocess import components_of

Mask = npt.NDArray[np.bool_]
#: Distance between slices, rows and columns in mm (z, y, x).
Spacing = tuple[float, float, float]

#: False alarms a case at which sensitivity is told.
FROC_POINTS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
_EVERY_NEIGHBOUR = np.ones((3, 3, 3))


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One connected piece that the model says is a lesion."""

    #: bool (z, y, x), the whole grid.
    mask: Mask
    #: Highest probability in it, 0 to 1.
    probability: float


@dataclass(frozen=True, kw_only=True)
class MaskJudgement:
    """One volume, judged; distances and measurements are NaN where there is nothing to measure."""

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
    #: 95th percentile of the distances between the two surfaces, in mm.
    hausdorff_95_mm: float
    #: Mean distance between the two surfaces, in mm.
    surface_distance_mm: float
    #: Mean difference of longest diameter and volume (percent of the truth) over the lesions found, without sign.
    diameter_error_mm: float
    volume_error_percent: float
    #: Highest probability said of each lesion, (lesion,); 0 where nothing is said.
    lesion_scores: tuple[float, ...]
    #: Probability of each false alarm.
    alarm_scores: tuple[float, ...]


def dice(truth: Mask, mask: Mask) -> float:
    """Twice the overlap over the sum of both masks; NaN when both are empty."""
    total = int(truth.sum()) + int(mask.sum())
    return 2 * int((truth & mask).sum()) / total if total else float("nan")


def surface_distances(truth: Mask, mask: Mask, spacing_mm: Spacing) -> npt.NDArray[np.float64]:
    """From every surface voxel of each mask to the nearest of the other, in mm; empty when one mask is."""
    if not truth.any() or not mask.any():
        return np.zeros(0)
    # Lesions fill a small part of a scan: measure in the box around both alone.
    (around,) = ndimage.find_objects((truth | mask).astype(np.uint8))
    one, other = (piece & ~ndimage.binary_erosion(piece) for piece in (truth[around], mask[around]))
    to_one, to_other = (ndimage.distance_transform_edt(~surface, sampling=spacing_mm) for surface in (one, other))
    return np.concatenate([to_other[one], to_one[other]])


def judge_mask(patient: str, truth: Mask, said: Sequence[Candidate], spacing_mm: Spacing) -> MaskJudgement:
    """Judge what is *said* of one volume (z, y, x) against its *truth*."""
    labelled, lesions = ndimage.label(truth, structure=_EVERY_NEIGHBOUR)
    touched = [{int(number) for number in np.unique(labelled[piece.mask]) if number} for piece in said]
    alarms = tuple(piece.probability for piece, hits in zip(said, touched, strict=True) if not hits)
    scores = tuple(
        max((piece.probability for piece, hits in zip(said, touched, strict=True) if lesion in hits), default=0.0)
        for lesion in range(1, lesions + 1)
    )
    together = np.logical_or.reduce([piece.mask for piece in said]) if said else np.zeros_like(truth)
    distances = surface_distances(truth, together, spacing_mm)
    diameter, volume = _measurement_errors(labelled, said, touched, spacing_mm)
    return MaskJudgement(
        patient=patient,
        lesions=lesions,
        found=len(set().union(*touched)),
        false_positives=len(alarms),
        dice=dice(truth, together) if lesions else float("nan"),
        hausdorff_95_mm=float(np.percentile(distances, 95)) if len(distances) else float("nan"),
        surface_distance_mm=float(distances.mean()) if len(distances) else float("nan"),
        diameter_error_mm=diameter,
        volume_error_percent=volume,
        lesion_scores=scores,
        alarm_scores=alarms,
    )


def summarise_masks(judgements: Sequence[MaskJudgement]) -> dict[str, MetricValue]:
    """Sensitivity by lesion, false alarms a case, overlap, distances, measurements, with intervals by patient."""
    lesions = np.array([one.lesions for one in judgements])
    found = np.array([one.found for one in judgements])
    alarms = np.array([one.false_positives for one in judgements], dtype=np.float64)
    statistics: dict[str, Callable[[npt.NDArray[np.intp]], float]] = {
        "lesion_sensitivity": lambda i: float(found[i].sum() / lesions[i].sum()) if lesions[i].sum() else float("nan"),
        "false_positives_per_case": lambda i: float(alarms[i].mean()),
        **{name: _mean_of(judgements, name) for name in _MEANS},
        "froc_score": _froc_score(judgements),
    }
    patients = np.array([one.patient for one in judgements])
    return {name: _measured(of, patients) for name, of in statistics.items()}


def free_response(judgements: Sequence[MaskJudgement]) -> dict[str, tuple[float | None, ...]]:
    """Sensitivity by lesion at `FROC_POINTS` false alarms a case, with intervals by patient."""
    patients = np.array([one.patient for one in judgements])
    values = [_measured(_sensitivity_at(judgements, rate), patients) for rate in FROC_POINTS]
    return {
        "false_positives_per_case": FROC_POINTS,
        "sensitivity": tuple(one.value for one in values),
        "lower": tuple(one.lower for one in values),
        "upper": tuple(one.upper for one in values),
    }


#: Numbers of a case whose mean over the cases where they are defined is told.
_MEANS = ("dice", "hausdorff_95_mm", "surface_distance_mm", "diameter_error_mm", "volume_error_percent")


def _mean_of(judgements: Sequence[MaskJudgement], name: str) -> Callable[[npt.NDArray[np.intp]], float]:
    values = np.array([getattr(one, name) for one in judgements], dtype=np.float64)

    def mean(cases: npt.NDArray[np.intp]) -> float:
        defined = values[cases][~np.isnan(values[cases])]
        return float(defined.mean()) if len(defined) else float("nan")

    return mean


def _froc_score(judgements: Sequence[MaskJudgement]) -> Callable[[npt.NDArray[np.intp]], float]:
    """The mean sensitivity over `FROC_POINTS`."""
    points = [_sensitivity_at(judgements, rate) for rate in FROC_POINTS]
    return lambda cases: float(np.mean([sensitivity(cases) for sensitivity in points]))


def _sensitivity_at(judgements: Sequence[MaskJudgement], rate: float) -> Callable[[npt.NDArray[np.intp]], float]:
    """Share of the lesions said with a probability that lets at most *rate* false alarms a case pass."""

    def sensitivity(cases: npt.NDArray[np.intp]) -> float:
        scores = np.array([score for i in cases for score in judgements[i].lesion_scores])
        alarms = np.sort([score for i in cases for score in judgements[i].alarm_scores])[::-1]
        allowed = int(rate * len(cases))
        least = alarms[allowed] if allowed < len(alarms) else 0.0
        return float((scores > least).mean()) if len(scores) else float("nan")

    return sensitivity


def _measured(of: Callable[[npt.NDArray[np.intp]], float], patients: npt.NDArray[np.str_]) -> MetricValue:
    value = rounded(of(np.arange(len(patients))))
    lower, upper = (rounded(end) for end in interval(of, patients))
    return MetricValue(value=value, lower=lower, upper=upper, reason="" if value is not None else "no lesion to judge")


def _measurement_errors(
    labelled: npt.NDArray[np.integer], said: Sequence[Candidate], touched: Sequence[set[int]], spacing_mm: Spacing
) -> tuple[float, float]:
    """Mean error of diameter (mm) and volume (percent) where one piece lies on one lesion alone."""
    errors = []
    for piece, hits in zip(said, touched, strict=True):
        if len(hits) != 1:
            continue
        true, measured = (
            components_of(mask.astype(np.float32), 0.5, spacing_mm, 0.0)[0]
            for mask in (labelled == next(iter(hits)), piece.mask)
        )
        volume = abs(measured.volume_mm3 - true.volume_mm3) / true.volume_mm3 * 100
        errors.append((abs(measured.diameter_mm - true.diameter_mm), volume))
    if not errors:
        return float("nan"), float("nan")
    diameter, volume = np.mean(errors, axis=0)
    return float(diameter), float(volume)
