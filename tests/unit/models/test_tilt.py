"""Slices under a tilted gantry, of bodies whose place and size are known by their formula."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from pydicom.dataset import Dataset

from dicom_io.errors import UnsupportedPixelsError
from dicom_io.headers import assemble_study, read_header
from dicom_io.volume import Volume
from dicom_io.volumes import read_volume
from models.postprocess import components_of
from models.preprocess import probability_to_source_grid
from models.tilt import on_slices, straightened
from tests.factories.dicom import ct_series, write

#: Slices, rows, columns, and the mm between them, between slices along the table.
SHAPE = (32, 96, 80)
SPACING_MM = (2.5, 0.8, 0.7)
#: A ball in the patient, mm.
CENTRE, RADIUS_MM = np.array([-72.0, -12.0, 34.0]), 14.0


def body(places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Hounsfield units at *places* (..., 3) in mm: a ramp, so that linear mixing is exact."""
    return -200 + places @ np.array([1.5, 2.0, -1.0])


def ball(places: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    return np.linalg.norm(places - CENTRE, axis=-1) <= RADIUS_MM


def places_of(affine: npt.NDArray[np.float64], shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """The patient's mm (z, y, x, 3) of every voxel."""
    z, y, x = np.meshgrid(*map(np.arange, shape), indexing="ij")
    return np.stack([x, y, z, np.ones_like(x)], axis=-1) @ affine.T[:, :3]


def tilted(degrees: float) -> list[Dataset]:
    """Slices whose rows lean by *degrees*, while the table moves straight on."""
    lean = np.radians(degrees)
    series = ct_series(SHAPE[0], size=SHAPE[1:], spacing_mm=SPACING_MM)
    for one in series:
        one.ImageOrientationPatient = [1, 0, 0, 0, round(np.cos(lean), 10), round(np.sin(lean), 10)]
        along = np.array([[1.0, 0, 0], [0, np.cos(lean), np.sin(lean)]])
        y, x = np.meshgrid(np.arange(SHAPE[1]) * SPACING_MM[1], np.arange(SHAPE[2]) * SPACING_MM[2], indexing="ij")
        places = np.array(one.ImagePositionPatient, dtype=float) + x[..., None] * along[0] + y[..., None] * along[1]
        one.PixelData = np.round(body(places) * 10 + 10240).astype("<u2").tobytes()
        one.RescaleSlope = 0.1
    return series


def read(series: list[Dataset], directory: Path) -> Volume:
    return read_volume(assemble_study(read_header(path) for path in write(series, directory)).series[0])


@pytest.fixture(params=[20.0, -27.0], ids=["head first", "the other way"])
def volume(request: pytest.FixtureRequest, tmp_path: Path) -> Volume:
    return read(tilted(request.param), tmp_path)


def test_every_voxel_of_the_straightened_volume_holds_what_lies_at_its_place(volume: Volume):
    upright = straightened(volume)
    expected = body(places_of(upright.affine, upright.voxels.shape))
    # Where all four neighbours lie on the slice; the rim is mixed with air.
    inside = on_slices_mask(upright, volume)
    assert inside.mean() > 0.5
    # Stored values are rounded to 0.1 HU.
    assert np.abs(upright.voxels - expected)[inside].max() < 0.11


def on_slices_mask(upright: Volume, volume: Volume) -> npt.NDArray[np.bool_]:
    """The voxels of *upright* that lie well inside a slice of *volume*."""
    indices = places_of(upright.affine, upright.voxels.shape) - volume.affine[:3, 3]
    x, y, _ = np.moveaxis(indices @ np.linalg.inv(volume.affine[:3, :3]).T, -1, 0)
    _, rows, columns = volume.voxels.shape
    return (x > 0.01) & (y > 0.01) & (x < columns - 1.01) & (y < rows - 1.01)


def test_slices_of_the_straightened_volume_lie_straight_above_each_other(volume: Volume):
    upright = straightened(volume)
    assert max(map(abs, volume.drift_px)) > 1
    assert upright.drift_px == pytest.approx((0, 0), abs=1e-9)
    axes = upright.affine[:3, :3] / np.linalg.norm(upright.affine[:3, :3], axis=0)
    assert axes.T @ axes == pytest.approx(np.eye(3), abs=1e-9)
    assert np.linalg.norm(upright.affine[:3, 2]) == pytest.approx(volume.spacing_mm[0])


def test_what_is_found_upright_lies_on_the_slices_where_it_is(volume: Volume):
    upright = straightened(volume)
    found = ball(places_of(upright.affine, upright.voxels.shape)).astype(np.float32)
    truth = ball(places_of(volume.affine, volume.voxels.shape))

    cut = on_slices(probability_to_source_grid(found, found.shape, 0.5), volume)

    mask = cut.on_whole_grid(cut.values >= 0.5)
    overlap = 2 * np.count_nonzero(mask & truth) / (np.count_nonzero(mask) + np.count_nonzero(truth))
    assert overlap > 0.98
    (component,) = components_of(cut.values, 0.5, volume.spacing_mm, 10.0)
    assert component.volume_mm3 == pytest.approx(4 / 3 * np.pi * RADIUS_MM**3, rel=0.03)
    # Within one slice, to the outer edges of its pixels.
    assert component.diameter_mm == pytest.approx(2 * RADIUS_MM, abs=1.1)


def test_the_limit_counts_what_the_straightened_volume_takes(tmp_path: Path):
    series = assemble_study(read_header(path) for path in write(tilted(20.0), tmp_path)).series[0]
    with pytest.raises(UnsupportedPixelsError, match="The volume has 32 x 129 x 80 voxels"):
        read_volume(series, maximum_voxels=SHAPE[0] * SHAPE[1] * SHAPE[2])


def test_a_volume_without_tilt_is_left_as_it_is(tmp_path: Path):
    volume = read(tilted(0.0), tmp_path)
    assert straightened(volume) is volume
    cut = probability_to_source_grid(np.ones(SHAPE, dtype=np.float32), SHAPE, 0.5)
    assert on_slices(cut, volume) is cut
