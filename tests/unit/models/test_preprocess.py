from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_io.volume import Radiograph, Volume
from models.manifest import Fit, RadiographPreprocessing, VolumePreprocessing
from models.preprocess import probability_to_source_grid, radiograph_to_tensor, volume_to_tensor

SPEC = RadiographPreprocessing(size_px=(64, 64), window_percentiles=(0, 100))


def radiograph(pixels: np.ndarray) -> Radiograph:
    return Radiograph(
        pixels=pixels.astype(np.float32), value_range=(0, 4095), pixel_spacing_mm=None, sop_instance_uid=""
    )


def volume(voxels: np.ndarray, spacing_mm: tuple[float, float, float]) -> Volume:
    return Volume(
        voxels=voxels.astype(np.float32),
        spacing_mm=spacing_mm,
        affine=np.eye(4),
        sop_instance_uids=(),
        series_instance_uid="",
    )


def test_a_radiograph_becomes_one_float32_image_from_0_to_1():
    tensor, _ = radiograph_to_tensor(radiograph(np.random.default_rng(1).uniform(5, 4000, (300, 200))), SPEC)
    assert tensor.shape == (1, 1, 64, 64)
    assert tensor.dtype == np.float32
    assert (tensor.min(), tensor.max()) >= (0, 0)
    assert tensor.max() <= 1


def test_shrinking_keeps_the_mean():
    pixels = np.random.default_rng(2).uniform(0, 1, (517, 517))
    tensor, _ = radiograph_to_tensor(radiograph(pixels), SPEC)
    expected = (pixels.mean() - pixels.min()) / (pixels.max() - pixels.min())
    assert tensor.mean() == pytest.approx(expected, abs=1e-4)


def test_a_tall_radiograph_is_padded_left_and_right_with_its_low_value():
    tensor, placement = radiograph_to_tensor(radiograph(np.linspace(10, 20, 400 * 200).reshape(400, 200) + 5), SPEC)
    assert (placement.extent, placement.offset) == ((400, 400), (0, 100))
    assert np.all(tensor[..., :15] == 0)
    assert np.all(tensor[..., -15:] == 0)
    assert tensor[0, 0, 40, 32] > 0.5


def test_a_place_in_the_tensor_is_a_place_on_the_source():
    pixels = np.zeros((400, 200))
    pixels[300:310, 50:60] = 100
    tensor, placement = radiograph_to_tensor(radiograph(pixels), SPEC)
    row, column = np.unravel_index(tensor[0, 0].argmax(), (64, 64))
    found = placement.to_source((row + 0.5) / 64, (column + 0.5) / 64)
    assert found == pytest.approx((305, 55), abs=400 / 64)


def test_a_radiograph_of_one_value_gives_zeros():
    tensor, _ = radiograph_to_tensor(radiograph(np.full((100, 100), 7.0)), SPEC)
    assert not tensor.any()


def test_a_volume_is_resampled_to_the_models_spacing_and_windowed():
    spec = VolumePreprocessing(spacing_mm=(2, 1.5, 1.5), window_hu=(-1000, 400), roi=(8, 8, 8))
    voxels = np.full((10, 60, 40), -300.0)
    voxels[:, :30] = 3000
    tensor = volume_to_tensor(volume(voxels, (4, 0.75, 0.75)), spec)
    assert tensor.shape == (1, 1, 20, 30, 20)
    assert np.allclose(tensor[0, 0, :, 16:], 0.5)
    assert np.all(tensor[0, 0, :, :14] == 1)


def test_a_blob_comes_back_to_where_it_was_on_the_source_grid():
    spec = VolumePreprocessing(spacing_mm=(2.5, 1.5, 1.5), window_hu=(0, 1), roi=(8, 8, 8))
    voxels = np.zeros((30, 128, 120))
    voxels[10:16, 70:90, 20:38] = 1
    source = volume(voxels, (2.0, 0.7, 0.8))
    cut = probability_to_source_grid(volume_to_tensor(source, spec)[0, 0], source.voxels.shape, 0.5)
    assert cut.values.dtype == np.float32
    assert cut.values.size < voxels.size / 10
    mask, truth = cut.on_whole_grid(cut.values >= 0.5), voxels > 0
    assert mask.shape == (30, 128, 120)
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.9
    centres = [np.argwhere(grid).mean(axis=0) for grid in (mask, truth)]
    assert np.allclose(centres[0], centres[1], atol=0.5)


def test_equal_spacing_changes_nothing():
    spec = VolumePreprocessing(spacing_mm=(2, 1, 1), window_hu=(0, 1), roi=(8, 8, 8))
    voxels = np.random.default_rng(3).random((6, 20, 24))
    source = volume(voxels, (2, 1, 1))
    tensor = volume_to_tensor(source, spec)
    assert np.allclose(tensor[0, 0], voxels, atol=1e-6)
    assert np.allclose(probability_to_source_grid(tensor[0, 0], voxels.shape, 0.0).values, voxels, atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), floor=st.floats(0.05, 0.95))
def test_the_part_holds_every_cell_of_the_whole_that_reaches_the_floor(seed: int, floor: float):
    generator = np.random.default_rng(seed)
    probability = generator.random((5, 9, 11), dtype=np.float32) ** generator.integers(1, 60)
    shape = (7, 25, 20)

    whole = probability_to_source_grid(probability, shape, 0.0).values
    cut = probability_to_source_grid(probability, shape, floor)

    assert np.array_equal(cut.on_whole_grid(cut.values >= floor), whole >= floor)
    assert cut.values.max() == pytest.approx(whole.max())


def test_a_stretched_radiograph_fills_the_tensor_and_its_places_are_found():
    pixels = np.ones((400, 200))
    pixels[300:310, 50:60] = 100
    tensor, placement = radiograph_to_tensor(radiograph(pixels + np.eye(400, 200)), replace(SPEC, fit=Fit.STRETCH))
    assert (placement.extent, placement.offset) == ((400, 200), (0, 0))
    row, column = np.unravel_index(tensor[0, 0].argmax(), (64, 64))
    assert placement.to_source((row + 0.5) / 64, (column + 0.5) / 64) == pytest.approx((305, 55), abs=400 / 64)


def test_a_small_radiograph_grows_smoothly():
    tensor, _ = radiograph_to_tensor(radiograph(np.tile(np.arange(28), (28, 1))), SPEC)
    steps = np.diff(tensor[0, 0, 32])
    assert steps.max() == pytest.approx(1 / 27 * 28 / 64, rel=0.01)
    assert steps.min() >= 0
