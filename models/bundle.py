"""A bundle: a folder in MONAI Model Zoo shape that defines and trains one clinical model.

<name>/configs/metadata.json    the zoo's contract
               train.yaml       what ``monai.bundle run`` runs; also evaluate.yaml, inference.yaml
               clinical.yaml    what the zoo has no words for: intended use, limits, labels, operating points, gates
       docs/README.md
       LICENSE
"""

import json
from dataclasses import dataclass as plain_dataclass
from dataclasses import field
from enum import Enum
from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from models.data_layout import DataLayout
from models.errors import ManifestError
from models.manifest import (
    InputLimits,
    Label,
    Preprocessing,
    RadiographPreprocessing,
    StayPreprocessing,
    Task,
    TensorSpec,
    Text,
)

_STRICT = ConfigDict(extra="forbid")
_REQUIRED_FILES = (
    "configs/metadata.json",
    "configs/train.yaml",
    "configs/evaluate.yaml",
    "configs/inference.yaml",
    "configs/clinical.yaml",
    "docs/README.md",
    "LICENSE",
)


class CalibrationMethod(Enum):
    """How probabilities are made honest on validation data, as nodes of the graph."""

    #: Log-odds divided by one number (Guo et al., ICML 2017): right when the share of positives is right already.
    TEMPERATURE = "temperature"
    #: Slope and intercept of the log-odds (Platt, 1999): also moves the mean, e.g. after balanced sampling.
    PLATT = "platt"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Floor:
    """One number of the evaluation report that a release must reach before it may be champion."""

    #: Name of the metric in the evaluation report, e.g. ``auroc``.
    metric: str
    #: The lower end of its 95 % interval must be at least this; None = no such demand.
    at_least: float | None = None
    #: The upper end of its 95 % interval must be at most this; None = no such demand.
    at_most: float | None = None


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ClinicalSpec:
    """``configs/clinical.yaml``: the words of the manifest that the bundle decides, and its gates."""

    #: What kind of answer the model gives.
    task: Task
    #: What it may be used for.
    intended_use: Text
    #: What it was trained on.
    trained_on: Text
    #: A demonstration must not be used on patients.
    demonstration: bool
    #: From study or stay to input tensor.
    preprocessing: Preprocessing
    #: When it may be used.
    limits: InputLimits
    #: What it can say, in the order of the graph's output channels.
    labels: tuple[Label, ...]
    #: What the evaluation must reach before promotion.
    floors: tuple[Floor, ...] = field(default=())
    #: How a labelled data set for this model lies on disk; None = only synthetic data is known.
    data: DataLayout | None = None
    #: How its probabilities are calibrated.
    calibration: CalibrationMethod = CalibrationMethod.TEMPERATURE
    #: Whether the licence of its data lets cases be shown, in pictures for MLflow; invented patients always may be.
    public_cases: bool = False

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The graph's inputs, which follow from task and preprocessing."""
        if isinstance(self.preprocessing, StayPreprocessing):
            return (TensorSpec(name="features", datatype="FP32", shape=(-1, len(self.preprocessing.features))),)
        if isinstance(self.preprocessing, RadiographPreprocessing):
            return (TensorSpec(name="image", datatype="FP32", shape=(-1, 1, *self.preprocessing.size_px)),)
        return (TensorSpec(name="image", datatype="FP32", shape=(-1, 1, *self.preprocessing.roi)),)

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The graph's outputs, which follow from task and labels."""
        labels = len(self.labels)
        if isinstance(self.preprocessing, StayPreprocessing):
            features = len(self.preprocessing.features)
            shapes: dict[str, tuple[int, ...]] = {
                "probability": (-1, 1),
                "contributions": (-1, features),
                "baseline": (-1, 1),
            }
        elif isinstance(self.preprocessing, RadiographPreprocessing):
            shapes = {"probability": (-1, labels), "activation": (-1, labels, -1, -1)}
        else:
            shapes = {"probability": (-1, labels, *self.preprocessing.roi)}
        return tuple(TensorSpec(name=name, datatype="FP32", shape=shape) for name, shape in shapes.items())


@plain_dataclass(frozen=True, kw_only=True)
class Bundle:
    """One bundle on disk, read and checked."""

    #: Its directory.
    path: Path
    #: Its name, equal to the directory's.
    name: str
    #: Version in metadata.json, e.g. ``0.1.0``.
    version: str
    #: What it decides about clinical use.
    clinical: ClinicalSpec

    def config(self, name: str) -> Path:
        """The file ``configs/<name>``, e.g. ``train.yaml``."""
        return self.path / "configs" / name


_CLINICAL = TypeAdapter(ClinicalSpec)


def open_bundle(path: Path) -> Bundle:
    """Read the bundle at *path*.

    Raises:
        ManifestError: a file is missing, cannot be parsed, or says something impossible.
    """
    for name in _REQUIRED_FILES:
        if not (path / name).is_file():
            raise ManifestError(f"'{path / name}' is missing; a bundle needs {', '.join(_REQUIRED_FILES)}")
    metadata = _metadata(path / "configs" / "metadata.json")
    return Bundle(
        path=path,
        name=metadata["name"],
        version=metadata["version"],
        clinical=read_clinical(path / "configs" / "clinical.yaml"),
    )


def bundle_names() -> tuple[str, ...]:
    """The bundles that ship with Varsel, sorted."""
    return tuple(sorted(path.parent.parent.name for path in _SHIPPED.glob("*/configs/clinical.yaml")))


def find_bundle(name: str) -> Bundle:
    """The shipped bundle *name*, or the bundle in the directory *name*.

    Raises:
        ManifestError: there is no such bundle, or it is not valid.
    """
    if name in bundle_names():
        return open_bundle(_SHIPPED / name)
    if Path(name).is_dir():
        return open_bundle(Path(name).resolve())
    raise ManifestError(f"'{name}' is no bundle; there are {', '.join(bundle_names())}, or give a bundle's directory")


_SHIPPED = Path(__file__).resolve().parent / "bundles"
#: The rules of metadata.json as a JSON Schema.
METADATA_SCHEMA = _SHIPPED / "metadata_schema.json"


def _metadata(path: Path) -> dict[str, Any]:
    try:
        metadata = json.loads(path.read_bytes())
    except json.JSONDecodeError as error:
        raise ManifestError(f"'{path}' is no JSON: {error}") from error
    for key in ("name", "version"):
        if not isinstance(metadata, dict) or not isinstance(metadata.get(key), str):
            raise ManifestError(f"'{path}' has no text under '{key}'; the zoo's metadata and a release need it")
    return metadata


def read_clinical(path: Path) -> ClinicalSpec:
    """What the file at *path* decides about clinical use.

    Raises:
        ManifestError: it is no YAML, or says something impossible.
    """
    try:
        # Through JSON, so that lists become tuples and words become enums exactly as in manifest.json.
        return _CLINICAL.validate_json(json.dumps(yaml.safe_load(path.read_text(encoding="utf-8"))))
    except yaml.YAMLError as error:
        raise ManifestError(f"'{path}' is no YAML: {error}") from error
    except ValidationError as error:
        raise ManifestError(f"'{path}' is not valid: {error}") from error
