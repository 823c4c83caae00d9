"""What multi-frame results say of their frames: geometry, dimensions and sources (PS3.3 C.7.6.16, C.7.6.17)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from dicom_io.codes import Code
from dicom_io.findings import ImageName
from dicom_io.results.encoding import (
    code,
    decimal,
    ordered,
    pointer,
    reference,
    sequence,
    text,
    uid,
    unsigned,
    unsigned_long,
)
from dicom_io.results.source import SourceSeries
from dicom_io.results.source_image import SourceImage, image_of, object_references

_SOURCE_IMAGE = Code(value="121322", scheme="DCM", meaning="Source image for image processing operation")
#: Pointers of the dimensions (PS3.3 C.7.6.17): (element, its functional group, label).
_SEGMENT_DIMENSION = (0x0062000B, 0x0062000A, "Referenced Segment Number")
_POSITION_DIMENSION = (0x00200032, 0x00209113, "Image Position Patient")
_STACK_DIMENSION = (0x00209057, 0x00209111, "In-Stack Position Number")


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The images that frames of a result lie on, one for each place."""

    #: In the order of their places.
    images: tuple[SourceImage, ...]
    #: Series Instance UID of all of them.
    series_instance_uid: str
    #: Frame of Reference UID; empty where the images have none, as projections do.
    frame_of_reference_uid: str
    #: Slice Thickness in mm as the source tells it; None when it does not.
    slice_thickness_mm: float | None

    @property
    def is_spatial(self) -> bool:
        """Whether each frame has a place in the patient."""
        return bool(self.frame_of_reference_uid) and all(
            one.position is not None and one.orientation is not None for one in self.images
        )

    @cached_property
    def spacing_between_mm(self) -> float | None:
        """Between the centres of neighbours along their normal; None for one image."""
        first, *others = self.images
        if not others or first.orientation is None:
            return None
        row, column = first.orientation[:3], first.orientation[3:]
        normal = (
            row[1] * column[2] - row[2] * column[1],
            row[2] * column[0] - row[0] * column[2],
            row[0] * column[1] - row[1] * column[0],
        )
        heights = [sum(a * b for a, b in zip(normal, one.position or (), strict=False)) for one in self.images]
        return round(abs(heights[-1] - heights[0]) / (len(heights) - 1), 6)


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One frame: where it lies and, in a binary Segmentation, of which segment."""

    #: Index into the grid's images.
    place: int
    #: Segment Number (0062,0004); None where frames are not of segments.
    segment: int | None = None


def grid_of(names: Sequence[ImageName], sources: SourceSeries) -> Grid:
    """The grid of these source images, which lie in one series.

    Raises:
        ConformanceError: one was not read.
    """
    first = names[0].sop_instance_uid
    images = tuple(image_of(sources, one) for one in names)
    thickness = images[0].thickness_mm or sources.header.get("SliceThickness")
    return Grid(
        images=images,
        series_instance_uid=sources.series_of(first).series_instance_uid,
        frame_of_reference_uid=sources.instance(first).frame_of_reference_uid,
        slice_thickness_mm=None if thickness in (None, "") else float(thickness),
    )


def reference_elements(grid: Grid, used: Iterable[int], sources: SourceSeries) -> tuple[bytes, ...]:
    """Common Instance Reference, Frame of Reference and the type 2C Patient Orientation (PS3.3 C.12.2, C.7.4.1)."""
    images = [grid.images[place] for place in used]
    referenced = sequence(0x0008114A, *object_references(images))
    series = sequence(0x00081115, referenced + uid(0x0020000E, grid.series_instance_uid))
    if not grid.is_spatial:
        return series, text(0x00200020, "CS", sources.text("PatientOrientation"))
    indicator = sources.text("PositionReferenceIndicator")
    return series, uid(0x00200052, grid.frame_of_reference_uid), text(0x00201040, "LO", indicator)


def dimension_elements(grid: Grid, organization_uid: str, *, by_segment: bool) -> tuple[bytes, bytes]:
    """Dimension Organization and Index Sequences: by segment, then by place in the patient, else in the stack."""
    organization = uid(0x00209164, organization_uid)
    dimensions = [_SEGMENT_DIMENSION] if by_segment else []
    dimensions.append(_POSITION_DIMENSION if grid.is_spatial else _STACK_DIMENSION)
    indices = [
        organization + pointer(0x00209165, tag) + pointer(0x00209167, group) + text(0x00209421, "LO", label)
        for tag, group, label in dimensions
    ]
    return sequence(0x00209221, organization), sequence(0x00209222, *indices)


def shared_groups(grid: Grid, *further: bytes) -> bytes:
    """Shared Functional Groups Sequence (5200,9229): plane orientation, pixel measures and *further* groups."""
    return sequence(0x52009229, b"".join(ordered((*_plane_groups(grid), *further))))


def frame_groups(grid: Grid, frames: Sequence[Frame], derivation: Code) -> bytes:
    """Per-frame Functional Groups Sequence (5200,9230), in the order of *frames*."""
    rank = {place: number for number, place in enumerate(sorted({frame.place for frame in frames}), start=1)}
    return sequence(0x52009230, *(_frame_item(grid, frame, rank[frame.place], derivation) for frame in frames))


def _frame_item(grid: Grid, frame: Frame, rank: int, derivation: Code) -> bytes:
    image = grid.images[frame.place]
    index = [rank] if frame.segment is None else [frame.segment, rank]
    stack = b"" if grid.is_spatial else text(0x00209056, "SH", "1") + unsigned_long(0x00209057, rank)
    content = sequence(0x00209111, stack + unsigned_long(0x00209157, *index))
    plane = b""
    if grid.is_spatial and image.position is not None:
        plane = sequence(0x00209113, decimal(0x00200032, *image.position))
    segment = b"" if frame.segment is None else segment_identification(frame.segment)
    return _derived_from(image.uids, image.frames, derivation) + content + plane + segment


def segment_identification(number: int) -> bytes:
    """Segment Identification Sequence (0062,000A)."""
    return sequence(0x0062000A, unsigned(0x0062000B, number))


@lru_cache(maxsize=512)
def _derived_from(uids: tuple[str, str], frames: tuple[int, ...], derivation: Code) -> bytes:
    """Derivation Image Sequence (0008,9124) of one source image, the same for every segment on it."""
    source = reference(*uids, frames) + text(0x0028135A, "CS", "YES") + code(0x0040A170, _SOURCE_IMAGE)
    return sequence(0x00089124, sequence(0x00082112, source) + code(0x00089215, derivation))


def _plane_groups(grid: Grid) -> tuple[bytes, ...]:
    first = grid.images[0]
    if not grid.is_spatial or first.orientation is None or first.spacing_mm is None:
        return ()
    measures = [decimal(0x00280030, *first.spacing_mm)]
    if grid.slice_thickness_mm is not None:
        measures.append(decimal(0x00180050, grid.slice_thickness_mm))
    if grid.spacing_between_mm is not None:
        measures.append(decimal(0x00180088, grid.spacing_between_mm))
    orientation = sequence(0x00209116, decimal(0x00200037, *first.orientation))
    return orientation, sequence(0x00289110, b"".join(ordered(measures)))
