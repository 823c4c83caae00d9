"""What a release that draws masks did on each test volume, kept so that a later one can be compared case by case.

Patients are numbers in the order of first appearance; which cases these are is told by a digest alone.
"""

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from evaluation.bootstrap import interval
from evaluation.comparison import Comparison
from evaluation.errors import EvaluationError
from evaluation.measure import rounded
from evaluation.segmentation import MaskJudgement

Floats = npt.NDArray[np.float64]
#: A number of some cases, given by their indices.
_Number = Callable[["MaskScores", npt.NDArray[np.intp]], float]


@dataclass(frozen=True, kw_only=True)
class MaskScores:
    """One value a test volume, (case,)."""

    #: Number of the patient.
    patients: npt.NDArray[np.int32]
    #: Lesions in the truth, and how many of them were found.
    lesions: npt.NDArray[np.int32]
    found: npt.NDArray[np.int32]
    #: Findings that touch no lesion.
    false_positives: npt.NDArray[np.int32]
    #: Overlap; NaN without lesions.
    dice: Floats
    #: SHA-256 of patients and lesions in their order: equal for the same cases.
    cases_sha256: str


def mask_scores(judgements: Sequence[MaskJudgement]) -> MaskScores:
    """The scores of *judgements*, whose patients bear pseudonyms."""
    named = "\n".join(f"{one.patient} {one.lesions}" for one in judgements)
    numbers = {patient: number for number, patient in enumerate(dict.fromkeys(one.patient for one in judgements))}
    return MaskScores(
        patients=np.array([numbers[one.patient] for one in judgements], dtype=np.int32),
        lesions=np.array([one.lesions for one in judgements], dtype=np.int32),
        found=np.array([one.found for one in judgements], dtype=np.int32),
        false_positives=np.array([one.false_positives for one in judgements], dtype=np.int32),
        dice=np.array([one.dice for one in judgements], dtype=np.float64),
        cases_sha256=hashlib.sha256(named.encode()).hexdigest(),
    )


def dump_mask_scores(scores: MaskScores) -> bytes:
    """An npz file of *scores*; the same scores are the same bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: np.asarray(getattr(scores, name)) for name in _FIELDS})  # type: ignore[arg-type]  # the stub takes every keyword for allow_pickle
    return buffer.getvalue()


def load_mask_scores(data: bytes) -> MaskScores:
    """The scores in the npz file *data*.

    Raises:
        EvaluationError: it is no such file.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            values = {name: arrays[name] for name in _FIELDS}
    except (EOFError, KeyError, ValueError, BadZipFile) as error:
        raise EvaluationError(f"the scores of the masks cannot be read ({error}); package the run again") from error
    return MaskScores(**{**values, "cases_sha256": str(values["cases_sha256"])})


def compare_masks(this: MaskScores, other: MaskScores) -> dict[str, Comparison]:
    """Each number on *this* minus on *other*, the same volumes in the same order, with intervals by patient (paired).

    Raises:
        ValueError: they are not the same volumes.
    """
    if this.cases_sha256 != other.cases_sha256:
        raise ValueError("the two releases were judged on different volumes; judge both on the same data")
    return {name: _difference(name, of, this, other) for name, of in _NUMBERS.items()}


def _difference(name: str, of: _Number, this: MaskScores, other: MaskScores) -> Comparison:
    def difference(cases: npt.NDArray[np.intp]) -> float:
        return of(this, cases) - of(other, cases)

    lower, upper = interval(difference, this.patients.astype(np.str_))
    value = difference(np.arange(len(this.patients)))
    return Comparison(metric=name, difference=rounded(value), lower=rounded(lower), upper=rounded(upper))


def _sensitivity(scores: MaskScores, cases: npt.NDArray[np.intp]) -> float:
    lesions = scores.lesions[cases].sum()
    return float(scores.found[cases].sum() / lesions) if lesions else float("nan")


def _alarms(scores: MaskScores, cases: npt.NDArray[np.intp]) -> float:
    return float(scores.false_positives[cases].mean())


def _dice(scores: MaskScores, cases: npt.NDArray[np.intp]) -> float:
    defined = scores.dice[cases][~np.isnan(scores.dice[cases])]
    return float(defined.mean()) if len(defined) else float("nan")


_FIELDS = ("patients", "lesions", "found", "false_positives", "dice", "cases_sha256")
_NUMBERS: Mapping[str, _Number] = {
    "lesion_sensitivity": _sensitivity,
    "false_positives_per_case": _alarms,
    "dice": _dice,
}
