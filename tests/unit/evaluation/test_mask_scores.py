from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluation.decision import Candidacy, Gate
from evaluation.errors import EvaluationError
from evaluation.evidence import dump_floors
from evaluation.gate import judge
from evaluation.mask_scores import MaskScores, compare_masks, dump_mask_scores, load_mask_scores, mask_scores
from evaluation.segmentation import MaskJudgement
from models.bundle import Floor
from models.registry import Alias
from models.release import Release
from tests.factories.candidates import APPROVER, make_candidate


def judgement(patient: str, lesions: int, found: int, alarms: int = 0, dice: float = 0.8) -> MaskJudgement:
    return MaskJudgement(
        patient=patient,
        lesions=lesions,
        found=found,
        false_positives=alarms,
        dice=dice if lesions else float("nan"),
        hausdorff_95_mm=1.0,
        surface_distance_mm=1.0,
        diameter_error_mm=1.0,
        volume_error_percent=1.0,
        lesion_scores=(0.9,) * found,
        alarm_scores=(0.9,) * alarms,
    )


def scores(found: int, alarms: int = 0) -> MaskScores:
    """Twenty patients with three lesions each, of which *found* are found."""
    return mask_scores([judgement(f"p{number}", 3, found, alarms) for number in range(20)])


def test_scores_name_no_patient_and_come_back_as_they_were():
    made = mask_scores([judgement("Anna", 2, 1), judgement("Bo", 0, 0, alarms=3), judgement("Anna", 1, 1)])
    kept = dump_mask_scores(made)
    assert b"Anna" not in kept
    read = load_mask_scores(kept)
    assert read.cases_sha256 == made.cases_sha256
    assert read.patients.tolist() == [0, 1, 0]
    assert read.false_positives.tolist() == [0, 3, 0]
    np.testing.assert_array_equal(read.dice, [0.8, np.nan, 0.8])


def test_a_torn_file_is_told_with_the_way_out():
    with pytest.raises(EvaluationError, match="package the run again"):
        load_mask_scores(b"PK torn")


def test_differences_are_paired_by_patient():
    """Both miss the same patients: the difference is the same in every draw."""
    ours = mask_scores([judgement(f"p{number}", 2, 2 if number % 2 else 1) for number in range(20)])
    theirs = replace(ours, found=ours.found - 1, false_positives=ours.false_positives + 1)
    compared = compare_masks(ours, theirs)
    assert compared["lesion_sensitivity"].difference == 0.5
    assert compared["lesion_sensitivity"].lower == compared["lesion_sensitivity"].upper == 0.5
    assert compared["false_positives_per_case"].difference == -1
    assert compared["dice"].difference == 0


def test_other_volumes_are_not_compared():
    with pytest.raises(ValueError, match="different volumes"):
        compare_masks(scores(3), mask_scores([judgement("somebody else", 3, 3)]))


def candidate(store: Path, found: int, version: str = "0.1.0") -> Release:
    files = {
        "evidence/test_scores.npz": None,
        "evidence/test_mask_scores.npz": dump_mask_scores(scores(found)),
        "evidence/floors.json": dump_floors((Floor(metric="lesion_sensitivity", at_least=0.5),)),
    }
    return make_candidate(store, version=version, files=files)


@pytest.mark.parametrize(("found", "met"), [(3, [True]), (2, [True]), (1, [False])])
def test_a_release_that_misses_more_lesions_does_not_replace_the_champion(tmp_path: Path, found: int, met: list[bool]):
    champion, release = candidate(tmp_path, 2), candidate(tmp_path, found, version="0.2.0")
    decision = judge(
        Candidacy(release=release, alias=Alias.CHAMPION, approver=APPROVER, holder=champion, comparison=None)
    )
    assert [gate.met for gate in decision.gates if gate.gate is Gate.NON_INFERIOR] == met
