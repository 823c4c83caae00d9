"""Stored pixel values of grey frames (PS3.3 C.7.6.3), decoded, with what turns them into physical values."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import dcmread
from pydicom.pixels import apply_modality_lut

from dicom_io.decode.decoders import check_decodable, keeps_words
from dicom_io.decode.pixel_file import PixelFile, open_pixels
from dicom_io.decode.pixel_header import PixelHeader
from dicom_io.errors import NoPixelsError, PixelError, UnsupportedPixelsError
from dicom_io.functional_groups import Rescale
from dicom_io.study import Instance
from dicom_io.vendor_errors import translated_parse_errors

#: More than any detector or matrix in use; a header that asks for more is wrong or hostile.
DEFAULT_MAXIMUM_PIXELS = 100_000_000

_GREY = ("MONOCHROME1", "MONOCHROME2")


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
    #: Whether the header states a rescale at all: without one a CT's values are no Hounsfield units.
    is_calibrated: bool
    #: Rescale Type (0028,1054), upper case; empty when absent.
    rescale_type: str

    def rescaled_as(self, rescale: Rescale | None) -> "StoredPixels":
        """The same values with the *rescale* of their frame, where it has one of its own."""
        if rescale is None:
            return self
        return replace(
            self, slope=rescale.slope, intercept=rescale.intercept, rescale_type=rescale.type, is_calibrated=True
        )

    def rescale_into(self, target: npt.NDArray[np.float32]) -> None:
        """Write ``slope * stored + intercept`` to *target* (y, x), without another array in between.

        Raises:
            PixelError: the slope makes all values one.
        """
        if self.slope == 0:
            raise PixelError("Rescale Slope is 0; required: another number. Send the image again from its source.")
        # Cast first: numpy adds in place twice as fast as it casts and adds at once.
        target[:] = self.values
        if self.slope != 1.0:
            target *= np.float32(self.slope)
        if self.intercept != 0.0:
            target += np.float32(self.intercept)

    def extent(self) -> tuple[float, float]:
        """Lowest and highest value after rescale."""
        ends = (float(end) * self.slope + self.intercept for end in (self.values.min(), self.values.max()))
        low, high = sorted(ends)
        return low, high

    def padding_mask(self) -> npt.NDArray[np.bool_] | None:
        """Where there is no image, as bool (y, x); None when everything is image."""
        if self.padding is None:
            return None
        low, high = self.padding
        mask = self.values == low if low == high else (self.values >= low) & (self.values <= high)
        return mask if mask.any() else None


def read_stored_pixels(instance: Instance, maximum_pixels: int = DEFAULT_MAXIMUM_PIXELS) -> StoredPixels:
    """Decode the one grey frame of *instance*.

    Raises:
        NoPixelsError: it has none.
        UnsupportedPixelsError: colour, several frames, no decoder, or more than *maximum_pixels*.
        PixelError: they are truncated or damaged.
        NotDicomError: the file cannot be parsed any more.
        OSError: the file is gone.
    """
    if instance.number_of_frames > 1:
        raise UnsupportedPixelsError(
            f"The instance has {instance.number_of_frames} frames; required: one image. "
            "Send single-frame images, or slices with their positions."
        )
    (stored,) = read_stored_frames(instance, maximum_pixels)
    return stored


def read_stored_frames(instance: Instance, maximum_pixels: int = DEFAULT_MAXIMUM_PIXELS) -> Iterator[StoredPixels]:
    """Decode the grey frames of *instance* in turn; never more than one is held here.

    Raises:
        NoPixelsError, UnsupportedPixelsError, PixelError, NotDicomError, OSError: as `read_stored_pixels`.
    """
    check_is_grey(instance, maximum_pixels)
    opened = open_pixels(instance.path, maximum_pixels)
    return (_describe(opened, values, instance) for values in opened.frames())


def check_is_grey(instance: Instance, maximum_pixels: int = DEFAULT_MAXIMUM_PIXELS) -> None:
    """Refuse from the header what cannot be read as grey, before anything is opened or allocated.

    Raises:
        NoPixelsError: there are no pixels.
        UnsupportedPixelsError: colour, no decoder, or more than *maximum_pixels*.
    """
    if not instance.has_pixels or instance.rows * instance.columns == 0:
        raise NoPixelsError("The instance has no pixel data; required: an image. Choose a series of images.")
    if instance.photometric_interpretation not in _GREY:
        raise UnsupportedPixelsError(
            f"Photometric Interpretation is {instance.photometric_interpretation!r}; "
            f"required: {' or '.join(_GREY)}. Send the original grey image, not a capture or a colour map."
        )
    check_decodable(instance.transfer_syntax_uid)
    if instance.rows * instance.columns > maximum_pixels:
        raise UnsupportedPixelsError(
            f"The image has {instance.rows} x {instance.columns} pixels; required: at most {maximum_pixels}."
        )


def _describe(opened: PixelFile, container: npt.NDArray[Any], instance: Instance) -> StoredPixels:
    header = opened.header
    if container.ndim != 2:
        raise PixelError(
            f"Decoding gave an array of shape {container.shape}; required: {(header.rows, header.columns)} as in "
            "Rows and Columns. Send the image again from its source."
        )
    values = _stored_values(container, header, is_shifted=keeps_words(opened.transfer_syntax_uid))
    low, high = header.stored_range
    padding = header.padding
    if values.dtype.kind == "i" and not header.is_signed:
        low, high = -(high + 1) // 2, high // 2
        padding = padding and (_as_signed(padding[0]), _as_signed(padding[1]))
    slope, intercept = header.slope, header.intercept
    if header.has_modality_lut:
        values, low, high = _through_modality_lut(instance, values)
        slope, intercept = None, None
    return StoredPixels(
        values=values,
        stored_range=(low, high),
        slope=1.0 if slope is None else slope,
        intercept=intercept or 0.0,
        padding=None if header.has_modality_lut else padding,
        is_calibrated=None not in (slope, intercept),
        rescale_type=header.rescale_type,
    )


def _as_signed(padding: int) -> int:
    # It is written in two bytes whatever the pixels have (PS3.3 C.7.5.1.1.2).
    return padding - 2**16 if padding >= 2**15 else padding


def _stored_values(container: npt.NDArray[Any], header: PixelHeader, *, is_shifted: bool) -> npt.NDArray[Any]:
    """The stored values in their *container* (PS3.5 8.1.1): unused bits away, sign put right.

    A JPEG 2000 stream that says "signed" is believed against the header, which then lies: its numbers were signed when
    they were compressed.
    """
    if container.dtype.kind == "i":
        return container
    if is_shifted and header.high_bit >= header.bits_stored:
        container = container >> (header.high_bit + 1 - header.bits_stored)
    unused = container.dtype.itemsize * 8 - header.bits_stored
    if unused < 0:
        raise PixelError(
            f"Samples of {container.dtype.itemsize * 8} bits were found; required: Bits Stored {header.bits_stored}. "
            "Send the image again from its source."
        )
    if header.is_signed:
        signed = container.view(container.dtype.str.replace("u", "i"))
        return (signed << unused) >> unused if unused else signed
    if unused and is_shifted:
        return container & ((1 << header.bits_stored) - 1)
    # Lossy compression may give a little more than was stored; half as much again is none of its doing.
    if unused and int(container.max()) >= 3 << (header.bits_stored - 1):
        raise PixelError(
            f"The compressed pixels reach {int(container.max())}; required: no more than Bits Stored "
            f"{header.bits_stored} can hold. The header mis-states the depth: send the image again from its source."
        )
    return container


def _through_modality_lut(instance: Instance, values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], int, int]:
    """*values* through the Modality LUT (PS3.3 C.11.1.1), with the lowest and highest value that it gives."""
    with instance.path.open("rb") as file, translated_parse_errors():
        dataset = dcmread(file, specific_tags=["ModalityLUTSequence"], stop_before_pixels=True)
        mapped = apply_modality_lut(values, dataset)
        table = dataset.ModalityLUTSequence[0]
        bits = int(table.LUTDescriptor[2])
    return np.asarray(mapped), 0, 2**bits - 1
