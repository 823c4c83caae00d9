"""Pixels with their geometry: what a model's preprocessing starts from."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: What lies outside the field of view counts as air.
AIR_HU = np.float32(-1024.0)


@dataclass(frozen=True, kw_only=True)
class Radiograph:
    """One projection image, upright as stored, bright where the body is dense (MONOCHROME2 sense)."""

    #: float32 (y, x); rescaled, MONOCHROME1 inverted, in the unit of the source.
    pixels: npt.NDArray[np.float32]
    #: Lowest and highest value that the stored bits can take after rescale and inversion.
    value_range: tuple[float, float]
    #: Spacing between rows, between columns in mm; None when the source does not say.
    pixel_spacing_mm: tuple[float, float] | None
    #: SOP Instance UID of the source.
    sop_instance_uid: str


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A regular stack of axial-like slices, sorted along its normal; a tilted gantry shears it."""

    #: float32 (z, y, x) in Hounsfield units for CT.
    voxels: npt.NDArray[np.float32]
    #: Spacing (z, y, x) in mm.
    spacing_mm: tuple[float, float, float]
    #: float64 (4, 4): index (x, y, z, 1) -> mm in the patient system, LPS (PS3.3 C.7.6.2.1.1).
    affine: npt.NDArray[np.float64]
    #: SOP Instance UIDs of the slices, in z order.
    sop_instance_uids: tuple[str, ...]
    #: Series the slices belong to.
    series_instance_uid: str
    #: Frame of each slice in its instance, counted from 1 (PS3.3 C.7.6.16.2.2); empty when it comes from no file.
    frame_numbers: tuple[int, ...] = ()

    @property
    def drift_px(self) -> tuple[float, float]:
        """Rows and columns by which each slice lies beside the one before, seen along their normal."""
        return drift_px(self.affine)


def drift_px(affine: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Rows and columns by which *affine* (`Volume.affine`) puts each slice beside the one before."""
    along_row, along_column, step = affine[:3, 0], affine[:3, 1], affine[:3, 2]
    rows, columns = ((step @ axis) / (axis @ axis) for axis in (along_column, along_row))
    return float(rows), float(columns)
