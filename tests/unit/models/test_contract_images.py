"""Conditions of use that concern what kind of image it is."""

from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from dicom_io.headers import assemble_study, read_header
from models.contract import check_study, suitable_series
from models.manifest import InputLimits
from tests.factories.dicom import cr_image, write

LIMITS = InputLimits(modalities=("CR", "DX"))


def is_suitable(dataset: Dataset, directory: Path) -> bool:
    return bool(suitable_series(assemble_study(map(read_header, write([dataset], directory))), LIMITS))


def test_a_radiograph_for_presentation_is_suitable(tmp_path: Path):
    dataset = cr_image()
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    assert is_suitable(dataset, tmp_path)


@pytest.mark.parametrize("sop_class", ["1.2.840.10008.5.1.4.1.1.1.1.1", "1.2.840.10008.5.1.4.1.1.1.2.1"])
def test_a_radiograph_for_processing_is_not(tmp_path: Path, sop_class: str):
    dataset = cr_image()
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = sop_class
    assert not is_suitable(dataset, tmp_path)


def test_a_series_without_pixels_is_told_as_such(tmp_path: Path):
    dataset = cr_image()
    del dataset.PixelData
    study = assemble_study(map(read_header, write([dataset], tmp_path)))
    (violation,) = check_study(study, LIMITS)
    assert "found CR CHEST without pixels, required primary CR or DX" in violation.text
