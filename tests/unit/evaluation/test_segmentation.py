import numpy as np
import pytest

from evaluation.segmentation import Candidate, free_response, judge_mask, summarise_masks, surface_distances

SPACING = (2.0, 1.0, 1.0)


def boxes(*places: tuple[int, int]) -> np.ndarray:
    mask = np.zeros((4, 20, 20), dtype=bool)
    for row, column in places:
        mask[1:3, row : row + 3, column : column + 3] = True
    return mask


def said(*places: tuple[int, int], probability: float = 0.9) -> list[Candidate]:
    return [Candidate(mask=boxes(place), probability=probability) for place in places]


def test_a_lesion_that_a_component_touches_is_found_and_the_others_are_counted():
    judged = judge_mask("p", boxes((2, 2), (12, 12)), said((3, 3), (2, 15)), SPACING)
    assert (judged.lesions, judged.found, judged.false_positives) == (2, 1, 1)
    assert judged.lesion_scores == (0.9, 0)


def test_a_volume_without_lesions_and_without_components_says_nothing_of_overlap():
    judged = judge_mask("p", boxes(), [], SPACING)
    assert (judged.lesions, judged.false_positives) == (0, 0)
    assert np.isnan([judged.dice, judged.hausdorff_95_mm, judged.diameter_error_mm]).all()


def test_a_mask_on_its_truth_has_no_distance_and_no_error_of_measurement():
    judged = judge_mask("p", boxes((2, 2)), said((2, 2)), SPACING)
    assert (judged.dice, judged.hausdorff_95_mm, judged.surface_distance_mm) == (1, 0, 0)
    assert (judged.diameter_error_mm, judged.volume_error_percent) == (0, 0)


def test_a_mask_moved_by_two_voxels_is_that_far_away_in_millimetres():
    one = np.zeros((3, 9, 9), dtype=bool)
    other = one.copy()
    one[1, 3, 3], other[1, 3, 5], other[2, 3, 3] = True, True, True
    assert surface_distances(one, other, (5.0, 1.0, 0.5)).tolist() == [1.0, 1.0, 5.0]


def test_a_component_twice_as_large_has_a_hundred_percent_too_much_volume():
    large = boxes((2, 2))
    large[1:3, 2:5, 5:8] = True
    judged = judge_mask("p", boxes((2, 2)), [Candidate(mask=large, probability=0.9)], SPACING)
    assert judged.volume_error_percent == pytest.approx(100)


def test_the_summary_counts_lesions_not_cases():
    judged = [
        judge_mask("p1", boxes((2, 2), (12, 12), (2, 12)), said((2, 2), (12, 12), (2, 12)), SPACING),
        judge_mask("p2", boxes((2, 2)), [], SPACING),
    ]
    values = {name: metric.value for name, metric in summarise_masks(judged).items()}
    assert (values["lesion_sensitivity"], values["false_positives_per_case"], values["dice"]) == (0.75, 0.0, 0.5)
    assert values["froc_score"] == 0.75


def test_sensitivity_rises_with_the_false_alarms_that_are_allowed():
    """Two cases: a lesion at 0.9 and one at 0.4, false alarms at 0.6 and 0.5: the second lesion needs one a case."""
    judged = [
        judge_mask("p1", boxes((2, 2)), said((2, 2)) + said((12, 12), probability=0.6), SPACING),
        judge_mask("p2", boxes((2, 2)), said((2, 2), probability=0.4) + said((12, 12), probability=0.5), SPACING),
    ]
    curve = free_response(judged)
    found = dict(zip(curve["false_positives_per_case"], curve["sensitivity"], strict=True))
    assert found == {0.125: 0.5, 0.25: 0.5, 0.5: 0.5, 1: 1, 2: 1, 4: 1, 8: 1}
