"""Geometry and rescale of each frame of an enhanced multi-frame object (PS3.3 C.7.6.16)."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from dicom_io.study import Acquisition
from dicom_io.vendor_errors import translated_parse_errors


@dataclass(frozen=True, kw_only=True)
class Rescale:
    """From stored to physical values (PS3.3 C.7.6.16.2.9)."""

    #: Rescale Slope (0028,1053).
    slope: float
    #: Rescale Intercept (0028,1052).
    intercept: float
    #: Rescale Type (0028,1054), upper case.
    type: str


@dataclass(frozen=True, kw_only=True)
class Window:
    """What an image says of how it wants to be shown (PS3.3 C.11.2), as it is written there."""

    #: Window Center (0028,1050), the first.
    center: str
    #: Window Width (0028,1051), the first.
    width: str
    #: VOI LUT Function (0028,1056); empty when absent, which means LINEAR.
    function: str


@dataclass(frozen=True, kw_only=True)
class FrameGroups:
    """What the functional groups say of one frame; what they do not say is None or empty."""

    #: The frame, counted from 0.
    index: int
    #: Image Position (Patient) (0020,0032) in mm, LPS.
    position: tuple[float, float, float] | None
    #: Image Orientation (Patient) (0020,0037).
    orientation: tuple[float, float, float, float, float, float] | None
    #: Pixel Spacing (0028,0030) in mm.
    spacing_mm: tuple[float, float] | None
    #: Slice Thickness (0018,0050) in mm.
    thickness_mm: float | None
    #: Frame Type (0008,9007), upper case.
    frame_type: tuple[str, ...]
    #: Time point and acquisition.
    acquisition: Acquisition
    #: Pixel Value Transformation.
    rescale: Rescale | None
    #: Frame VOI LUT.
    window: Window | None


def read_frame_groups(path: Path) -> tuple[FrameGroups, ...]:
    """The functional groups of every frame of the object at *path*; empty when it has none.

    Raises:
        NotDicomError: the file cannot be parsed.
        OSError: it is gone.
    """
    state = path.stat()
    return _read_file(path, state.st_mtime_ns, state.st_size)


# An analysis asks twice, for its volume and for its results: 235 ms of processor time each for 300 frames.
@lru_cache(maxsize=4)
def _read_file(path: Path, _changed_ns: int, _size: int) -> tuple[FrameGroups, ...]:
    tags = ["SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"]
    with path.open("rb") as file, translated_parse_errors():
        dataset = dcmread(file, specific_tags=tags, stop_before_pixels=True)
        shared = (dataset.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
        frames = dataset.get("PerFrameFunctionalGroupsSequence") or ()
        return tuple(_read(index, own, shared) for index, own in enumerate(frames))


def _read(index: int, own: Dataset, shared: Dataset) -> FrameGroups:
    position = _numbers(_group("PlanePositionSequence", own, shared).get("ImagePositionPatient"), 3)
    orientation = _numbers(_group("PlaneOrientationSequence", own, shared).get("ImageOrientationPatient"), 6)
    measures = _group("PixelMeasuresSequence", own, shared)
    spacing, thickness = _numbers(measures.get("PixelSpacing"), 2), measures.get("SliceThickness")
    return FrameGroups(
        index=index,
        position=position,
        orientation=orientation,
        spacing_mm=spacing if spacing and min(spacing) > 0 else None,
        thickness_mm=None if thickness is None else float(thickness),
        frame_type=_frame_type(own, shared),
        acquisition=_acquisition(own, shared),
        rescale=rescale_of(_group("PixelValueTransformationSequence", own, shared)),
        window=window_of(_group("FrameVOILUTSequence", own, shared)),
    )


def _group(keyword: str, own: Dataset, shared: Dataset) -> Dataset:
    """A functional group lies with the frame or is shared by all, never both (PS3.3 C.7.6.16.1.1)."""
    for groups in (own, shared):
        if groups.get(keyword):
            return groups[keyword].value[0]
    return Dataset()


def _frame_type(own: Dataset, shared: Dataset) -> tuple[str, ...]:
    for keyword in ("CTImageFrameTypeSequence", "MRImageFrameTypeSequence", "PETFrameTypeSequence"):
        values = _group(keyword, own, shared).get("FrameType")
        if values:
            return tuple(str(value).upper() for value in _listed(values))
    return ()


def _acquisition(own: Dataset, shared: Dataset) -> Acquisition:
    content = _group("FrameContentSequence", own, shared)
    trigger = _group("CardiacSynchronizationSequence", own, shared).get("NominalCardiacTriggerDelayTime")
    return Acquisition(
        temporal_position=int(content.get("TemporalPositionIndex") or 0),
        number=int(content.get("FrameAcquisitionNumber") or 0),
        trigger_time_ms=-1.0 if trigger is None else float(trigger),
        kernel=str(_group("CTReconstructionSequence", own, shared).get("ConvolutionKernel") or ""),
        time=str(content.get("FrameAcquisitionDateTime") or ""),
    )


def rescale_of(header: Dataset) -> Rescale | None:
    """The rescale of *header*, an image or a Pixel Value Transformation; None when it has none."""
    if header.get("RescaleSlope") is None or header.get("RescaleIntercept") is None:
        return None
    return Rescale(
        slope=float(header.RescaleSlope),
        intercept=float(header.RescaleIntercept),
        type=str(header.get("RescaleType") or "").upper(),
    )


def window_of(header: Dataset) -> Window | None:
    """The first window of *header*, an image or a Frame VOI LUT; None when it has none that could be applied."""
    center, width = (next(_listed(header.get(keyword)), None) for keyword in ("WindowCenter", "WindowWidth"))
    if center is None or width is None or not float(width) > 0:
        return None
    return Window(center=str(center), width=str(width), function=str(header.get("VOILUTFunction") or ""))


def _numbers(values: Any, count: int) -> Any:
    numbers = tuple(float(value) for value in _listed(values))
    return numbers if len(numbers) == count and all(abs(one) < float("inf") for one in numbers) else None


def _listed(values: Any) -> Iterator[Any]:
    if values is None:
        return iter(())
    return iter(values if isinstance(values, MultiValue | list | tuple) else [values])
