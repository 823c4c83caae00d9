"""The stay line from Stay to RiskScore: as of T -> features -> infer -> reasons."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from ehr_io.events import Stay
from models.contract import check_stay
from models.distance import distance_of
from models.features import FeatureVector, explain, features_as_of
from models.manifest import InputLimits, StayPreprocessing
from models.prediction import RiskScore
from models.release import Release
from models.runtime import Runtime
from serving.errors import NotAnalysedError
from serving.stopwatch import Stopwatch
from serving.telemetry.metric_table import Stage

_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class StaySubject:
    """What one run of the stay line is about."""

    #: The stay with all its events.
    stay: Stay
    #: The T of "as of T": newest known time when its generation was closed.
    moment: datetime
    #: The release that scores it.
    release: Release


def score_stay(subject: StaySubject, runtime: Runtime, stopwatch: Stopwatch) -> RiskScore:
    """The calibrated risk of the stay with its reasons.

    Raises:
        NotAnalysedError: the stay lies outside the conditions of use.
        RuntimeFailedError: the model could not be run, or its reasons do not add up to its risk.
    """
    spec = subject.release.manifest.preprocessing
    if not isinstance(spec, StayPreprocessing):
        raise NotAnalysedError("wrong_task", f"'{subject.release.manifest.name}' does not score stays; mend the rule")
    known = subject.stay.as_of(subject.moment)
    violations = check_stay(known, subject.release.manifest.limits, subject.moment)
    if violations:
        raise NotAnalysedError(violations[0].code.value, "; ".join(violation.text for violation in violations))
    with stopwatch.time(Stage.PREPROCESS):
        vector = features_as_of(known, spec, subject.moment)
    if vector.measured_count < spec.minimum_measured:
        found = f"only {vector.measured_count} of the model's inputs were measured"
        text = f"{found}; at least {spec.minimum_measured} are required"
        raise NotAnalysedError("too_little_measured", text)
    _demand_like_training(vector, spec, subject.release.manifest.limits)
    with stopwatch.time(Stage.INFER):
        outputs = runtime.infer({"features": vector.values[np.newaxis]})
    with stopwatch.time(Stage.INTERPRET):
        return explain(outputs, vector, spec, subject.moment)


def _demand_like_training(vector: FeatureVector, spec: StayPreprocessing, limits: InputLimits) -> None:
    distance = distance_of(vector, spec.features, limits)
    if not distance.is_beyond(limits):
        return
    # The values themselves are the patient's and stay out of the text.
    named = ", ".join(distance.outside[:_NAMED]) + (", ..." if len(distance.outside) > _NAMED else "")
    raise NotAnalysedError(
        "unlike_training",
        f"{len(distance.outside)} of {distance.measured} measured inputs lie outside what the model was trained on "
        f"({named}); at most {limits.outside_share:.0%} may",
    )
