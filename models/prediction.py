"""What a model computed, before anybody says anything about a patient."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.grid import Cut


@dataclass(frozen=True, kw_only=True)
class ImagePrediction:
    """What a classification model computed for one image."""

    #: SOP Instance UID of the image.
    sop_instance_uid: str
    #: Calibrated probability of each label, (label,), 0 to 1.
    probabilities: npt.NDArray[np.float32]
    #: Activation of each label on the source image's own grid, (label, y, x) coarse map, 0 to 1.
    activations: npt.NDArray[np.float32]
    #: Rows, columns of the source image.
    source_shape: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class VolumePrediction:
    """What a segmentation model computed for one volume."""

    #: Probability of each label, 0 to 1, on the source series' own grid: the part that holds all that reaches the
    #: label's operating point, or the whole grid when nothing does.
    labels: tuple[Cut, ...]


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One additive contribution to a risk."""

    #: Feature name in the manifest.
    feature: str
    #: Signed contribution to the calibrated log-odds.
    contribution: float
    #: The feature's value; None when not measured.
    value: float | None
    #: ISO 8601 UTC time of the value's newest event; empty when not measured.
    measured_at: str = ""
    #: FHIR ``Type/id`` of that event; empty when there is none.
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class RiskScore:
    """A calibrated risk with its reasons: ``logit(probability) == baseline + sum(contributions)``."""

    #: Calibrated probability of onset within the horizon, 0 to 1.
    probability: float
    #: Log-odds of a stay about which nothing is known.
    baseline: float
    #: Every feature's contribution, strongest first.
    reasons: tuple[Reason, ...]
    #: ISO 8601 UTC: the T of "as of T".
    as_of: str
    #: Hours after T that the risk speaks of.
    horizon_hours: float
