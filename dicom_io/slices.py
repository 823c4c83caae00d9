"""The slices of a series: one an instance, or one a frame of an enhanced multi-frame object."""

from collections.abc import Iterator
from dataclasses import dataclass

from dicom_io.errors import GeometryError
from dicom_io.functional_groups import FrameGroups, Rescale, read_frame_groups
from dicom_io.study import Acquisition, Instance, Series

_LOCALIZER_WORDS = frozenset({"LOCALIZER", "SCOUT", "TOPOGRAM"})
#: Image and Frame Type values of maps computed from a scan (PS3.3 C.8.16.1.4), whose numbers are no Hounsfield units.
_MAP_WORDS = frozenset({"PERFUSION", "RCBF", "RCBV", "MTT", "TTP", "ENERGY_PROP_WT", "MAT_SPECIFIC", "ATTENUATION"})

Vector = tuple[float, float, float]
Cosines = tuple[float, float, float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One image that lies in the patient."""

    #: The object that holds it.
    instance: Instance
    #: Its frame there, counted from 0.
    frame: int
    #: Image Position (Patient) (0020,0032): mm, LPS.
    position: Vector
    #: Image Orientation (Patient) (0020,0037): row then column cosines.
    orientation: Cosines
    #: Between rows, between columns, in mm.
    spacing_mm: tuple[float, float]
    #: Image Type (0008,0008) or Frame Type (0008,9007).
    image_type: tuple[str, ...]
    #: Phase, time point, echo, reconstruction.
    acquisition: Acquisition
    #: Rescale of this frame alone; None where the instance's own holds.
    rescale: Rescale | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Rows, columns."""
        return self.instance.rows, self.instance.columns

    @property
    def name(self) -> str:
        """What a person calls it: instance number, and the frame where there are several."""
        number = f"{self.instance.instance_number}"
        return f"{number} frame {self.frame + 1}" if self.instance.number_of_frames > 1 else number


def slices_of(series: Series) -> list[Slice]:
    """The images of *series* that may be slices of its volume: placed in the patient, no localizer, capture or map.

    Original ones (PS3.3 C.7.6.1.1.2) are preferred; derived ones are taken when there are no others.

    Raises:
        GeometryError: a multi-frame object does not say of each frame where it lies.
        NotDicomError: a multi-frame object cannot be parsed any more.
        OSError: its file is gone.
    """
    placed = [one for instance in series.instances for one in _placed(instance) if is_slice_type(one.image_type)]
    original = [one for one in placed if one.image_type[:1] in ((), ("ORIGINAL",))]
    return original or placed


def _placed(instance: Instance) -> Iterator[Slice]:
    if not instance.has_pixels:
        return
    # An enhanced object has its geometry in functional groups, of one frame too.
    if instance.number_of_frames == 1 and instance.image_position is not None:
        yield from _of_single_frame(instance)
    elif instance.is_enhanced:
        yield from _of_enhanced(instance)


def _of_single_frame(instance: Instance) -> Iterator[Slice]:
    if instance.image_position and instance.image_orientation and instance.pixel_spacing_mm:
        yield Slice(
            instance=instance,
            frame=0,
            position=instance.image_position,
            orientation=instance.image_orientation,
            spacing_mm=instance.pixel_spacing_mm,
            image_type=instance.image_type,
            acquisition=instance.acquisition,
        )


def _of_enhanced(instance: Instance) -> Iterator[Slice]:
    frames = read_frame_groups(instance.path)
    if len(frames) not in (0, instance.number_of_frames):
        raise GeometryError(
            f"Instance number {instance.instance_number} has {instance.number_of_frames} frames and functional groups "
            f"for {len(frames)}; required: one for each (PS3.3 C.7.6.16). Send the object again from its source."
        )
    for groups in frames:
        yield from _of_frame(instance, groups)


def _of_frame(instance: Instance, groups: FrameGroups) -> Iterator[Slice]:
    if groups.position and groups.orientation and groups.spacing_mm:
        yield Slice(
            instance=instance,
            frame=groups.index,
            position=groups.position,
            orientation=groups.orientation,
            spacing_mm=groups.spacing_mm,
            image_type=groups.frame_type or instance.image_type,
            acquisition=groups.acquisition,
            rescale=groups.rescale,
        )


def is_slice_type(image_type: tuple[str, ...]) -> bool:
    """Whether *image_type*, Image Type (0008,0008) or Frame Type (0008,9007), is no localizer's, capture's or map's."""
    return image_type[1:2] != ("SECONDARY",) and (_LOCALIZER_WORDS | _MAP_WORDS).isdisjoint(image_type)
