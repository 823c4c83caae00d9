"""Volumes: sorted, regular, in Hounsfield units; everything else is refused in words."""

import copy
import random
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from dicom_io.errors import GeometryError, PixelError, UnsupportedPixelsError
from dicom_io.geometry import order_stack
from dicom_io.headers import assemble_study, read_header
from dicom_io.study import Series
from dicom_io.uids import derive_uid
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


def test_a_tilted_gantry_is_a_steady_drift(tmp_path: Path) -> None:
    slices = ct_series(6)
    for index, one in enumerate(slices):
        one.ImagePositionPatient = [-100, -50 + index, index * 2.5]
    volume = read_volume(_series(slices, tmp_path))
    assert volume.drift_px == pytest.approx((1 / 0.8, 0.0))
    assert volume.spacing_mm == pytest.approx((2.5, 0.8, 0.7))


def test_slices_beside_their_line_are_refused(tmp_path: Path) -> None:
    slices = ct_series(6)
    for index, one in enumerate(slices):
        one.ImagePositionPatient = [-100, -50 + (index if index < 3 else 6 - index), index * 2.5]
    with pytest.raises(GeometryError, match="beside the line"):
        read_volume(_series(slices, tmp_path))


def test_more_tilt_than_any_gantry_has_is_refused(tmp_path: Path) -> None:
    slices = ct_series(6)
    for index, one in enumerate(slices):
        one.ImagePositionPatient = [-100, -50 + 2 * index, index * 2.5]
    with pytest.raises(GeometryError, match="a tilt of 39 degrees; required: at most 35"):
        read_volume(_series(slices, tmp_path))


def test_mixed_sizes_and_orientations_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GeometryError, match="image sizes"):
        read_volume(_series([ct_series(2)[0], ct_series(2, size=(8, 8))[1]], tmp_path / "size"))
    slices = ct_series(3)
    slices[1].ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    with pytest.raises(GeometryError, match="orientations"):
        read_volume(_series(slices, tmp_path / "orientation"))


def test_places_in_two_frames_of_reference_are_not_compared(tmp_path: Path) -> None:
    slices = ct_series(3)
    slices[1].FrameOfReferenceUID = "2.25.1"
    with pytest.raises(GeometryError, match="2 Frames of Reference"):
        read_volume(_series(slices, tmp_path))


def test_a_scout_in_a_frame_of_reference_of_its_own_is_left_out(tmp_path: Path) -> None:
    scout, *slices = ct_series(4)
    scout.ImageType, scout.FrameOfReferenceUID = ["ORIGINAL", "PRIMARY", "LOCALIZER"], "2.25.1"
    stack = order_stack(_series([scout, *slices], tmp_path))
    assert {one.instance.frame_of_reference_uid for one in stack.slices} == {slices[0].FrameOfReferenceUID}


def test_a_coronal_series_is_refused(tmp_path: Path) -> None:
    slices = ct_series(3)
    for index, one in enumerate(slices):
        one.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
        one.ImagePositionPatient = [-100, index * 2.5, 0]
    with pytest.raises(GeometryError, match="coronal or sagittal"):
        read_volume(_series(slices, tmp_path))


@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
def test_what_gives_a_slice_its_place_is_named_when_it_is_missing(tmp_path: Path, keyword: str) -> None:
    series = ct_series(4)
    for one in series[1:]:
        delattr(one, keyword)
    with pytest.raises(GeometryError, match=r"Found 1 slices .* 4 instances of the series .3 without (Image|Pixel) "):
        read_volume(_series(series, tmp_path))


def test_captures_and_vectors_that_are_none_are_told_as_what_they_are(tmp_path: Path) -> None:
    captures, zeros = ct_series(4), ct_series(4, study="zeros")
    for one in captures:
        one.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    for one in zeros:
        one.ImageOrientationPatient = [0] * 6
    with pytest.raises(GeometryError, match="4 that are localizers, captures or maps"):
        read_volume(_series(captures, tmp_path / "captures"))
    with pytest.raises(GeometryError, match="no pair of perpendicular unit vectors"):
        read_volume(_series(zeros, tmp_path / "zeros"))


def test_one_slice_is_no_volume(tmp_path: Path) -> None:
    with pytest.raises(GeometryError, match="at least 2"):
        read_volume(_series(ct_series(1), tmp_path))


def test_absurd_sizes_are_refused_before_they_are_allocated(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedPixelsError, match="at most 100"):
        read_volume(_series(ct_series(3), tmp_path), maximum_voxels=100)


def test_implausible_hounsfield_units_are_refused(tmp_path: Path) -> None:
    slices = ct_series(2)
    slices[1].RescaleIntercept = -20_000
    with pytest.raises(PixelError, match="HU"):
        read_volume(_series(slices, tmp_path))


def test_a_damaged_slice_is_a_pixel_error(tmp_path: Path) -> None:
    series = _series(ct_series(3), tmp_path)
    path = series.instances[1].path
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(PixelError):
        read_volume(series)


def _phases(count: int, **changes: list[object]) -> list[Dataset]:
    """*count* scans of the same three places, told apart by the attributes of *changes*."""
    slices = []
    for phase in range(count):
        for one in ct_series(3, study="study-1", series="series-1"):
            one.SOPInstanceUID = derive_uid(one.SOPInstanceUID, str(phase))
            one.InstanceNumber = 3 * phase + int(one.InstanceNumber)
            one.RescaleIntercept = -1024 + 100 * phase
            for keyword, values in changes.items():
                setattr(one, keyword, values[phase])
            slices.append(one)
    return slices


@pytest.mark.parametrize(
    "changes",
    [
        {"TemporalPositionIdentifier": [1, 2]},
        {"AcquisitionNumber": [4, 5]},
        {"TriggerTime": [0, 420]},
        {"EchoNumbers": [1, 2]},
        {"ConvolutionKernel": ["B30f", "B60f"]},
        {"AcquisitionTime": ["101500", "101530.5"]},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_the_first_of_two_phases_in_one_series_is_read(tmp_path: Path, changes: dict[str, list[object]]) -> None:
    series = _series(_phases(2, **changes), tmp_path)
    assert order_stack(series).phases == 2
    volume = read_volume(series)
    assert volume.voxels.shape[0] == 3
    assert volume.voxels[0, 5, 5] == -1000


def test_a_longer_phase_is_preferred(tmp_path: Path) -> None:
    slices = _phases(2, AcquisitionNumber=[1, 2])
    volume = read_volume(_series(slices[1:], tmp_path))
    assert volume.voxels[:, 5, 5].tolist() == [-900, -890, -880]


def test_two_scans_that_overlap_in_part_are_refused_rather_than_cut(tmp_path: Path) -> None:
    slices = ct_series(6)
    below, above = slices[:4], slices[2:]
    for one in below:
        one.AcquisitionNumber = 1
    again = [copy.deepcopy(one) for one in above]
    for one in again:
        one.AcquisitionNumber = 2
        one.SOPInstanceUID = derive_uid(one.SOPInstanceUID, "again")
    with pytest.raises(GeometryError, match="share a position"):
        read_volume(_series([*below, *again], tmp_path))


def test_two_scans_that_follow_each_other_are_one_stack(tmp_path: Path) -> None:
    slices = ct_series(6)
    for one in slices[3:]:
        one.AcquisitionNumber = 2
    assert read_volume(_series(slices, tmp_path)).voxels.shape[0] == 6


def test_a_scout_that_does_not_say_so_is_left_out(tmp_path: Path) -> None:
    scout = ct_series(1, size=(20, 30))[0]
    scout.SOPInstanceUID = derive_uid("scout")
    scout.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    assert read_volume(_series([scout, *ct_series(4)], tmp_path)).voxels.shape[0] == 4


def test_a_computed_map_is_no_volume(tmp_path: Path) -> None:
    slices = ct_series(3)
    for one in slices:
        one.ImageType = ["DERIVED", "PRIMARY", "PERFUSION", "RCBF"]
    with pytest.raises(GeometryError, match="Found 0 slices"):
        read_volume(_series(slices, tmp_path))


def test_each_slice_has_its_own_rescale(tmp_path: Path) -> None:
    slices = ct_series(2)
    slices[1].RescaleSlope, slices[1].RescaleIntercept = 2, -1000
    assert read_volume(_series(slices, tmp_path)).voxels[:, 5, 5].tolist() == [-1000, 2 * 34 - 1000]


def test_photometric_interpretation_does_not_change_hounsfield_units(tmp_path: Path) -> None:
    slices = ct_series(2)
    for one in slices:
        one.PhotometricInterpretation = "MONOCHROME1"
    assert read_volume(_series(slices, tmp_path)).voxels[0, 5, 5] == -1000


def test_a_padding_range_becomes_air(tmp_path: Path) -> None:
    slices = ct_series(2)
    for one in slices:
        one.PixelPaddingValue, one.PixelPaddingRangeLimit = 2000, 1000
    assert read_volume(_series(slices, tmp_path)).voxels[0, 0, 0] == -1024


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"RescaleIntercept": None}, "no Rescale Slope and Intercept"),
        ({"RescaleType": "EDW"}, "the unit 'EDW'"),
        ({"RescaleSlope": 32.1}, "steps of 32.1 HU"),
    ],
)
def test_values_that_are_no_hounsfield_units_are_refused(
    tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    slices = ct_series(2)
    for one in slices:
        for keyword, value in change.items():
            setattr(one, keyword, value)
    with pytest.raises(UnsupportedPixelsError, match=reason):
        read_volume(_series(slices, tmp_path))


def _body(slices: int) -> list[Dataset]:
    """A CT of air at 24 stored, noise around it, and a body: what a sign lie tears apart."""
    generator = np.random.default_rng(3)
    series = ct_series(slices, size=(64, 64))
    for one in series:
        stored = np.rint(generator.normal(0, 15, (64, 64))).astype(np.int16)
        stored[16:48, 16:48] += 1060
        one.BitsStored, one.HighBit, one.PixelRepresentation = 12, 11, 1
        one.PixelData = (stored.astype(np.uint16) & 0xFFF).tobytes()
    return series


def test_signed_pixels_are_read_as_such(tmp_path: Path) -> None:
    voxels = read_volume(_series(_body(2), tmp_path)).voxels
    assert voxels[:, :10].mean() == pytest.approx(-1024, abs=2)
    assert voxels[:, 20:40, 20:40].mean() == pytest.approx(36, abs=2)


def test_signed_pixels_that_claim_to_be_unsigned_are_caught(tmp_path: Path) -> None:
    slices = _body(2)
    for one in slices:
        one.PixelRepresentation = 0
    with pytest.raises(PixelError, match="jump between the ends"):
        read_volume(_series(slices, tmp_path))


@pytest.fixture(scope="module")
def ten_thousand(tmp_path_factory: pytest.TempPathFactory) -> Series:
    """Slices of 512 x 512, every 0.1 mm, in no order."""
    series = _series(ct_series(1), tmp_path_factory.mktemp("template"))
    (template,) = series.instances
    instances = tuple(
        replace(template, sop_instance_uid=f"1.2.{z}", rows=512, columns=512, image_position=(0.0, 0.0, z / 10))
        for z in random.Random(1).sample(range(10_000), 10_000)
    )
    return replace(series, instances=instances)


def test_ten_thousand_slices_are_sorted_like_ten(ten_thousand: Series) -> None:
    stack = order_stack(ten_thousand)
    places = [one.position[2] for one in stack.slices]
    assert places == sorted(places)
    assert len(places) == 10_000


def test_ten_thousand_slices_are_refused_by_their_number_before_any_is_opened(ten_thousand: Series) -> None:
    with pytest.raises(UnsupportedPixelsError, match="10000 x 512 x 512 voxels"):
        read_volume(ten_thousand)
