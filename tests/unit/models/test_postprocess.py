import numpy as np
import pytest

from models.postprocess import MAXIMUM_COMPONENTS, components_of, region_of
from models.preprocess import Placement


def test_a_known_place_comes_back_as_a_box_on_the_source_grid():
    activation = np.zeros((16, 16), dtype=np.float32)
    activation[4:6, 10:13] = 2
    placement = Placement(extent=(1600, 1600), offset=(0, 200))
    polygon = region_of(activation, placement, (1600, 1200))
    assert polygon[0] == polygon[-1]
    columns, rows = zip(*polygon, strict=True)
    # Cells are 100 pixels; half of the maximum lies at the cells' edges.
    assert (min(rows), max(rows)) == pytest.approx((400, 600), abs=15)
    assert (min(columns), max(columns)) == pytest.approx((800, 1100), abs=15)


def test_only_the_strongest_place_is_boxed():
    activation = np.zeros((16, 16), dtype=np.float32)
    activation[2, 2], activation[12, 12] = 1.0, 3.0
    polygon = region_of(activation, Placement(extent=(160, 160), offset=(0, 0)), (160, 160))
    assert min(row for _, row in polygon) > 100


def test_a_silent_map_has_no_place():
    assert region_of(np.zeros((8, 8), dtype=np.float32), Placement(extent=(80, 80), offset=(0, 0)), (80, 80)) is None


def test_a_place_in_the_padding_is_no_place():
    activation = np.zeros((8, 8), dtype=np.float32)
    activation[4, 0] = 1
    assert region_of(activation, Placement(extent=(80, 80), offset=(0, 30)), (80, 20)) is None


def test_a_box_never_leaves_the_image():
    activation = np.ones((8, 8), dtype=np.float32)
    polygon = region_of(activation, Placement(extent=(80, 80), offset=(0, 20)), (80, 40))
    assert polygon == ((0, 0), (40, 0), (40, 80), (0, 80), (0, 0))


def ball(
    shape: tuple[int, int, int], centre: tuple[int, int, int], radius: float, spacing_mm: tuple[float, ...]
) -> np.ndarray:
    grid = np.moveaxis(np.indices(shape), 0, -1)
    return np.linalg.norm((grid - centre) * spacing_mm, axis=-1) <= radius


def test_two_balls_are_two_components_strongest_first_with_their_sizes():
    shape, spacing = (30, 80, 80), (2.0, 0.8, 0.8)
    probability = np.zeros(shape, dtype=np.float32)
    probability[ball(shape, (10, 20, 20), 6, spacing)] = 0.7
    probability[ball(shape, (20, 55, 60), 8, spacing)] = 0.9
    first, second = components_of(probability, 0.5, spacing, 10)
    assert (first.probability, second.probability) == pytest.approx((0.9, 0.7))
    assert first.volume_mm3 == pytest.approx(4 / 3 * np.pi * 8**3, rel=0.05)
    assert first.diameter_mm == pytest.approx(16, abs=1.2)
    assert second.diameter_mm == pytest.approx(12, abs=1.2)
    assert first.mask.shape == shape
    assert np.array_equal(first.mask | second.mask, probability > 0.5)


def test_pieces_below_the_smallest_volume_are_left_out():
    probability = np.zeros((5, 20, 20), dtype=np.float32)
    probability[2, 5, 5] = 1
    assert components_of(probability, 0.5, (1, 1, 1), 2) == ()


def test_nothing_above_the_threshold_is_no_component():
    assert components_of(np.full((4, 8, 8), 0.49, dtype=np.float32), 0.5, (1, 1, 1), 0) == ()


def test_no_more_components_than_a_reader_can_use():
    probability = np.zeros((1, 60, 60), dtype=np.float32)
    probability[0, ::4, ::4] = 1
    assert len(components_of(probability, 0.5, (1, 1, 1), 0)) == MAXIMUM_COMPONENTS
