"""Enhanced multi-frame objects: each frame is a slice with its own place and rescale."""

from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from dicom_io.errors import GeometryError, PixelError
from dicom_io.functional_groups import read_frame_groups
from dicom_io.geometry import order_stack
from dicom_io.headers import assemble_study, read_header
from dicom_io.study import Series
from dicom_io.volumes import read_volume
from tests.factories.dicom import write
from tests.factories.dicom_pixels import enhanced_ct


def _series(dataset: Dataset, directory: Path) -> Series:
    (path,) = write([dataset], directory)
    (series,) = assemble_study([read_header(path)]).series
    return series


def test_frames_in_any_order_become_one_sorted_volume(tmp_path: Path) -> None:
    series = _series(enhanced_ct(5, order=(3, 0, 4, 1, 2)), tmp_path)
    volume = read_volume(series)
    assert volume.voxels[:, 5, 5].tolist() == [-1000, -990, -980, -970, -960]
    assert volume.frame_numbers == (2, 4, 5, 1, 3)
    assert set(volume.sop_instance_uids) == {series.instances[0].sop_instance_uid}
    assert volume.spacing_mm == pytest.approx((2.5, 0.8, 0.7))


def test_each_frame_has_its_own_rescale(tmp_path: Path) -> None:
    dataset = enhanced_ct(2)
    dataset.PerFrameFunctionalGroupsSequence[1].PixelValueTransformationSequence[0].RescaleIntercept = -1000
    assert read_volume(_series(dataset, tmp_path)).voxels[:, 5, 5].tolist() == [-1000, -966]


def test_shared_and_own_groups_are_both_found(tmp_path: Path) -> None:
    dataset = enhanced_ct(3)
    shared = dataset.SharedFunctionalGroupsSequence[0]
    for own in dataset.PerFrameFunctionalGroupsSequence:
        own.PlaneOrientationSequence = shared.PlaneOrientationSequence
    del shared.PlaneOrientationSequence
    assert read_volume(_series(dataset, tmp_path)).voxels.shape[0] == 3


def test_time_points_of_one_object_are_told_apart(tmp_path: Path) -> None:
    dataset = enhanced_ct(6, order=(0, 1, 2, 0, 1, 2))
    for index, own in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        own.FrameContentSequence[0].TemporalPositionIndex = 1 + index // 3
    stack = order_stack(_series(dataset, tmp_path))
    assert [one.frame for one in stack.slices] == [0, 1, 2]
    assert stack.phases == 2


def test_a_frame_without_a_place_is_a_gap(tmp_path: Path) -> None:
    dataset = enhanced_ct(5)
    del dataset.PerFrameFunctionalGroupsSequence[2].PlanePositionSequence
    with pytest.raises(GeometryError, match=r"gap of 5\.00 mm between instance numbers 1 frame 2 and 1 frame 4"):
        read_volume(_series(dataset, tmp_path))


def test_a_multi_frame_object_without_functional_groups_is_no_volume(tmp_path: Path) -> None:
    dataset = enhanced_ct(4)
    del dataset.PerFrameFunctionalGroupsSequence
    with pytest.raises(GeometryError, match="Found 0 slices"):
        read_volume(_series(dataset, tmp_path))


@pytest.mark.parametrize("frames", [3, 5])
def test_each_frame_must_say_where_it_lies(tmp_path: Path, frames: int) -> None:
    dataset = enhanced_ct(4)
    dataset.NumberOfFrames = frames
    with pytest.raises(GeometryError, match=f"{frames} frames and functional groups for 4"):
        read_volume(_series(dataset, tmp_path))


def test_pixels_that_end_early_are_a_pixel_error(tmp_path: Path) -> None:
    dataset = enhanced_ct(4)
    dataset.PixelData = dataset.PixelData[:-100]
    with pytest.raises(PixelError, match="Frame 4 has"):
        read_volume(_series(dataset, tmp_path))


def test_the_groups_of_an_object_are_read_once_and_anew_when_its_file_has_changed(tmp_path: Path) -> None:
    (path,) = write([enhanced_ct(3)], tmp_path)
    first = read_frame_groups(path)
    assert read_frame_groups(path) is first
    write([enhanced_ct(4)], tmp_path)
    assert [len(first), len(read_frame_groups(path))] == [3, 4]
