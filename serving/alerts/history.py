"""Scores of the past, hour by hour, as a policy is tried on."""

import numpy as np
import numpy.typing as npt

from evaluation.alert_burden import Watch
from evaluation.cohorts.cohort import Cohort
from evaluation.errors import EvaluationError
from evaluation.evidence import read_evidence
from evaluation.judge import scored_label
from evaluation.subject import Subject
from evaluation.tally import Floats
from models.data_layout import StayTableLayout
from models.manifest import Manifest, StayPreprocessing
from models.release import Release


def watch_of_release(release: Release) -> Watch:
    """What *release* said of each hour of its test part, as kept in its evidence: an hour a row.

    Raises:
        EvaluationError: its model does not score hours, or it keeps no test scores.
    """
    scores = read_evidence(release).scores
    if scores is None:
        raise EvaluationError(f"'{release.manifest.name}' keeps no test scores; give a labelled table with --data")
    scored = scores.scored
    return Watch(scored=scored, hours=_row_hours(scored.patients), horizon_hours=_horizon(release.manifest))


def watch_of_cohort(cohort: Cohort, said: Floats, subject: Subject, manifest: Manifest) -> Watch:
    """What *said* (case, label) tells of each hour of *cohort* where the truth is known.

    Raises:
        EvaluationError: the model does not score hours.
    """
    horizon = _horizon(manifest)
    if cohort.hours is None:
        raise EvaluationError(f"'{cohort.source}' has no hours; alerts are judged hour by hour")
    known = ~np.isnan(cohort.truths[:, 0])
    return Watch(scored=scored_label(cohort, said, subject, 0), hours=cohort.hours[known], horizon_hours=horizon)


def _horizon(manifest: Manifest) -> float:
    spec, layout = manifest.preprocessing, manifest.data
    if not isinstance(spec, StayPreprocessing) or not isinstance(layout, StayTableLayout) or layout.hour is None:
        raise EvaluationError(f"'{manifest.name}' does not score hours of stays; alerts are judged hour by hour")
    return spec.horizon_hours


def _row_hours(stays: npt.NDArray[np.str_]) -> npt.NDArray[np.float32]:
    first = np.flatnonzero(np.append(True, stays[1:] != stays[:-1]))
    lengths = np.diff(np.append(first, len(stays)))
    return (np.arange(len(stays)) - np.repeat(first, lengths)).astype(np.float32)
