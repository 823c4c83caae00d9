"""A projection image as numbers that a model may take."""

import numpy as np
import numpy.typing as npt

from dicom_io.stored_pixels import DEFAULT_MAXIMUM_PIXELS, StoredPixels, read_stored_pixels
from dicom_io.study import Instance
from dicom_io.volume import Radiograph


def read_radiograph(instance: Instance, maximum_pixels: int = DEFAULT_MAXIMUM_PIXELS) -> Radiograph:
    """The pixels of *instance*, rescaled, bright where the body is dense; padding becomes the darkest image value.

    Raises:
        NoPixelsError: the instance has none.
        UnsupportedPixelsError: colour, several frames, no decoder, or more than *maximum_pixels*.
        PixelError: the pixels are truncated or damaged.
        OSError: the file is gone.
    """
    stored = read_stored_pixels(instance, maximum_pixels)
    pixels = np.empty(stored.values.shape, dtype=np.float32)
    stored.rescale_into(pixels)
    value_range = _value_range(stored)
    if instance.photometric_interpretation == "MONOCHROME1":
        # Mirrored within its own range, so that a model sees one sense and the range stays true.
        np.subtract(np.float32(sum(value_range)), pixels, out=pixels)
    _darken_padding(pixels, stored)
    return Radiograph(
        pixels=pixels,
        value_range=value_range,
        pixel_spacing_mm=instance.pixel_spacing_mm,
        sop_instance_uid=instance.sop_instance_uid,
    )


def _value_range(stored: StoredPixels) -> tuple[float, float]:
    low, high = (value * stored.slope + stored.intercept for value in stored.stored_range)
    return min(low, high), max(low, high)


def _darken_padding(pixels: npt.NDArray[np.float32], stored: StoredPixels) -> None:
    mask = stored.padding_mask()
    if mask is not None and not mask.all():
        pixels[mask] = pixels[~mask].min()
