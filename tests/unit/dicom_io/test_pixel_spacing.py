"""Pixel spacing: from the right attribute, with where it holds; none where there is none."""

from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from dicom_io.headers import read_header
from dicom_io.study import SpacingBasis
from tests.factories.dicom import cr_image, ct_series, write

IMAGER = {"ImagerPixelSpacing": [0.15, 0.15]}


def _read(dataset: Dataset, directory: Path) -> tuple[tuple[float, float] | None, SpacingBasis]:
    (path,) = write([dataset], directory)
    instance = read_header(path).instance
    return instance.pixel_spacing_mm, instance.spacing_basis


@pytest.mark.parametrize(
    ("values", "expected", "basis"),
    [
        (IMAGER, (0.15, 0.15), SpacingBasis.DETECTOR),
        (IMAGER | {"PixelSpacing": [0.15, 0.15]}, (0.15, 0.15), SpacingBasis.DETECTOR),
        (IMAGER | {"PixelSpacing": [0.13, 0.13]}, (0.13, 0.13), SpacingBasis.CALIBRATED),
        ({"PixelSpacing": [0.15, 0.15]}, (0.15, 0.15), SpacingBasis.DETECTOR),
        (
            IMAGER | {"PixelSpacing": [0.15, 0.15], "PixelSpacingCalibrationType": "FIDUCIAL"},
            (0.15, 0.15),
            SpacingBasis.CALIBRATED,
        ),
        (IMAGER | {"EstimatedRadiographicMagnificationFactor": 1.25}, (0.12, 0.12), SpacingBasis.CALIBRATED),
        (IMAGER | {"EstimatedRadiographicMagnificationFactor": 0}, (0.15, 0.15), SpacingBasis.DETECTOR),
        ({"NominalScannedPixelSpacing": [0.2, 0.2]}, (0.2, 0.2), SpacingBasis.DETECTOR),
        ({}, None, SpacingBasis.UNKNOWN),
        ({"PixelSpacing": [0, 0]}, None, SpacingBasis.UNKNOWN),
        ({"PixelSpacing": [-0.1, 0.1]}, None, SpacingBasis.UNKNOWN),
    ],
)
def test_the_spacing_of_a_radiograph_says_where_it_holds(
    tmp_path: Path, values: dict[str, object], expected: tuple[float, float] | None, basis: SpacingBasis
) -> None:
    dataset = cr_image()
    del dataset.ImagerPixelSpacing
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    spacing, found = _read(dataset, tmp_path)
    assert spacing == (None if expected is None else pytest.approx(expected))
    assert found is basis


def test_a_slice_lies_in_the_patient(tmp_path: Path) -> None:
    assert _read(ct_series(1)[0], tmp_path) == ((0.8, 0.7), SpacingBasis.PATIENT)


def test_a_slice_takes_no_spacing_from_a_detector(tmp_path: Path) -> None:
    dataset = ct_series(1)[0]
    del dataset.PixelSpacing
    dataset.ImagerPixelSpacing = [0.8, 0.7]
    assert _read(dataset, tmp_path) == (None, SpacingBasis.UNKNOWN)
