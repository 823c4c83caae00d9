"""Pixels in every encoding: compressed copies of an image, and enhanced multi-frame objects. All made up."""

import copy
import struct
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from tests.factories.dicom import AXIAL, ct_series

ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"

#: Writers of streams that give back the pixels they were given.
LOSSLESS: dict[str, Callable[[npt.NDArray[Any]], bytes]] = {
    uid.JPEGLossless: partial(imagecodecs.jpeg8_encode, lossless=True, bitspersample=16),
    uid.JPEGLosslessSV1: partial(imagecodecs.jpeg8_encode, lossless=True, predictor=1, bitspersample=16),
    uid.JPEGLSLossless: imagecodecs.jpegls_encode,
    uid.JPEG2000Lossless: partial(imagecodecs.jpeg2k_encode, codecformat="j2k", reversible=True, level=0),
    uid.HTJ2KLossless: imagecodecs.htj2k_encode,
    uid.HTJ2KLosslessRPCL: imagecodecs.htj2k_encode,
}


def noisy_ct(size: tuple[int, int] = (48, 40), *, is_signed: bool = False) -> Dataset:
    """A CT slice whose pixels differ all over."""
    dataset = ct_series(1, size=size)[0]
    values = np.random.default_rng(7).integers(0, 4096, size)
    if is_signed:
        values = values - 1024
        dataset.PixelRepresentation, dataset.RescaleIntercept = 1, 0
    dataset.PixelData = values.astype("<i2" if is_signed else "<u2").tobytes()
    return dataset


def stored(dataset: Dataset) -> npt.NDArray[Any]:
    """The pixels of an uncompressed, single-frame *dataset*."""
    kind = "<i2" if dataset.PixelRepresentation else "<u2"
    return np.frombuffer(dataset.PixelData, kind).reshape(dataset.Rows, dataset.Columns)


def run_lengths(words: npt.NDArray[Any]) -> bytes:
    """A frame of *words* of two bytes in RLE Lossless (PS3.5 G): every bit of them."""
    planes = words.astype("<u2").view(np.uint8).reshape(-1, 2).T[::-1]
    high, low = (imagecodecs.packbits_encode(plane.tobytes()) for plane in planes)
    high += b"\0" * (len(high) % 2)
    return struct.pack("<16I", 2, 64, 64 + len(high), *[0] * 13) + high + low


def compressed(dataset: Dataset, transfer_syntax_uid: str, streams: Sequence[bytes]) -> Dataset:
    """A copy of *dataset* whose frames are *streams*."""
    changed = copy.deepcopy(dataset)
    changed.file_meta.TransferSyntaxUID = transfer_syntax_uid
    changed.PixelData = encapsulate(list(streams))
    changed["PixelData"].VR = "OB"
    changed["PixelData"].is_undefined_length = True
    return changed


def enhanced_ct(slices: int = 5, *, order: Sequence[int] | None = None) -> Dataset:
    """The series of `ct_series` as one Enhanced CT object; frame f holds the slice ``order[f]``."""
    return enhanced_of(ct_series(slices), order)


def enhanced_of(series: Sequence[Dataset], order: Sequence[int] | None = None) -> Dataset:
    """The single-frame CT *series* as one Enhanced CT object; frame f holds the slice ``order[f]``."""
    chosen = [series[index] for index in (order or range(len(series)))]
    dataset = copy.deepcopy(series[0])
    for keyword in (
        *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"),
        *("RescaleSlope", "RescaleIntercept", "RescaleType"),
    ):
        delattr(dataset, keyword)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = ENHANCED_CT
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    dataset.NumberOfFrames = len(chosen)
    dataset.PixelData = b"".join(one.PixelData for one in chosen)
    dataset.SharedFunctionalGroupsSequence = [_shared(chosen[0])]
    dataset.PerFrameFunctionalGroupsSequence = [_own(one, number) for number, one in enumerate(chosen, start=1)]
    return dataset


def _shared(one: Dataset) -> Dataset:
    groups = Dataset()
    groups.PixelMeasuresSequence = [_item(PixelSpacing=one.PixelSpacing, SliceThickness=one.SliceThickness)]
    groups.PlaneOrientationSequence = [_item(ImageOrientationPatient=list(AXIAL))]
    groups.CTImageFrameTypeSequence = [_item(FrameType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"])]
    return groups


def _own(one: Dataset, number: int) -> Dataset:
    groups = Dataset()
    groups.FrameContentSequence = [_item(FrameAcquisitionNumber=1, DimensionIndexValues=[1, number])]
    groups.PlanePositionSequence = [_item(ImagePositionPatient=one.ImagePositionPatient)]
    groups.PixelValueTransformationSequence = [
        _item(RescaleIntercept=one.RescaleIntercept, RescaleSlope=one.RescaleSlope, RescaleType="HU")
    ]
    return groups


def _item(**values: Any) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item
