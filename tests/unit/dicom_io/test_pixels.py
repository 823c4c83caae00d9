"""Radiographs: one sense, one range, and reasons in words."""

import dataclasses
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from dicom_io.errors import NoPixelsError, NotDicomError, PixelError, UnsupportedPixelsError
from dicom_io.headers import read_header
from dicom_io.pixels import read_radiograph
from dicom_io.study import Instance
from dicom_io.vendor_errors import PARSE_ERRORS, translated_parse_errors
from tests.factories.dicom import cr_image, structured_report, write


def _instance(dataset: Dataset, directory: Path) -> Instance:
    (path,) = write([dataset], directory)
    return read_header(path).instance


def test_a_radiograph_is_rescaled(tmp_path: Path) -> None:
    dataset = cr_image(np.array([[0, 10], [20, 4095]], dtype=np.uint16))
    dataset.RescaleSlope, dataset.RescaleIntercept = 2, -100
    image = read_radiograph(_instance(dataset, tmp_path))
    assert image.pixels.tolist() == [[-100, -80], [-60, 8090]]
    assert image.pixels.dtype == np.float32
    assert image.value_range == (-100.0, 8090.0)
    assert image.pixel_spacing_mm == (0.15, 0.15)


def test_monochrome1_is_turned_bright_where_the_body_is_dense(tmp_path: Path) -> None:
    dataset = cr_image(np.array([[0, 4095]], dtype=np.uint16), photometric="MONOCHROME1")
    image = read_radiograph(_instance(dataset, tmp_path))
    assert image.pixels.tolist() == [[4095, 0]]
    assert image.value_range == (0.0, 4095.0)


def test_bits_above_bits_stored_are_no_part_of_the_image(tmp_path: Path) -> None:
    dataset = cr_image(np.array([[0xF001, 0x0002]], dtype=np.uint16))
    assert read_radiograph(_instance(dataset, tmp_path)).pixels.tolist() == [[1, 2]]


def test_padding_becomes_the_darkest_image_value(tmp_path: Path) -> None:
    dataset = cr_image(np.array([[4095, 100], [200, 4095]], dtype=np.uint16))
    dataset.PixelPaddingValue = 4095
    assert read_radiograph(_instance(dataset, tmp_path)).pixels.tolist() == [[100, 100], [200, 100]]


def test_signed_pixels_keep_their_sign(tmp_path: Path) -> None:
    dataset = cr_image(np.array([[0xFFFF, 5]], dtype=np.uint16), bits_stored=16)
    dataset.PixelRepresentation = 1
    image = read_radiograph(_instance(dataset, tmp_path))
    assert image.pixels.tolist() == [[-1, 5]]
    assert image.value_range == (-32768.0, 32767.0)


def test_an_object_without_pixels_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoPixelsError):
        read_radiograph(_instance(structured_report(), tmp_path))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"photometric_interpretation": "RGB"}, "Photometric Interpretation is 'RGB'"),
        ({"number_of_frames": 7}, "7 frames"),
        ({"rows": 60000, "columns": 60000}, "at most"),
        ({"transfer_syntax_uid": "1.2.840.10008.1.2.4.55"}, "no decoder here"),
    ],
)
def test_what_cannot_be_read_is_refused_from_the_header(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    instance = dataclasses.replace(_instance(cr_image(), tmp_path), **change)
    with pytest.raises(UnsupportedPixelsError, match=reason):
        read_radiograph(instance)


def test_an_image_of_20_000_by_20_000_pixels_is_refused_with_the_limit_and_without_memory(tmp_path: Path) -> None:
    instance = _instance(cr_image(np.zeros((2, 2), np.uint16)), tmp_path)
    whole = instance.path.read_bytes()
    side, size = (20_000).to_bytes(2, "little"), 20_000 * 20_000 * 2
    # Rows, Columns and the length of Pixel Data as they would be; the pixels are a hole in the file.
    for tag in (b"\x28\0\x10\0US\2\0", b"\x28\0\x11\0US\2\0"):
        whole = whole.replace(tag + b"\2\0", tag + side)
    head = whole[: whole.index(b"\xe0\x7f\x10\0OW") + 8]
    instance.path.write_bytes(head + size.to_bytes(4, "little"))
    os.truncate(instance.path, len(head) + 4 + size)
    tracemalloc.start()
    with pytest.raises(UnsupportedPixelsError, match="20000 x 20000 pixels; required: at most 100000000"):
        read_radiograph(read_header(instance.path).at(instance.path).instance)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_truncated_pixels_are_a_pixel_error(tmp_path: Path) -> None:
    instance = _instance(cr_image(), tmp_path)
    instance.path.write_bytes(instance.path.read_bytes()[:-100])
    with pytest.raises(PixelError, match="truncated or damaged"):
        read_radiograph(instance)


@pytest.mark.parametrize("vendor_error", PARSE_ERRORS)
def test_every_vendor_error_is_translated(vendor_error: type[Exception]) -> None:
    with pytest.raises(NotDicomError), translated_parse_errors():
        raise vendor_error


def _with_lut(entries: list[int], first: int, bits: int) -> Dataset:
    dataset = cr_image(np.array([[0, 1], [2, 9]], dtype=np.uint16))
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries), first, bits])
    item.ModalityLUTType = "US"
    item.add_new("LUTData", "US", entries)
    dataset.ModalityLUTSequence = [item]
    return dataset


def test_a_modality_lut_takes_the_place_of_the_rescale(tmp_path: Path) -> None:
    image = read_radiograph(_instance(_with_lut([5, 50, 500], 0, 16), tmp_path))
    assert image.pixels.tolist() == [[5, 50], [500, 500]]
    assert image.value_range == (0.0, 65535.0)


def test_a_modality_lut_in_a_sequence_of_undefined_length_is_one_too(tmp_path: Path) -> None:
    dataset = _with_lut([5, 50, 500], 0, 16)
    dataset["ModalityLUTSequence"].is_undefined_length = True
    dataset.ModalityLUTSequence[0].is_undefined_length_sequence_item = True
    assert read_radiograph(_instance(dataset, tmp_path)).pixels.tolist() == [[5, 50], [500, 500]]


@pytest.mark.parametrize("is_undefined", [False, True])
def test_an_empty_modality_lut_sequence_is_none(tmp_path: Path, *, is_undefined: bool) -> None:
    dataset = cr_image()
    dataset.ModalityLUTSequence = []
    dataset["ModalityLUTSequence"].is_undefined_length = is_undefined
    assert read_radiograph(_instance(dataset, tmp_path)).value_range == (0.0, 4095.0)


def test_a_slope_of_nothing_is_refused(tmp_path: Path) -> None:
    dataset = cr_image()
    dataset.RescaleSlope, dataset.RescaleIntercept = 0, 5
    with pytest.raises(PixelError, match="Rescale Slope is 0"):
        read_radiograph(_instance(dataset, tmp_path))


def test_a_modality_lut_that_is_none_is_a_pixel_error_or_no_dicom(tmp_path: Path) -> None:
    dataset = _with_lut([5, 50, 500], 0, 16)
    del dataset.ModalityLUTSequence[0].LUTData
    with pytest.raises((PixelError, NotDicomError)):
        read_radiograph(_instance(dataset, tmp_path))


def test_the_padding_of_signed_pixels_is_signed(tmp_path: Path) -> None:
    dataset = cr_image(np.array([[0xF830, 5], [7, 0xF830]], dtype=np.uint16), bits_stored=16)
    dataset.PixelRepresentation = 1
    dataset.add_new("PixelPaddingValue", "SS", -2000)
    assert read_radiograph(_instance(dataset, tmp_path)).pixels.tolist() == [[5, 5], [7, 5]]
