"""Where slices lie in the patient, and whether they form one regular stack (PS3.3 C.7.6.2)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dicom_io.errors import GeometryError
from dicom_io.phases import find_phases
from dicom_io.slices import Slice, is_slice_type, slices_of
from dicom_io.study import Instance, Series

#: Cosines differ by less within one stack, whatever digits a scanner writes.
_COSINE_TOLERANCE = 1e-3
#: Least |z| of the normal of a stack that counts as axial: 45 degrees.
_AXIAL_COSINE = 0.7071
#: Positions are often rounded to 0.1 mm.
_POSITION_TOLERANCE_MM = 0.1
#: Sideways distance from where a slice should lie that still counts as none, in pixels.
_DRIFT_TOLERANCE_PX = 1.0
#: No gantry tilts further than 30 degrees; beyond that the slices were cut otherwise.
_MOST_TILT_DEGREES = 35.0


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Slices of one regular stack, in the order of their positions along the normal."""

    #: Along the normal: feet to head for axial slices of a patient on the back, however they were numbered.
    slices: tuple[Slice, ...]
    #: Spacing (z, y, x) in mm.
    spacing_mm: tuple[float, float, float]
    #: float64 (4, 4): index (x, y, z, 1) -> mm in the patient system, LPS (PS3.3 C.7.6.2.1.1).
    affine: npt.NDArray[np.float64]
    #: Phases, time points or reconstructions that the series holds at these places; only the first is in `slices`.
    phases: int

    @property
    def instances(self) -> tuple[Instance, ...]:
        """The objects that hold the slices, in z order; of a multi-frame object once a frame."""
        return tuple(one.instance for one in self.slices)


def order_stack(series: Series) -> Stack:
    """The one axial stack of *series*; localizers, captures and maps are left out, phases are told apart.

    Raises:
        GeometryError: there is no such stack, or it is incomplete, mixed or irregular; the text says what to do.
        NotDicomError, OSError: a multi-frame object cannot be read any more.
    """
    slices = _without_scouts(slices_of(series))
    if len(slices) < 2:
        raise GeometryError(
            f"Found {len(slices)} slices with a place in the patient among {len(series.instances)} instances of the "
            f"series{_without(series)}; required: at least 2 axial slices. Choose the axial series, not the localizer "
            "or a capture."
        )
    _check_alike(slices)
    phases = find_phases(slices, _depths(slices))
    slices, depths = _sorted(phases[0])
    _check_spacing(slices, depths)
    _check_upright(slices, depths)
    step_mm = float(depths[-1] - depths[0]) / (len(slices) - 1)
    row_spacing, column_spacing = slices[0].spacing_mm
    return Stack(
        slices=tuple(slices),
        spacing_mm=(step_mm, row_spacing, column_spacing),
        affine=_affine(slices),
        phases=len(phases),
    )


def _without(series: Series) -> str:
    """Of how many images of *series* what is missing that would give them a place, or how many are no slices."""
    images = [one for one in series.instances if one.has_pixels and one.number_of_frames == 1 and not one.is_enhanced]
    missing = {
        "Image Position (0020,0032)": sum(one.image_position is None for one in images),
        "Image Orientation (0020,0037)": sum(one.image_orientation is None for one in images),
        "Pixel Spacing (0028,0030)": sum(one.pixel_spacing_mm is None for one in images),
    }
    told = [f"{count} without {name}" for name, count in missing.items() if count]
    others = sum(not is_slice_type(one.image_type) for one in images)
    if others:
        told.append(f"{others} that are localizers, captures or maps by Image Type (0008,0008)")
    return f" ({', '.join(told)})" if told else ""


def _without_scouts(slices: list[Slice]) -> list[Slice]:
    """*slices* without the scouts that do not say so: of another direction and another size than every axial slice."""
    known = {(one.size, one.spacing_mm) for one in slices if _is_axial(one)}
    return [one for one in slices if not known or _is_axial(one) or (one.size, one.spacing_mm) in known]


def _is_axial(one: Slice) -> bool:
    x_of_row, y_of_row, _, x_of_column, y_of_column, _ = one.orientation
    return abs(x_of_row * y_of_column - y_of_row * x_of_column) >= _AXIAL_COSINE


def _check_alike(slices: Sequence[Slice]) -> None:
    first = slices[0]
    for one in slices:
        if one.size != first.size:
            _refuse_mixed("image sizes", "{} x {}".format(*first.size), "{} x {}".format(*one.size))
        if _differ(one.spacing_mm, first.spacing_mm, _COSINE_TOLERANCE * min(first.spacing_mm)):
            _refuse_mixed("pixel spacings", str(first.spacing_mm), str(one.spacing_mm))
        if _differ(one.orientation, first.orientation, _COSINE_TOLERANCE):
            _refuse_mixed("orientations", str(first.orientation), str(one.orientation))
    _check_one_frame_of_reference(slices)
    # Vectors that are none have no direction at all.
    _normal(first)
    if not _is_axial(first):
        raise GeometryError("The slices are coronal or sagittal; required: axial. Choose the axial series.")


def _check_one_frame_of_reference(slices: Sequence[Slice]) -> None:
    found = {one.instance.frame_of_reference_uid for one in slices} - {""}
    if len(found) > 1:
        raise GeometryError(
            f"The slices lie in {len(found)} Frames of Reference (0020,0052), whose positions cannot be compared; "
            "required: one. Send the slices of each as a series of their own."
        )


def _differ(values: Sequence[float], others: Sequence[float], tolerance: float) -> bool:
    # Plain floats: ten thousand slices are compared in milliseconds, by numpy in a second; most are simply equal.
    return values != others and any(abs(value - other) > tolerance for value, other in zip(values, others, strict=True))


def _refuse_mixed(what: str, one: str, other: str) -> None:
    raise GeometryError(
        f"The series mixes {what}: {one} and {other}; required: one. Send the axial slices as a series of their own."
    )


def _depths(slices: Sequence[Slice]) -> npt.NDArray[np.float64]:
    """Places of *slices* along the normal of the first, in mm."""
    return np.array([one.position for one in slices]) @ _normal(slices[0])


def _sorted(slices: Sequence[Slice]) -> tuple[list[Slice], npt.NDArray[np.float64]]:
    depths = _depths(slices)
    order = np.argsort(depths, kind="stable")
    return [slices[index] for index in order], depths[order]


def _check_spacing(slices: Sequence[Slice], depths: npt.NDArray[np.float64]) -> None:
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


def _check_upright(slices: Sequence[Slice], depths: npt.NDArray[np.float64]) -> None:
    """Straight above each other, or each as far beside the one before as under a tilted gantry."""
    # Every slice against the first: a table that moved between two acquisitions comes back to where it was.
    ways = np.array([one.position for one in slices]) - slices[0].position
    sideways = ways - np.outer(depths - depths[0], _normal(slices[0]))
    tolerance_mm = _DRIFT_TOLERANCE_PX * min(slices[0].spacing_mm) + _POSITION_TOLERANCE_MM
    if np.linalg.norm(sideways, axis=1).max() <= tolerance_mm:
        return
    off_line_mm = float(np.linalg.norm(sideways - np.outer(_steps(depths), sideways[-1]), axis=1).max())
    if off_line_mm > tolerance_mm:
        raise GeometryError(
            f"Slices lie up to {off_line_mm:.1f} mm beside the line from the first to the last; required: straight "
            "above each other, or drifting steadily as with a tilted gantry. Send each acquisition as its own series."
        )
    drift_mm, height_mm = float(np.linalg.norm(sideways[-1])), float(depths[-1] - depths[0])
    tilt_degrees = np.degrees(np.arctan2(drift_mm, height_mm))
    if tilt_degrees > _MOST_TILT_DEGREES:
        raise GeometryError(
            f"The slices drift sideways by {drift_mm:.1f} mm over {height_mm:.1f} mm, a tilt of {tilt_degrees:.0f} "
            f"degrees; required: at most {_MOST_TILT_DEGREES:g}. Send a reconstruction without tilt."
        )


def _steps(depths: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The way from the first depth to the last as 0 to 1."""
    return np.asarray((depths - depths[0]) / (depths[-1] - depths[0]))


def _between(slices: Sequence[Slice], index: int) -> str:
    return f"between instance numbers {slices[index].name} and {slices[index + 1].name}"


def _affine(slices: Sequence[Slice]) -> npt.NDArray[np.float64]:
    along_row, along_column = np.split(np.array(slices[0].orientation), 2)
    row_spacing, column_spacing = slices[0].spacing_mm
    origin = np.array(slices[0].position)
    affine = np.eye(4)
    affine[:3, 0] = along_row * column_spacing
    affine[:3, 1] = along_column * row_spacing
    affine[:3, 2] = (np.array(slices[-1].position) - origin) / (len(slices) - 1)
    affine[:3, 3] = origin
    return affine


def _normal(one: Slice) -> npt.NDArray[np.float64]:
    along_row, along_column = np.split(np.array(one.orientation), 2)
    normal = np.cross(along_row, along_column)
    length = float(np.linalg.norm(normal))
    if abs(length - 1) > 0.01:
        raise GeometryError(
            "Image Orientation (Patient) (0020,0037) is no pair of perpendicular unit vectors; required: one. "
            "Send the series again from the scanner."
        )
    return np.asarray(normal / length)
