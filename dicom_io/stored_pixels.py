"""Stored pixel values of one grey frame (PS3.3 C.7.6.3), decoded, with what turns them into physical values."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import get_decoder
from pydicom.tag import Tag

from dicom_io.errors import NoPixelsError, NotDicomError, PixelError, UnsupportedPixelsError
from dicom_io.study import Instance
from dicom_io.vendor_errors import PARSE_ERRORS, translated_parse_errors

#: More than any detector or matrix in use; a header that asks for more is wrong or hostile.
DEFAULT_MAXIMUM_PIXELS = 100_000_000

#: RuntimeError is what pydicom raises when every decoder failed.
_DECODE_ERRORS: tuple[type[Exception], ...] = (*PARSE_ERRORS, RuntimeError)
_GREY = ("MONOCHROME1", "MONOCHROME2")
_TAGS = [
    Tag(keyword)
    for keyword in (
        "Rows",
        "Columns",
        "SamplesPerPixel",
        "PhotometricInterpretation",
        "NumberOfFrames",
        "BitsAllocated",
        "BitsStored",
        "HighBit",
        "PixelRepresentation",
        "PlanarConfiguration",
        "PixelPaddingValue",
        "PixelPaddingRangeLimit",
        "RescaleSlope",
        "RescaleIntercept",
        "ModalityLUTSequence",
        "PixelData",
        "ExtendedOffsetTable",
        "ExtendedOffsetTableLengths",
    )
]


@dataclass(frozen=True, kw_only=True)
class StoredPixels:
    """One decoded frame, before rescale."""

    #: Integers (y, x) as stored, sign and unused bits put right.
    values: npt.NDArray[np.integer[Any]]
    #: Lowest and highest value that Bits Stored (0028,0101) and Pixel Representation (0028,0103) allow.
    stored_range: tuple[int, int]
    #: Rescale Slope (0028,1053); 1 when absent.
    slope: float
    #: Rescale Intercept (0028,1052); 0 when absent.
    intercept: float
    #: Lowest and highest stored value that means "no image here" (0028,0120), (0028,0121); None when absent.
    padding: tuple[int, int] | None

    def rescale_into(self, target: npt.NDArray[np.float32]) -> None:
        """Write ``slope * stored + intercept`` to *target* (y, x), without another array in between."""
        np.multiply(self.values, np.float32(self.slope), out=target, casting="unsafe")
        target += np.float32(self.intercept)

    def padding_mask(self) -> npt.NDArray[np.bool_] | None:
        """Where there is no image, as bool (y, x); None when everything is image."""
        if self.padding is None:
            return None
        mask = (self.values >= self.padding[0]) & (self.values <= self.padding[1])
        return mask if mask.any() else None


def read_stored_pixels(instance: Instance, maximum_pixels: int = DEFAULT_MAXIMUM_PIXELS) -> StoredPixels:
    """Decode the one grey frame of *instance*.

    Raises:
        NoPixelsError: it has none.
        UnsupportedPixelsError: colour, several frames, no decoder, more than *maximum_pixels*, or a Modality LUT.
        PixelError: they are truncated or damaged.
        NotDicomError: the file cannot be parsed any more.
        OSError: the file is gone.
    """
    check_is_grey_frame(instance, maximum_pixels)
    decoder = _decoder(instance.transfer_syntax_uid)
    dataset = _read(instance.path)
    with _translated_pixel_errors():
        values, _ = decoder.as_array(dataset, index=0, raw=True)
        if values.shape != (instance.rows, instance.columns):
            raise PixelError(
                f"Decoding gave an array of shape {values.shape}; required: {(instance.rows, instance.columns)} as in "
                "Rows and Columns. Send the image again from its source."
            )
        return _describe(dataset, values)


def check_is_grey_frame(instance: Instance, maximum_pixels: int = DEFAULT_MAXIMUM_PIXELS) -> None:
    """Refuse from the header what `read_stored_pixels` would refuse, before anything is allocated.

    Raises:
        NoPixelsError: there are no pixels.
        UnsupportedPixelsError: colour, several frames, or more than *maximum_pixels*.
    """
    if not instance.has_pixels or instance.rows * instance.columns == 0:
        raise NoPixelsError("The instance has no pixel data; required: an image. Choose a series of images.")
    if instance.photometric_interpretation not in _GREY:
        raise UnsupportedPixelsError(
            f"Photometric Interpretation is {instance.photometric_interpretation!r}; "
            f"required: {' or '.join(_GREY)}. Send the original grey image, not a capture or a colour map."
        )
    if instance.number_of_frames > 1:
        raise UnsupportedPixelsError(
            f"The instance has {instance.number_of_frames} frames; required: one frame an instance. "
            "Send single-frame images; enhanced multi-frame objects are not read here."
        )
    if instance.rows * instance.columns > maximum_pixels:
        raise UnsupportedPixelsError(
            f"The image has {instance.rows} x {instance.columns} pixels; required: at most {maximum_pixels}."
        )


def _decoder(transfer_syntax_uid: str) -> Any:
    try:
        decoder = get_decoder(transfer_syntax_uid)
    except NotImplementedError:
        decoder = None
    if decoder is None or not decoder.is_available:
        raise UnsupportedPixelsError(
            f"Transfer syntax {transfer_syntax_uid} has no decoder here; required: uncompressed, deflated, RLE, JPEG, "
            "JPEG-LS, JPEG 2000 or HTJ2K. Let the PACS send the image uncompressed (Explicit VR Little Endian)."
        )
    return decoder


def _read(path: Path) -> Dataset:
    with path.open("rb") as file, translated_parse_errors():
        return dcmread(file, specific_tags=_TAGS)


def _describe(dataset: Dataset, values: npt.NDArray[np.integer[Any]]) -> StoredPixels:
    if dataset.get("ModalityLUTSequence"):
        raise UnsupportedPixelsError(
            "The image has a Modality LUT (0028,3000); required: Rescale Slope and Intercept, or neither."
        )
    bits = int(dataset.BitsStored)
    is_signed = int(dataset.PixelRepresentation) == 1
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if is_signed else (0, 2**bits - 1)
    return StoredPixels(
        values=values,
        stored_range=(low, high),
        slope=_number(dataset, "RescaleSlope", 1.0) or 1.0,
        intercept=_number(dataset, "RescaleIntercept", 0.0),
        padding=_padding(dataset),
    )


def _number(dataset: Dataset, keyword: str, default: float) -> float:
    value = dataset.get(keyword)
    return default if value in (None, "") else float(value)


def _padding(dataset: Dataset) -> tuple[int, int] | None:
    first = dataset.get("PixelPaddingValue")
    if first is None:
        return None
    last = dataset.get("PixelPaddingRangeLimit")
    bounds = sorted((int(first), int(first if last is None else last)))
    return bounds[0], bounds[1]


@contextmanager
def _translated_pixel_errors() -> Iterator[None]:
    try:
        yield
    except (PixelError, NotDicomError):
        raise
    except _DECODE_ERRORS as error:
        raise PixelError(
            f"The pixels cannot be decoded ({type(error).__name__}): they are truncated or damaged, or the header "
            "contradicts them. Send the image again from its source."
        ) from error
