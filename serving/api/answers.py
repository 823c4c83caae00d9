"""What the typed calls answer: for people with a browser or a notebook, not for the worker."""

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from models.manifest import StayPreprocessing
from models.release import Release
from models.runtime import Tensors


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class ModelInfo(_Answer):
    """A release that is served."""

    #: Model name.
    name: str
    #: Version of the bundle.
    version: str
    #: Release digest, 64 hexadecimal digits.
    digest: str
    #: Kind of answer.
    task: str
    #: What it may be used for, English.
    intended_use: str
    #: Must not be used on patients.
    demonstration: bool


class ImageAnswer(_Answer):
    """What a classification model says of one image."""

    #: What said it.
    model: ModelInfo
    #: Label key -> calibrated probability, 0 to 1.
    probabilities: dict[str, float]
    #: Labels at or above their operating point.
    found: tuple[str, ...]


class StayAnswer(_Answer):
    """What a risk model says of one stay."""

    #: What said it.
    model: ModelInfo
    #: Calibrated probability of onset within the horizon, 0 to 1.
    probability: float
    #: Hours that the risk speaks of.
    horizon_hours: float
    #: Log-odds of a stay about which nothing is known.
    baseline: float
    #: Feature -> signed contribution to the log-odds, strongest first.
    contributions: dict[str, float]


def info_of(release: Release) -> ModelInfo:
    """What *release* is."""
    manifest = release.manifest
    return ModelInfo(
        name=manifest.name,
        version=manifest.version,
        digest=release.digest,
        task=manifest.task.value,
        intended_use=manifest.intended_use.en,
        demonstration=manifest.demonstration,
    )


def image_answer(release: Release, outputs: Tensors) -> ImageAnswer:
    """Probabilities (1, label) in words."""
    labels = release.manifest.labels
    found = {label.key: float(value) for label, value in zip(labels, _row(outputs["probability"]), strict=True)}
    return ImageAnswer(
        model=info_of(release),
        probabilities=found,
        found=tuple(label.key for label in labels if found[label.key] >= label.threshold),
    )


def stay_answer(release: Release, preprocessing: StayPreprocessing, outputs: Tensors) -> StayAnswer:
    """A risk and its contributions (1, feature) in words."""
    names = [feature.name for feature in preprocessing.features]
    pairs = [(name, float(value)) for name, value in zip(names, _row(outputs["contributions"]), strict=True)]
    return StayAnswer(
        model=info_of(release),
        probability=float(_row(outputs["probability"])[0]),
        horizon_hours=preprocessing.horizon_hours,
        baseline=float(_row(outputs["baseline"])[0]),
        contributions=dict(sorted(pairs, key=lambda pair: -abs(pair[1]))),
    )


def _row(tensor: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    return tensor[0].astype(np.float32, copy=False)
