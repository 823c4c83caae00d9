"""What is said about a patient's images, before it becomes DICOM objects."""

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dicom_io.codes import Code


class Outcome(Enum):
    """The four answers that are never confused."""

    #: Analysed; at least one finding is above its operating point.
    FINDING = "finding"
    #: Analysed; nothing above its operating point.
    NO_FINDING = "no_finding"
    #: The model was not applied, and the reason says why.
    NOT_ANALYSED = "not_analysed"
    #: The analysis was tried and broke.
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class AlgorithmIdentity:
    """Which model said it (TID 4019)."""

    #: Algorithm Name (111001, DCM): the release's name.
    name: str
    #: Algorithm Version (111003, DCM): the release's version.
    version: str
    #: SHA-256 of the release, 64 hexadecimal digits.
    digest: str
    #: Algorithm Manufacturer (122405, DCM).
    manufacturer: str = "Varsel"
    #: Algorithm Parameters (111002, DCM) as ``key=value``.
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ImageName:
    """Which image is meant: an object, or one frame of it."""

    #: SOP Instance UID of the object.
    sop_instance_uid: str
    #: Frame in it, counted from 1 (PS3.3 C.7.6.16.2.2); 1 where it holds no other.
    frame_number: int = 1


def image_names(uids: tuple[str, ...], frame_numbers: tuple[int, ...]) -> tuple[ImageName, ...]:
    """Each slice by the UID of its object and its frame there; no *frame_numbers* mean one slice an object."""
    numbers = frame_numbers or (1,) * len(uids)
    return tuple(
        ImageName(sop_instance_uid=uid, frame_number=number) for uid, number in zip(uids, numbers, strict=True)
    )


@dataclass(frozen=True, kw_only=True)
class Region:
    """A closed polygon on one image: column, row pairs in pixels, (0, 0) at the top left corner (PS3.3 C.18.6.1.1)."""

    #: SOP Instance UID of the image.
    sop_instance_uid: str
    #: (column, row) pairs; first and last equal.
    polygon: tuple[tuple[float, float], ...]
    #: Frame in the object, counted from 1.
    frame_number: int = 1

    @property
    def image(self) -> ImageName:
        """The image that it lies on."""
        return ImageName(sop_instance_uid=self.sop_instance_uid, frame_number=self.frame_number)


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A binary mask on the source series' own grid."""

    #: bool (z, y, x); z in the order of *sop_instance_uids*.
    mask: npt.NDArray[np.bool_]
    #: SOP Instance UIDs of the slices, in z order.
    sop_instance_uids: tuple[str, ...]
    #: Frame of each slice in its object, counted from 1; empty where each object is one slice.
    frame_numbers: tuple[int, ...] = ()
    #: The part (z, y, x) of the grid outside which the mask is False, where that is known: the rest is never looked at.
    within: tuple[slice, slice, slice] = (slice(None), slice(None), slice(None))

    @cached_property
    def images(self) -> tuple[ImageName, ...]:
        """The slices, in z order."""
        return image_names(self.sop_instance_uids, self.frame_numbers)

    @cached_property
    def areas(self) -> tuple[int, ...]:
        """Voxels of the mask in each slice; counted a slice at a time, twenty times faster than a sum over axes."""
        through, rows, columns = self.within
        areas = [0] * len(self.mask)
        areas[through] = [int(np.count_nonzero(layer[rows, columns])) for layer in self.mask[through]]
        return tuple(areas)


@dataclass(frozen=True, kw_only=True)
class HeatMap:
    """How probable a model held one label to be in each voxel."""

    #: Label key in the release's manifest.
    label: str
    #: Short label for people, in the site's language.
    text: str
    #: The part of the body that is mapped; None when the model does not say.
    site: Code | None
    #: float32 (z, y, x), 0 to 1, finite: the part of the source series' own grid that is told; elsewhere 0.
    values: npt.NDArray[np.float32]
    #: SOP Instance UIDs of all slices, in z order.
    sop_instance_uids: tuple[str, ...]
    #: Index (z, y, x) of the source's voxel at which *values* begin.
    offset: tuple[int, int, int] = (0, 0, 0)
    #: Frame of each slice in its object, counted from 1; empty where each object is one slice.
    frame_numbers: tuple[int, ...] = ()

    @cached_property
    def images(self) -> tuple[ImageName, ...]:
        """All slices, in z order."""
        return image_names(self.sop_instance_uids, self.frame_numbers)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One number with its concept and UCUM unit (TID 1419)."""

    #: What was measured.
    concept: Code
    #: The number, finite.
    value: float
    #: Its unit, UCUM.
    unit: Code


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One real-world finding."""

    #: Stable key within the release: label and rank, e.g. ``opacity-1``; part of the tracking UID.
    key: str
    #: Label key in the release's manifest.
    label: str
    #: What it is (121071, DCM, Finding).
    concept: Code
    #: Where (363698007, SCT, Finding Site); None when the model does not say.
    site: Code | None
    #: Short label for people, in the site's language; the Tracking Identifier (112039, DCM).
    text: str
    #: Tracking Unique Identifier (112040, DCM), equal in SR and SEG and over re-runs.
    tracking_uid: str
    #: Calibrated probability, 0 to 1.
    probability: float
    #: The operating point it was compared with, 0 to 1.
    threshold: float
    #: Where on one image; None when the model gives no place.
    region: Region | None = None
    #: Its mask; None when the model gives none.
    segment: Segment | None = None
    #: Further numbers, e.g. diameter and volume.
    measurements: tuple[Measurement, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EarlierReport:
    """An SR that was said of the same study before."""

    #: SOP Class UID.
    sop_class_uid: str
    #: SOP Instance UID.
    sop_instance_uid: str
    #: Series Instance UID.
    series_instance_uid: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything one release says about one generation of one study."""

    #: Study Instance UID (0020,000D).
    study_instance_uid: str
    #: Which generation of the study's content was read; later ones supersede.
    generation: int
    #: The answer.
    outcome: Outcome
    #: Who says it.
    algorithm: AlgorithmIdentity
    #: The findings above their operating point; empty unless *outcome* is FINDING.
    findings: tuple[Finding, ...]
    #: SOP Instance UIDs that were read, at least one; the SR's image library.
    source_uids: tuple[str, ...]
    #: Highest probability of each label, also of those below the operating point: label text -> 0 to 1.
    scores: dict[str, float]
    #: Why, in words a radiographer can act on; empty unless NOT_ANALYSED or FAILED.
    reason: str = ""
    #: ISO 8601 UTC time of the analysis, fixed once so that a rebuilt object is byte-equal.
    created_at: str = ""
    #: Language of free text, RFC 5646: ``da`` or ``en``.
    language: str = "en"
    #: Probabilities voxel by voxel; empty where the model gives none or nothing reaches its operating point.
    heat_maps: tuple[HeatMap, ...] = ()
    #: What this report takes the place of: SRs of earlier generations, or of another release.
    predecessors: tuple[EarlierReport, ...] = ()
    #: Whether the release's card calls it a demonstration; drawn on every picture.
    demonstration: bool = True
