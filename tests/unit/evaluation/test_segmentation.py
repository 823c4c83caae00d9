import numpy as np

from evaluation.segmentation import judge_mask, summarise_masks


def boxes(*places: tuple[int, int]) -> np.ndarray:
    mask = np.zeros((4, 20, 20), dtype=bool)
    for row, column in places:
        mask[1:3, row : row + 3, column : column + 3] = True
    return mask


def test_a_lesion_that_a_component_touches_is_found_and_the_others_are_counted():
    judged = judge_mask("p", boxes((2, 2), (12, 12)), [boxes((3, 3)), boxes((2, 15))])
    assert (judged.lesions, judged.found, judged.false_positives) == (2, 1, 1)


def test_a_volume_without_lesions_and_without_components_says_nothing_of_overlap():
    judged = judge_mask("p", boxes(), [])
    assert (judged.lesions, judged.false_positives) == (0, 0)
    assert np.isnan(judged.dice)


def test_the_summary_counts_lesions_not_cases():
    judged = [
        judge_mask("p1", boxes((2, 2), (12, 12), (2, 12)), [boxes((2, 2), (12, 12), (2, 12))]),
        judge_mask("p2", boxes((2, 2)), []),
    ]
    values = {name: metric.value for name, metric in summarise_masks(judged).items()}
    assert values == {"lesion_sensitivity": 0.75, "false_positives_per_case": 0.0, "dice": 0.5}
