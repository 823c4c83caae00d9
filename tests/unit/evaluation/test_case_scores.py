"""Test scores are kept without anybody's name, and only the same cases are compared."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation.case_scores import case_scores, dump_scores, load_scores
from evaluation.errors import EvaluationError
from evaluation.tally import Scored


def scored(*patients: str) -> Scored:
    count = len(patients)
    return Scored(
        truths=(np.arange(count) % 2).astype(np.int8),
        probabilities=np.linspace(0, 1, count),
        patients=np.array(patients),
        threshold=0.5,
    )


def test_patients_become_numbers_in_order_of_appearance():
    assert case_scores(scored("zoe", "adam", "zoe", "eve")).scored.patients.tolist() == ["0", "1", "0", "2"]


def test_no_name_is_written():
    assert b"zoe" not in dump_scores(case_scores(scored("zoe", "adam")))


def test_scores_survive_and_the_same_are_the_same_bytes():
    made = case_scores(scored("zoe", "adam", "eve"))
    back = load_scores(dump_scores(made))
    assert back.cases_sha256 == made.cases_sha256
    assert back.scored.threshold == 0.5
    np.testing.assert_array_equal(back.scored.truths, made.scored.truths)
    np.testing.assert_array_equal(back.scored.patients, made.scored.patients)
    np.testing.assert_allclose(back.scored.probabilities, made.scored.probabilities, atol=1e-7)
    assert dump_scores(made) == dump_scores(back)


def test_cases_are_the_same_by_patient_truth_and_order_whatever_was_said_of_them():
    one = scored("zoe", "adam", "eve")
    digest = case_scores(one).cases_sha256
    assert case_scores(replace(one, probabilities=one.probabilities[::-1])).cases_sha256 == digest
    assert case_scores(replace(one, truths=1 - one.truths)).cases_sha256 != digest
    assert case_scores(scored("adam", "zoe", "eve")).cases_sha256 != digest


@pytest.mark.parametrize("data", [b"", b"no zip", b"PK\x03\x04"])
def test_what_is_no_scores_is_refused(data: bytes):
    with pytest.raises(EvaluationError, match="package the run again"):
        load_scores(data)
