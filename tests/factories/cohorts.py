"""Small cohorts and what a model said of them."""

from dataclasses import replace

import numpy as np

from evaluation.cohorts.cohort import Cohort
from evaluation.subject import Subject
from evaluation.tally import Scored
from models.manifest import Label, Preprocessing, StayPreprocessing, Task
from tests.factories.releases import manifest_of


def scored(truths: object, probabilities: object, patients: object = None, threshold: float = 0.5) -> Scored:
    """Cases as they stand; each of a patient of its own unless *patients* are given."""
    known = np.asarray(truths, dtype=np.int8)
    who = np.arange(len(known)).astype(str) if patients is None else np.asarray(patients).astype(str)
    said = np.asarray(probabilities, dtype=np.float64)
    return Scored(truths=known, probabilities=said, patients=who, threshold=threshold)


def subject(task: Task = Task.STAY_RISK, *, labels: tuple[Label, ...] = ()) -> Subject:
    """The model of a test release."""
    manifest = manifest_of(task, "made_up", "0.1.0", {})
    spec: Preprocessing = manifest.preprocessing
    return Subject(
        model=manifest.name,
        version=manifest.version,
        digest="ab" * 32,
        task=task,
        intended_use=manifest.intended_use,
        labels=labels or manifest.labels,
        preprocessing=replace(spec, horizon_hours=6) if isinstance(spec, StayPreprocessing) else spec,
        input_name=manifest.inputs[0].name,
    )


def table(truths: object, inputs: object, **columns: object) -> Cohort:
    """One row a case, each of a patient of its own unless told otherwise."""
    known = np.asarray(truths, dtype=np.float32)
    names = np.array([f"c{number:04d}" for number in np.random.default_rng(7).permutation(len(known))])
    cohort = Cohort(
        source="made in the test",
        inputs=np.asarray(inputs, dtype=np.float32),
        truths=known.reshape(len(known), -1),
        patients=names,
        keys=names,
        splits=np.full(len(known), ""),
        groups={},
        hours=None,
        files={},
    )
    return replace(cohort, **columns)  # type: ignore[arg-type]


def hours_table(stays: int = 60, hours: int = 30, seed: int = 1) -> tuple[Cohort, np.ndarray]:
    """Stays watched hour by hour, a third of them positive from hour 14 on, and risks that rise before that."""
    rng = np.random.default_rng(seed)
    stay, hour = np.repeat(np.arange(stays), hours), np.tile(np.arange(hours), stays)
    becomes = stay % 3 == 0
    truths = (becomes & (hour >= 14)).astype(np.float32)
    risk = 1 / (1 + np.exp(3 - 0.15 * becomes * hour - rng.normal(size=len(stay))))
    named = np.array([f"s{number:03d}" for number in stay])
    cohort = table(
        truths,
        np.stack([risk, rng.normal(size=len(stay))], axis=1),
        patients=named,
        keys=np.array([f"{name}/{at}" for name, at in zip(named, hour, strict=True)]),
        hours=hour.astype(np.float32),
    )
    return cohort, risk
