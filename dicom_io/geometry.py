"""Where slices lie in the patient, and whether they form one regular stack (PS3.3 C.7.6.2)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dicom_io.errors import GeometryError
from dicom_io.study import Instance, Series

#: Cosines differ by less within one stack, whatever digits a scanner writes.
_COSINE_TOLERANCE = 1e-3
#: Least |z| of the normal of a stack that counts as axial: 45 degrees.
_AXIAL_COSINE = 0.7071
#: Positions are often rounded to 0.1 mm.
_POSITION_TOLERANCE_MM = 0.1
#: Sideways drift of the slices that still counts as upright, in pixels over the whole stack.
_DRIFT_TOLERANCE_PX = 1.0
_LOCALIZER_WORDS = frozenset({"LOCALIZER", "SCOUT", "TOPOGRAM"})


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Instances of one regular stack, in the order of their positions along the normal."""

    #: Feet to head for axial slices written head first or feet first alike.
    instances: tuple[Instance, ...]
    #: Spacing (z, y, x) in mm.
    spacing_mm: tuple[float, float, float]
    #: float64 (4, 4): index (x, y, z, 1) -> mm in the patient system, LPS (PS3.3 C.7.6.2.1.1).
    affine: npt.NDArray[np.float64]


def order_stack(series: Series) -> Stack:
    """The one axial stack of original slices in *series*; localizers and captures are left out.

    Raises:
        GeometryError: there is no such stack, or it is incomplete, mixed or irregular; the text says what to do.
    """
    slices = select_slices(series)
    _check_alike(slices)
    normal = _normal(slices[0])
    slices = sorted(slices, key=lambda instance: float(np.dot(_position(instance), normal)))
    depths = np.array([np.dot(_position(instance), normal) for instance in slices])
    _check_spacing(slices, depths)
    _check_upright(slices, normal)
    step_mm = float(depths[-1] - depths[0]) / (len(slices) - 1)
    row_spacing, column_spacing = _spacing(slices[0])
    return Stack(
        instances=tuple(slices),
        spacing_mm=(step_mm, row_spacing, column_spacing),
        affine=_affine(slices, row_spacing, column_spacing),
    )


def select_slices(series: Series) -> list[Instance]:
    """The instances of *series* that may be slices of its volume: placed in the patient, no localizer, no capture.

    Original slices (PS3.3 C.7.6.1.1.2) are preferred; derived ones are taken when there are no others.

    Raises:
        GeometryError: fewer than two remain.
    """
    placed = [instance for instance in series.instances if _is_placed_slice(instance)]
    original = [instance for instance in placed if instance.image_type[:1] in ((), ("ORIGINAL",))]
    slices = original or placed
    if len(slices) < 2:
        raise GeometryError(
            f"Found {len(slices)} slices with a position among {len(series.instances)} instances of the series; "
            "required: at least 2 axial slices. Choose the axial series, not the localizer or a capture."
        )
    return slices


def _is_placed_slice(instance: Instance) -> bool:
    is_placed = None not in (instance.image_position, instance.image_orientation, instance.pixel_spacing_mm)
    is_secondary = instance.image_type[1:2] == ("SECONDARY",)
    is_localizer = not _LOCALIZER_WORDS.isdisjoint(instance.image_type)
    return instance.has_pixels and is_placed and not is_secondary and not is_localizer


def _check_alike(slices: Sequence[Instance]) -> None:
    first = slices[0]
    for instance in slices[1:]:
        if (instance.rows, instance.columns) != (first.rows, first.columns):
            _refuse_mixed("image sizes", f"{first.rows} x {first.columns}", f"{instance.rows} x {instance.columns}")
        if not np.allclose(_spacing(instance), _spacing(first), rtol=_COSINE_TOLERANCE):
            _refuse_mixed("pixel spacings", str(_spacing(first)), str(_spacing(instance)))
        if not np.allclose(_orientation(instance), _orientation(first), atol=_COSINE_TOLERANCE):
            _refuse_mixed("orientations", str(_orientation(first)), str(_orientation(instance)))
    if abs(_normal(first)[2]) < _AXIAL_COSINE:
        raise GeometryError("The slices are coronal or sagittal; required: axial. Choose the axial series.")


def _refuse_mixed(what: str, one: str, other: str) -> None:
    raise GeometryError(
        f"The series mixes {what}: {one} and {other}; required: one. Send the axial slices as a series of their own."
    )


def _check_spacing(slices: Sequence[Instance], depths: npt.NDArray[np.float64]) -> None:
    steps = np.diff(depths)
    step_mm = float(np.median(steps))
    same = np.flatnonzero(steps < _POSITION_TOLERANCE_MM / 2)
    if same.size:
        raise GeometryError(
            f"{same.size + 1} or more slices share a position ({_between(slices, int(same[0]))}); required: one slice "
            "a position. The series holds several phases or was sent twice: send one phase as a series of its own."
        )
    gap = np.flatnonzero(steps > 1.5 * step_mm)
    if gap.size:
        raise GeometryError(
            f"A gap of {steps[gap[0]]:.2f} mm {_between(slices, int(gap[0]))} where the spacing is {step_mm:.2f} mm; "
            "required: a stack without gaps. Slices are missing: send the series again."
        )
    off_line = np.abs(depths - np.linspace(depths[0], depths[-1], len(depths)))
    if off_line.max() > max(_POSITION_TOLERANCE_MM, 0.05 * step_mm):
        raise GeometryError(
            f"The slice spacing is irregular, from {steps.min():.2f} to {steps.max():.2f} mm; required: equal spacing. "
            "Reconstruct the series with one increment."
        )


def _check_upright(slices: Sequence[Instance], normal: npt.NDArray[np.float64]) -> None:
    way = _position(slices[-1]) - _position(slices[0])
    drift_mm = float(np.linalg.norm(way - np.dot(way, normal) * normal))
    if drift_mm > _DRIFT_TOLERANCE_PX * min(_spacing(slices[0])) + _POSITION_TOLERANCE_MM:
        raise GeometryError(
            f"The slices drift sideways by {drift_mm:.1f} mm, as with a tilted gantry; required: slices straight above "
            "each other. Send a reconstruction without tilt."
        )


def _between(slices: Sequence[Instance], index: int) -> str:
    return f"between instance numbers {slices[index].instance_number} and {slices[index + 1].instance_number}"


def _affine(slices: Sequence[Instance], row_spacing: float, column_spacing: float) -> npt.NDArray[np.float64]:
    along_row, along_column = np.split(np.array(_orientation(slices[0])), 2)
    origin = _position(slices[0])
    affine = np.eye(4)
    affine[:3, 0] = along_row * column_spacing
    affine[:3, 1] = along_column * row_spacing
    affine[:3, 2] = (_position(slices[-1]) - origin) / (len(slices) - 1)
    affine[:3, 3] = origin
    return affine


def _normal(instance: Instance) -> npt.NDArray[np.float64]:
    along_row, along_column = np.split(np.array(_orientation(instance)), 2)
    normal = np.cross(along_row, along_column)
    length = float(np.linalg.norm(normal))
    if abs(length - 1) > 0.01:
        raise GeometryError(
            "Image Orientation (Patient) (0020,0037) is no pair of perpendicular unit vectors; required: one. "
            "Send the series again from the scanner."
        )
    return np.asarray(normal / length)


def _position(instance: Instance) -> npt.NDArray[np.float64]:
    if instance.image_position is None:
        raise GeometryError("A slice has no Image Position (Patient) (0020,0032); required: one.")
    return np.array(instance.image_position)


def _orientation(instance: Instance) -> tuple[float, ...]:
    if instance.image_orientation is None:
        raise GeometryError("A slice has no Image Orientation (Patient) (0020,0037); required: one.")
    return instance.image_orientation


def _spacing(instance: Instance) -> tuple[float, float]:
    if instance.pixel_spacing_mm is None:
        raise GeometryError("A slice has no Pixel Spacing (0028,0030); required: one.")
    return instance.pixel_spacing_mm
