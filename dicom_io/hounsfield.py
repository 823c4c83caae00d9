"""Whether a CT slice holds Hounsfield units: a header that lies about sign or scale gives an image that looks right."""

import numpy as np
import numpy.typing as npt

from dicom_io.errors import PixelError, UnsupportedPixelsError
from dicom_io.stored_pixels import StoredPixels

#: Beyond any scanner's extended scale: a header that mis-declares sign or depth gives values like these.
_PLAUSIBLE_HU = (-10_000.0, 40_000.0)
#: Rescale Types (0028,1054) of Hounsfield units, or of older scanners that leave it open (PS3.3 C.11.1.1.2).
_HOUNSFIELD_TYPES = frozenset({"", "HU", "US"})
#: Steps coarser than this, as after a reduction to 8 bits, blur what tells tissues apart.
_COARSEST_STEP_HU = 8.0
#: Of two neighbours in a true image hardly any differ by half of all that the bits can hold; of wrapped ones many do.
_MOST_WRAPPED = 0.01
#: Every eighth row is enough to see that.
_ROW_STEP = 8


def check_hounsfield(hounsfield: npt.NDArray[np.float32], stored: StoredPixels, name: str) -> None:
    """Refuse the slice called *name* (its instance number) when its values (y, x) cannot be Hounsfield units.

    Raises:
        UnsupportedPixelsError: they have another unit, none, or steps too coarse.
        PixelError: they lie or jump as no CT's do.
    """
    _check_scale(stored, name)
    low, high = stored.extent()
    if low < _PLAUSIBLE_HU[0] or high > _PLAUSIBLE_HU[1] or stored.padding is not None:
        # Padding may lie anywhere, and has become air by now.
        low, high = float(hounsfield.min()), float(hounsfield.max())
    if low < _PLAUSIBLE_HU[0] or high > _PLAUSIBLE_HU[1]:
        raise PixelError(
            f"Instance number {name} holds values from {low:.0f} to {high:.0f} HU; required: "
            f"{_PLAUSIBLE_HU[0]:.0f} to {_PLAUSIBLE_HU[1]:.0f}. Its header mis-states sign or depth. "
            "Send the series again from the scanner."
        )
    half = stored.slope * (stored.stored_range[1] - stored.stored_range[0] + 1) / 2
    if high - low > abs(half) and _wrapped(hounsfield, abs(half)) > _MOST_WRAPPED:
        raise PixelError(
            f"Instance number {name} holds values that jump between the ends of their range, as those of signed pixels "
            "read as unsigned do; required: Pixel Representation (0028,0103) as the pixels are. "
            "Send the series again from the scanner."
        )


def _check_scale(stored: StoredPixels, name: str) -> None:
    if not stored.is_calibrated or stored.rescale_type not in _HOUNSFIELD_TYPES:
        found = f"the unit {stored.rescale_type!r}" if stored.is_calibrated else "no Rescale Slope and Intercept"
        raise UnsupportedPixelsError(
            f"Instance number {name} has {found}; required: Hounsfield units (Rescale Type HU). "
            "Send the original CT series, not a map computed from it."
        )
    if abs(stored.slope) > _COARSEST_STEP_HU:
        raise UnsupportedPixelsError(
            f"Instance number {name} holds values in steps of {abs(stored.slope):.1f} HU, as after a reduction to 8 "
            f"bits; required: at most {_COARSEST_STEP_HU:g} HU. Send the series without lossy compression."
        )


def _wrapped(hounsfield: npt.NDArray[np.float32], jump: float) -> float:
    """The share of neighbours along a row that differ by *jump* or more."""
    return float(np.mean(np.abs(np.diff(hounsfield[::_ROW_STEP], axis=1)) >= jump))
