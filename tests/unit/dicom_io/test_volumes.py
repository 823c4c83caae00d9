"""Volumes: sorted, regular, in Hounsfield units; everything else is refused in words."""

import random
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from dicom_io.errors import GeometryError, PixelError, UnsupportedPixelsError
from dicom_io.headers import assemble_study, read_header
from dicom_io.study import Series
from dicom_io.volumes import read_volume
from tests.factories.dicom import ct_series, write


def _series(datasets: Iterable[Dataset], directory: Path) -> Series:
    (series,) = assemble_study(read_header(path) for path in write(datasets, directory)).series
    return series


def test_slices_in_any_order_become_one_sorted_volume(tmp_path: Path) -> None:
    slices = ct_series(5)
    shuffled = random.Random(1).sample(slices, 5)
    for number, one in enumerate(shuffled):
        one.InstanceNumber = number + 1
    volume = read_volume(_series(shuffled, tmp_path))
    assert volume.voxels.shape == (5, 16, 12)
    assert volume.voxels.dtype == np.float32
    assert volume.voxels[:, 5, 5].tolist() == [-1000, -990, -980, -970, -960]
    assert volume.voxels[:, 0, 0].tolist() == [40] * 5
    assert volume.spacing_mm == pytest.approx((2.5, 0.8, 0.7))
    assert volume.sop_instance_uids == tuple(one.SOPInstanceUID for one in slices)


def test_the_affine_takes_an_index_to_the_patient(tmp_path: Path) -> None:
    volume = read_volume(_series(ct_series(3), tmp_path))
    assert (volume.affine @ [2, 3, 1, 1]).tolist() == pytest.approx([-100 + 2 * 0.7, -50 + 3 * 0.8, 2.5, 1])


def test_localizers_and_captures_are_left_out(tmp_path: Path) -> None:
    slices = ct_series(6)
    slices[0].ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    slices[1].ImageType = ["DERIVED", "SECONDARY"]
    assert read_volume(_series(slices, tmp_path)).voxels.shape[0] == 4


def test_padding_becomes_air(tmp_path: Path) -> None:
    slices = ct_series(2)
    for one in slices:
        one.PixelPaddingValue = 1064
    assert read_volume(_series(slices, tmp_path)).voxels[0, 0, 0] == -1024


def test_a_missing_slice_is_named(tmp_path: Path) -> None:
    slices = ct_series(6)
    del slices[3]
    with pytest.raises(GeometryError, match=r"gap of 5\.00 mm between instance numbers 3 and 5"):
        read_volume(_series(slices, tmp_path))


def test_two_slices_at_one_position_are_refused(tmp_path: Path) -> None:
    slices = ct_series(6)
    slices[3].ImagePositionPatient = slices[2].ImagePositionPatient
    with pytest.raises(GeometryError, match="share a position"):
        read_volume(_series(slices, tmp_path))


def test_irregular_spacing_is_refused(tmp_path: Path) -> None:
    slices = ct_series(6)
    slices[3].ImagePositionPatient = [-100, -50, 3 * 2.5 + 0.9]
    with pytest.raises(GeometryError, match="irregular"):
        read_volume(_series(slices, tmp_path))


def test_positions_rounded_to_a_tenth_are_regular(tmp_path: Path) -> None:
    slices = ct_series(12, spacing_mm=(0.625, 0.8, 0.7))
    for index, one in enumerate(slices):
        one.ImagePositionPatient = [-100, -50, round(index * 0.625, 1)]
    assert read_volume(_series(slices, tmp_path)).spacing_mm[0] == pytest.approx(0.625, abs=0.01)


def test_a_tilted_gantry_is_refused(tmp_path: Path) -> None:
    slices = ct_series(6)
    for index, one in enumerate(slices):
        one.ImagePositionPatient = [-100, -50 + index, index * 2.5]
    with pytest.raises(GeometryError, match="tilted gantry"):
        read_volume(_series(slices, tmp_path))


def test_mixed_sizes_and_orientations_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GeometryError, match="image sizes"):
        read_volume(_series([ct_series(2)[0], ct_series(2, size=(8, 8))[1]], tmp_path / "size"))
    slices = ct_series(3)
    slices[1].ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    with pytest.raises(GeometryError, match="orientations"):
        read_volume(_series(slices, tmp_path / "orientation"))


def test_a_coronal_series_is_refused(tmp_path: Path) -> None:
    slices = ct_series(3)
    for index, one in enumerate(slices):
        one.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
        one.ImagePositionPatient = [-100, index * 2.5, 0]
    with pytest.raises(GeometryError, match="coronal or sagittal"):
        read_volume(_series(slices, tmp_path))


def test_one_slice_is_no_volume(tmp_path: Path) -> None:
    with pytest.raises(GeometryError, match="at least 2"):
        read_volume(_series(ct_series(1), tmp_path))


def test_absurd_sizes_are_refused_before_they_are_allocated(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedPixelsError, match="at most 100"):
        read_volume(_series(ct_series(3), tmp_path), maximum_voxels=100)


def test_implausible_hounsfield_units_are_refused(tmp_path: Path) -> None:
    slices = ct_series(2)
    slices[1].RescaleSlope = 100
    with pytest.raises(PixelError, match="HU"):
        read_volume(_series(slices, tmp_path))


def test_a_damaged_slice_is_a_pixel_error(tmp_path: Path) -> None:
    series = _series(ct_series(3), tmp_path)
    path = series.instances[1].path
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(PixelError):
        read_volume(series)
