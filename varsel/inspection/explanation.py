"""What `varsel dicom inspect` finds: plain values, told to people by `telling` and to machines as JSON."""

from dataclasses import dataclass
from enum import StrEnum

from dicom_io.study import SpacingBasis


class SeriesKind(StrEnum):
    """What a series is to Varsel."""

    #: Slices that form one regular stack.
    VOLUME = "volume"
    #: Slices that do not.
    BROKEN_VOLUME = "broken_volume"
    #: Single images.
    IMAGES = "images"
    #: No pixels: reports, waveforms, plans.
    NO_PIXELS = "no_pixels"


class Verdict(StrEnum):
    """What Varsel would do with a study by one rule."""

    #: The model would read it.
    ANALYSED = "analysed"
    #: It would be said to be not analysed, with the reason.
    NOT_ANALYSED = "not_analysed"
    #: The rule names a model of which no release is installed.
    NO_RELEASE = "no_release"


@dataclass(frozen=True, kw_only=True)
class FileFault:
    """A file that is refused at the door."""

    #: The file.
    path: str
    #: Why, and what to do.
    reason: str


@dataclass(frozen=True, kw_only=True)
class StackFacts:
    """How the slices of a series lie."""

    #: Slices of the volume.
    slices: int
    #: Images of the series that are no part of it: localizers, captures, maps, other phases.
    left_out: int
    #: Phases, time points or reconstructions that the series holds.
    phases: int
    #: Spacing (z, y, x) in mm.
    spacing_mm: tuple[float, float, float]
    #: Instance numbers of the first and last slice along the normal.
    first: str
    last: str


@dataclass(frozen=True, kw_only=True)
class SeriesExplanation:
    """One series."""

    #: Series Instance UID (0020,000E).
    series_instance_uid: str
    #: Modality (0008,0060), Body Part Examined (0018,0015), Series Description (0008,103E); empty when absent.
    modality: str
    body_part: str
    description: str
    #: What it is.
    kind: SeriesKind
    #: Objects and frames in it.
    instances: int
    frames: int
    #: Sizes (rows x columns), transfer syntaxes and photometric interpretations that occur.
    sizes: tuple[str, ...]
    transfer_syntaxes: tuple[str, ...]
    photometric_interpretations: tuple[str, ...]
    #: Where the pixel spacing holds.
    spacing_basis: SpacingBasis
    #: Whether anything in it was compressed with loss.
    is_lossy: bool
    #: How its slices lie; None when it is no volume.
    stack: StackFacts | None
    #: Why its pixels or its geometry cannot be used; empty when they can.
    problems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RouteExplanation:
    """What one rule makes of the study."""

    #: Rule, and the model and alias that it names.
    rule: str
    model: str
    alias: str
    #: Version of the release; empty when there is none.
    version: str
    #: What would be done.
    verdict: Verdict
    #: Why not; empty when it would be analysed.
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class StudyExplanation:
    """One study; without the patient's name and number, for what is printed is passed on."""

    #: Study Instance UID (0020,000D).
    study_instance_uid: str
    #: In the order of series UID.
    series: tuple[SeriesExplanation, ...]
    #: One a rule that takes it.
    routes: tuple[RouteExplanation, ...]
    #: Why the objects form no study; empty when they do.
    fault: str = ""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Everything below one path."""

    #: Files that are refused, with reasons.
    refused: tuple[FileFault, ...]
    #: Studies of the files that are taken.
    studies: tuple[StudyExplanation, ...]
