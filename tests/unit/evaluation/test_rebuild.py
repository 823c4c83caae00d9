from pathlib import Path

import numpy as np
import pytest

from evaluation.case_scores import case_scores, dump_scores
from evaluation.errors import EvaluationError
from evaluation.rebuild import compare_rebuild
from evaluation.report import dump_report
from evaluation.tally import Scored
from models.release import Release
from tests.factories.candidates import a_report, make_candidate, value


def made(directory: Path, auroc: float, said: float, patient: str = "a") -> Release:
    scored = Scored(
        truths=np.array([1, 0], np.int8),
        probabilities=np.array([0.9, said]),
        patients=np.array([patient, "b"]),
        threshold=0.5,
    )
    report = a_report({"auroc": value(auroc - 0.05, auroc, auroc + 0.05)})
    files = {
        "evidence/evaluation.json": dump_report(report),
        "evidence/test_scores.npz": dump_scores(case_scores(scored)),
    }
    return make_candidate(directory, files=files)


def test_a_release_made_again_within_the_tolerance_is_reproduced(tmp_path: Path):
    compared = compare_rebuild(made(tmp_path / "first", 0.9, 0.10), made(tmp_path / "again", 0.909, 0.14))
    assert compared.reproduced
    assert compared.furthest_case == pytest.approx(0.04)
    assert {"auroc", "calibration_slope"} <= {number.metric for number in compared.numbers}


def test_one_number_outside_its_tolerance_is_enough_to_say_no(tmp_path: Path):
    compared = compare_rebuild(made(tmp_path / "first", 0.9, 0.1), made(tmp_path / "again", 0.889, 0.1))
    assert not compared.reproduced
    assert [number.metric for number in compared.numbers if not number.within] == ["auroc"]


def test_a_rebuild_from_other_data_is_not_compared(tmp_path: Path):
    first, again = made(tmp_path / "first", 0.9, 0.1), made(tmp_path / "again", 0.9, 0.1, patient="c")
    with pytest.raises(EvaluationError, match="judged on other test cases"):
        compare_rebuild(first, again)
