"""What a release said of each test case, kept in its evidence so that a later one can be compared with it case by case.

Patients are numbers in the order of first appearance; which cases these are is told by a digest alone.
"""

import hashlib
import io
from dataclasses import dataclass, replace
from zipfile import BadZipFile

import numpy as np

from evaluation.errors import EvaluationError
from evaluation.tally import Scored


@dataclass(frozen=True, kw_only=True)
class CaseScores:
    """The scores of one label on the test split."""

    #: What was said, truths and patients.
    scored: Scored
    #: SHA-256 of patients and truths in their order: equal for the same cases.
    cases_sha256: str


def case_scores(scored: Scored) -> CaseScores:
    """The scores of *scored*, whose patients bear pseudonyms."""
    named = "\n".join(f"{patient} {truth}" for patient, truth in zip(scored.patients, scored.truths, strict=True))
    _, first, numbers = np.unique(scored.patients, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first))[numbers]
    return CaseScores(
        scored=replace(scored, patients=order.astype(str)), cases_sha256=hashlib.sha256(named.encode()).hexdigest()
    )


def dump_scores(scores: CaseScores) -> bytes:
    """An npz file of *scores*; the same scores are the same bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        truths=scores.scored.truths.astype(np.int8),
        probabilities=scores.scored.probabilities.astype(np.float32),
        patients=scores.scored.patients.astype(np.int32),
        threshold=np.array(scores.scored.threshold),
        cases_sha256=np.array(scores.cases_sha256),
    )
    return buffer.getvalue()


def load_scores(data: bytes) -> CaseScores:
    """The scores in the npz file *data*.

    Raises:
        EvaluationError: it is no such file.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            scored = Scored(
                truths=arrays["truths"],
                probabilities=arrays["probabilities"].astype(np.float64),
                patients=arrays["patients"].astype(str),
                threshold=float(arrays["threshold"]),
            )
            return CaseScores(scored=scored, cases_sha256=str(arrays["cases_sha256"]))
    except (EOFError, KeyError, ValueError, BadZipFile) as error:
        raise EvaluationError(f"the test scores cannot be read ({error}); package the run again") from error
