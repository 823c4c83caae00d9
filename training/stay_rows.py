"""Training rows from stays: one a day (landmarks), features as known then, labels by the case definition."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from ehr_io.definitions.urinary import judge
from ehr_io.definitions.verdict import Outcome
from models.bundle import Bundle
from models.features import FeatureVector, features_as_of
from models.manifest import StayPreprocessing
from training.datasets import Case, Split, split_of
from training.errors import DataError
from training.phantoms.stays import SyntheticStay, synthesize_stays

#: From the second day on, once a day: a landmark, so that nothing later decides which rows there are.
FIRST_LANDMARK = timedelta(hours=24)
LANDMARK_EVERY = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class TrainingRows:
    """Rows to learn from, in the order of their moment."""

    #: (row, feature), NaN where not measured.
    features: npt.NDArray[np.float32]
    #: (row,), 1 when a case of the definition is sampled within the horizon after the moment.
    labels: npt.NDArray[np.float32]
    #: Patient of each row: no patient may be on both sides of a split.
    patients: tuple[str, ...]
    #: T of each row, UTC.
    moments: tuple[datetime, ...]


@dataclass(frozen=True, kw_only=True)
class _Row:
    vector: FeatureVector
    label: bool
    patient: str
    moment: datetime


def training_rows(stays: Sequence[SyntheticStay], spec: StayPreprocessing) -> TrainingRows:
    """Rows of *stays* at daily landmarks until discharge or until the case's sample, whichever is first.

    A row whose sample is already taken is left out: the question whether a case will come no longer stands.
    """
    rows = sorted((row for made in stays for row in _rows_of(made, spec)), key=lambda row: (row.moment, row.patient))
    width = len(spec.features)
    return TrainingRows(
        features=np.array([row.vector.values for row in rows], dtype=np.float32).reshape(len(rows), width),
        labels=np.array([row.label for row in rows], dtype=np.float32),
        patients=tuple(row.patient for row in rows),
        moments=tuple(row.moment for row in rows),
    )


def _rows_of(made: SyntheticStay, spec: StayPreprocessing) -> Iterator[_Row]:
    cases = [v.sampled_at for v in judge(made.stay) if v.outcome is Outcome.HOSPITAL_ACQUIRED]
    until = min([made.discharged_at, *cases])
    horizon = timedelta(hours=spec.horizon_hours)
    moment = made.admitted_at + FIRST_LANDMARK
    while moment < until:
        vector = features_as_of(made.stay, spec, moment)
        if vector.measured_count >= spec.minimum_measured:
            label = any(moment < case <= moment + horizon for case in cases)
            yield _Row(vector=vector, label=label, patient=made.stay.patient_id, moment=moment)
        moment += LANDMARK_EVERY


def stay_cases(bundle: Bundle, count: int, seed: int) -> Iterator[tuple[Split, Case]]:
    """Rows of *count* synthetic stays for *bundle*, split by time of admission: the newest stays are the test.

    A patient who comes back in a later split is left out of it.

    Raises:
        DataError: the bundle's preprocessing is not that of stays.
    """
    spec = bundle.clinical.preprocessing
    if not isinstance(spec, StayPreprocessing):
        raise DataError(f"bundle '{bundle.name}' has preprocessing '{spec.kind}'; synthetic stays need 'stay'")
    stays = synthesize_stays(count, seed)
    seen: set[str] = set()
    for split in Split:
        part = [m for n, m in enumerate(stays) if split_of(n, count) is split and m.stay.patient_id not in seen]
        rows = training_rows(part, spec)
        for features, label, patient in zip(rows.features, rows.labels, rows.patients, strict=True):
            yield split, Case(patient=patient, input=features, label=np.array([label], dtype=np.float32))
        seen |= {made.stay.patient_id for made in part}
