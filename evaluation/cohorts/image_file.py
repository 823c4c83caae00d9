"""One image file as a radiograph: PNG, JPEG and the like, or DICOM."""

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from dicom_io.errors import DicomIoError
from dicom_io.headers import read_header
from dicom_io.pixels import read_radiograph
from dicom_io.volume import Radiograph
from evaluation.errors import CohortError

_DICOM_SUFFIXES = frozenset({".dcm", ".dicom"})
#: After the preamble of 128 bytes, PS3.10 section 7.1; archives write files without a suffix.
_DICOM_PREFIX, _DICOM_PREFIX_AT = b"DICM", 128
#: Modes of Pillow that hold one grey value a pixel, of more than eight bits.
_DEEP_MODES = frozenset({"I;16", "I;16B", "I", "F"})
#: Smaller pictures show no anatomy.
_SMALLEST_PX = 28


def read_image_file(path: Path) -> Radiograph:
    """The grey values of the image at *path*, colour and transparency left out.

    Raises:
        CohortError: it is missing, damaged, no image, smaller than 28 x 28, or has values that are no numbers.
    """
    radiograph = _read_dicom(path) if _is_dicom(path) else _read_picture(path)
    rows, columns = radiograph.pixels.shape
    if min(rows, columns) < _SMALLEST_PX:
        raise CohortError(f"'{path}' has {rows} x {columns} pixels; required are {_SMALLEST_PX} x {_SMALLEST_PX}")
    odd = int((~np.isfinite(radiograph.pixels)).sum())
    if odd:
        raise CohortError(f"'{path}' has {odd} pixels that are not finite (NaN or infinity); required are numbers")
    return radiograph


def _is_dicom(path: Path) -> bool:
    if path.suffix.lower() in _DICOM_SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            return file.read(_DICOM_PREFIX_AT + 4)[_DICOM_PREFIX_AT:] == _DICOM_PREFIX
    except OSError as error:
        raise CohortError(
            f"'{path}' is no image that can be read ({error.strerror}); give PNG, JPEG or DICOM"
        ) from error


def _read_dicom(path: Path) -> Radiograph:
    try:
        return read_radiograph(read_header(path).instance)
    except (DicomIoError, OSError) as error:
        raise CohortError(f"'{path}' is no DICOM image that can be read: {error}") from error


def _read_picture(path: Path) -> Radiograph:
    try:
        with Image.open(path) as image:
            deep = image.mode in _DEEP_MODES
            pixels = np.asarray(image if deep else image.convert("L"), dtype=np.float32)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise CohortError(f"'{path}' is no image that can be read ({error}); give PNG, JPEG or DICOM") from error
    return Radiograph(
        pixels=pixels, value_range=(0, 65535 if deep else 255), pixel_spacing_mm=None, sop_instance_uid=""
    )
