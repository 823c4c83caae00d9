"""The manifest of a release: everything serving needs to know about a model, as one frozen value.

``manifest.json`` in a release and ``configs/clinical.yaml`` in a bundle hold the same words; the first is made from the
second when a release is packaged.
"""

import hashlib
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from dicom_io.codes import Code
from models.data_layout import DataLayout
from models.errors import ManifestError
from models.provenance import Provenance

_STRICT = ConfigDict(extra="forbid")


class Task(Enum):
    """What kind of answer a model gives; decides pre- and postprocessing."""

    #: One image -> probability per label and an activation map per label.
    IMAGE_CLASSIFICATION = "image_classification"
    #: One volume -> probability per voxel, by sliding window.
    VOLUME_SEGMENTATION = "volume_segmentation"
    #: One stay as of T -> calibrated risk with additive contributions.
    STAY_RISK = "stay_risk"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Text:
    """The same words in the languages of the site."""

    #: English.
    en: str
    #: Danish.
    da: str

    def in_language(self, language: str) -> str:
        """The Danish text for ``da``, the English one for any other *language*."""
        return self.da if language == "da" else self.en


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class TensorSpec:
    """One tensor of the ONNX graph."""

    #: Name in the graph.
    name: str
    #: Open Inference Protocol datatype, e.g. ``FP32``.
    datatype: Literal["FP32", "FP16", "INT64", "UINT8", "BOOL"]
    #: Shape; -1 where any size is taken.
    shape: tuple[int, ...]


class Fit(Enum):
    """How an image of any shape becomes a square."""

    #: Padded with its low value: shapes stay as they are.
    PAD = "pad"
    #: Stretched: no pixel is lost to padding, for models that learnt from images of unknown aspect ratio.
    STRETCH = "stretch"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class RadiographPreprocessing:
    """How a Radiograph becomes the graph's input (n, 1, y, x), float32, 0 to 1."""

    kind: Literal["radiograph"] = "radiograph"
    #: Rows, columns of the input; the image is made square, then resized: by area when shrinking, else linearly.
    size_px: tuple[int, int]
    #: Percentiles of the image that become 0 and 1.
    window_percentiles: tuple[float, float] = (0.5, 99.5)
    #: How it is made square.
    fit: Fit = Fit.PAD


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class VolumePreprocessing:
    """How a Volume becomes the graph's input (n, 1, z, y, x), float32, 0 to 1."""

    kind: Literal["volume"] = "volume"
    #: Spacing (z, y, x) in mm after resampling.
    spacing_mm: tuple[float, float, float]
    #: Hounsfield units that become 0 and 1.
    window_hu: tuple[float, float]
    #: Window (z, y, x) in voxels that the graph is run on.
    roi: tuple[int, int, int]
    #: Share of a window that the next one overlaps, 0 to below 1.
    overlap: float = Field(default=0.25, ge=0, lt=1)


class Aggregate(Enum):
    """How the events of one concept become one number at T."""

    #: The newest value.
    LAST = "last"
    #: Highest value in the window.
    MAX = "max"
    #: Lowest value in the window.
    MIN = "min"
    #: Mean of the values in the window.
    MEAN = "mean"
    #: Sample standard deviation of the values in the window; needs two.
    SPREAD = "spread"
    #: Newest minus oldest value in the window.
    CHANGE = "change"
    #: Least-squares slope of the values in the window, per hour; needs two moments.
    SLOPE = "slope"
    #: How many values there are in the window; 0 when none: how often is asked tells how worried people are.
    COUNT = "count"
    #: Hours since the newest such event.
    HOURS_SINCE = "hours_since"
    #: 1 when such an event is active or happened in the window, else 0.
    PRESENT = "present"
    #: Hours that the device has been in place up to T, 0 when none is.
    DURATION_HOURS = "duration_hours"
    #: Years from birth date to T.
    AGE_YEARS = "age_years"
    #: 1 when the patient's sex is male, 0 when it is female.
    IS_MALE = "is_male"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class FeatureSpec:
    """One input of a stay model, computed as of T by known_time."""

    #: Name, also in reasons and evidence, e.g. ``temperature_max_24h``.
    name: str
    #: Our concept in ``ehr_io/codes.toml``, e.g. ``temperature``.
    code: str
    #: How its events become a number.
    aggregate: Aggregate
    #: Only events in the last so many hours before T; None = the whole stay.
    window_hours: float | None = None
    #: The number is divided by that of this concept, aggregated alike: heart rate / blood pressure is the shock index.
    ratio_to: str | None = None
    #: What people read.
    text: Text
    #: UCUM unit of the number; empty for a yes/no.
    unit: str = ""
    #: Usual range of the number, for people; None when there is none.
    reference_range: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class StayPreprocessing:
    """How a Stay as of T becomes the graph's input (n, features), float32, NaN where not measured."""

    kind: Literal["stay"] = "stay"
    #: In the order of the input's columns.
    features: tuple[FeatureSpec, ...]
    #: The risk is that of an onset within so many hours after T.
    horizon_hours: float
    #: Fewer measured features than this and the stay is not scored.
    minimum_measured: int = 1


Preprocessing = Annotated[
    RadiographPreprocessing | VolumePreprocessing | StayPreprocessing, Field(discriminator="kind")
]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class GuardDemand:
    """What another model, asked first, must say of every picture."""

    #: Name of that model; its champion is asked.
    model: str
    #: The label that must hold.
    label: str
    #: Its probability at least, 0 to 1.
    at_least: float = Field(ge=0, le=1)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class TrainedRange:
    """Between which values a feature lay in training: from its 0.1 % to its 99.9 % quantile."""

    #: Name of the feature.
    feature: str
    #: In the feature's unit.
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class InputLimits:
    """The conditions under which the model may be used; outside them a case is not analysed."""

    #: Accepted Modality (0008,0060) values; empty for stays.
    modalities: tuple[str, ...] = ()
    #: Accepted Body Part Examined (0018,0015) values; an absent body part is accepted.
    body_parts: tuple[str, ...] = ()
    #: Accepted View Position (0018,5101) values; an absent view is accepted. Empty = any.
    view_positions: tuple[str, ...] = ()
    #: Rows and columns at least, in pixels.
    minimum_size_px: int = 0
    #: Slices at least.
    minimum_slices: int = 0
    #: Distance between slices at most, in mm.
    maximum_slice_spacing_mm: float | None = None
    #: Age in years, lowest and highest.
    age_years: tuple[float, float] = (0, 130)
    #: Whether a patient of unknown age is left out; a model of one age group must say so.
    age_required: bool = False
    #: A model that looks first whether a radiograph is one that this model was made for; None = nobody looks.
    guard: GuardDemand | None = None
    #: Of a stay's features, those measured in training; empty = not stated, so nobody looks how far a stay is.
    trained_ranges: tuple[TrainedRange, ...] = ()
    #: Largest share of a stay's measured features that may lie outside them; one alone always may.
    outside_share: float = Field(default=0.2, ge=0, le=1)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Label:
    """One thing the model can say."""

    #: Key, e.g. ``opacity``.
    key: str
    #: What people read.
    text: Text
    #: What it is.
    concept: Code
    #: Where it sits; None when the model does not say.
    site: Code | None = None
    #: Probability from which it is said, 0 to 1: the operating point.
    threshold: float = Field(ge=0, le=1)
    #: How the operating point was chosen, for cards, e.g. ``highest Youden index on validation patients``.
    threshold_rule: str = ""
    #: Smallest component said, in mm3; for masks.
    minimum_volume_mm3: float = 0


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Manifest:
    """What a release is."""

    #: Bundle name, e.g. ``chest_xray_opacity``.
    name: str
    #: Version of the release, from the bundle's metadata.json.
    version: str
    #: What kind of answer it gives.
    task: Task
    #: What it may be used for.
    intended_use: Text
    #: What it was trained on, for cards and pages.
    trained_on: Text
    #: A demonstration must not be used on patients, and every picture says so.
    demonstration: bool
    #: The ONNX graph's inputs and outputs, in order.
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    #: From study or stay to input tensor.
    preprocessing: Preprocessing
    #: When it may be used.
    limits: InputLimits
    #: What it can say; the order is that of the graph's output channels.
    labels: tuple[Label, ...]
    #: Where it comes from.
    provenance: Provenance
    #: Every other file of the release: path -> SHA-256.
    files: dict[str, str]
    #: How a labelled data set for it lies on disk; None where the bundle does not say.
    data: DataLayout | None = None


_MANIFEST = TypeAdapter(Manifest)


def load_manifest(path: Path) -> Manifest:
    """Read ``manifest.json`` at *path*.

    Raises:
        ManifestError: the file is missing, is no JSON, or says something impossible.
    """
    try:
        return _MANIFEST.validate_json(path.read_bytes())
    except OSError as error:
        raise ManifestError(f"'{path}' cannot be read ({error.strerror}); a release needs its manifest.json") from error
    except ValidationError as error:
        raise ManifestError(f"'{path}' is not a valid manifest: {error}") from error


def dump_manifest(manifest: Manifest) -> bytes:
    """The one JSON form of *manifest*: sorted by field order, two-space indent, UTF-8, final newline."""
    return _MANIFEST.dump_json(manifest, indent=2) + b"\n"


def digest_of(manifest_bytes: bytes) -> str:
    """The release digest: SHA-256 of ``manifest.json``, which in turn names the SHA-256 of every other file."""
    return hashlib.sha256(manifest_bytes).hexdigest()
