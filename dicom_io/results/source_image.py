"""One image that was read: an object, or one frame of it, with its place in the patient and how others refer to it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dicom_io.codes import Code
from dicom_io.errors import ConformanceError
from dicom_io.findings import ImageName
from dicom_io.functional_groups import Rescale, Window
from dicom_io.results.content_items import Relation, image_item
from dicom_io.results.encoding import reference
from dicom_io.results.source import SourceSeries
from dicom_io.study import Instance


@dataclass(frozen=True, kw_only=True)
class SourceImage:
    """An image as results refer to it."""

    #: The object that holds it.
    instance: Instance
    #: Frame in the object, counted from 1; None where the object is the image, for then none is named (PS3.3 10.3).
    frame_number: int | None
    #: Image Position (Patient) (0020,0032) in mm, LPS; None when it has none.
    position: tuple[float, float, float] | None
    #: Image Orientation (Patient) (0020,0037); None when it has none.
    orientation: tuple[float, float, float, float, float, float] | None
    #: Between rows, between columns in mm; None when absent.
    spacing_mm: tuple[float, float] | None
    #: Slice Thickness (0018,0050) in mm, of a frame; None when absent.
    thickness_mm: float | None = None
    #: Pixel Value Transformation of a frame; None where the object's own rescale holds.
    rescale: Rescale | None = None
    #: Frame VOI LUT of a frame; None where it has none, or where the object's own window holds.
    window: Window | None = None

    @property
    def uids(self) -> tuple[str, str]:
        """SOP class and SOP instance of the object."""
        return self.instance.sop_class_uid, self.instance.sop_instance_uid

    @property
    def frames(self) -> tuple[int, ...]:
        """The frame to name, if one is."""
        return () if self.frame_number is None else (self.frame_number,)


def image_of(sources: SourceSeries, name: ImageName) -> SourceImage:
    """The image of that *name*.

    Raises:
        ConformanceError: it is not among the images that were read.
        NotDicomError, OSError: its object is read for its frames, and cannot be any more.
    """
    instance = sources.instance(name.sop_instance_uid)
    if not instance.is_enhanced:
        return SourceImage(
            instance=instance,
            frame_number=None,
            position=instance.image_position,
            orientation=instance.image_orientation,
            spacing_mm=instance.pixel_spacing_mm,
        )
    frames = sources.frame_groups[name.sop_instance_uid]
    if not 1 <= name.frame_number <= len(frames):
        raise ConformanceError(
            f"A finding lies on frame {name.frame_number} of an object with {len(frames)}; required: one that it has"
        )
    groups = frames[name.frame_number - 1]
    return SourceImage(
        instance=instance,
        frame_number=name.frame_number if instance.number_of_frames > 1 else None,
        position=groups.position,
        orientation=groups.orientation,
        spacing_mm=groups.spacing_mm,
        thickness_mm=groups.thickness_mm,
        rescale=groups.rescale,
        window=groups.window,
    )


def references(images: Iterable[SourceImage]) -> Iterator[bytes]:
    """The elements of an item for each object among *images*, naming the frames of theirs (PS3.3 10.3)."""
    for (sop_class_uid, sop_instance_uid), frames in _by_object(images):
        yield reference(sop_class_uid, sop_instance_uid, frames)


def object_references(images: Iterable[SourceImage]) -> Iterator[bytes]:
    """The same without naming any frame (PS3.3 10.8)."""
    return (reference(sop_class_uid, sop_instance_uid) for (sop_class_uid, sop_instance_uid), _ in _by_object(images))


def image_items(relation: Relation, name: Code | None, images: Iterable[SourceImage]) -> Iterator[bytes]:
    """One content item for each object among *images*, naming the frames of theirs."""
    for uids, frames in _by_object(images):
        yield image_item(relation, name, uids, frames)


def _by_object(images: Iterable[SourceImage]) -> list[tuple[tuple[str, str], tuple[int, ...]]]:
    found: dict[tuple[str, str], tuple[int, ...]] = {}
    for one in images:
        found[one.uids] = (*found.get(one.uids, ()), *one.frames)
    return list(found.items())
