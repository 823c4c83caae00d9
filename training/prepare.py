"""From a labelled data set in its published layout to one to train on: patients are divided, inputs are as served."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evaluation.cohorts.cohort import Cohort
from evaluation.cohorts.read import read_cohort
from models.bundle import Bundle
from models.data_layout import ImageFolderLayout
from training.datasets import Case, Dataset, Description, Split, write_dataset
from training.errors import DataError
from training.image_copies import with_further_images

#: Of all patients; those for testing only where the source does not say which these are.
_VALIDATION_SHARE, _TEST_SHARE = 0.15, 0.15
#: Cases in one file: images by some megabytes, rows of features by the ten thousand.
_IMAGES_A_SHARD, _ROWS_A_SHARD = 256, 65_536


def prepare_cohort(bundle: Bundle, source: Path, directory: Path, seed: int) -> Dataset:
    """Read *source* as the layout of *bundle* says and write it as a data set into the new *directory*.

    What the source calls validation or test becomes the test split, looked at once; of its other patients as many as
    are 15 % of all become validation, drawn by *seed*, the rest training. A source that names no such split gives
    another 15 % for testing. Beside the ``labels.csv`` of a folder, MedMNIST files with further images may lie: these
    are for training, see `training.image_copies.with_further_images`.

    Raises:
        CohortError: *source* is not laid out so.
        DataError: *bundle* knows no layout, or *directory* already holds a data set.
    """
    clinical = bundle.clinical
    if clinical.data is None:
        raise DataError(f"the bundle '{bundle.name}' does not say how its data lie on disk; give a prepared data set")
    cohort = read_cohort(source, clinical.data, clinical.preprocessing, [label.key for label in clinical.labels])
    cohort = replace(cohort, splits=_divided(cohort, seed))
    for further in _further_files(bundle, source):
        more = read_cohort(further, clinical.data, clinical.preprocessing, [label.key for label in clinical.labels])
        cohort = with_further_images(cohort, more)
    description = Description(
        bundle=bundle.name,
        source=cohort.source,
        seed=seed,
        shard_size=_IMAGES_A_SHARD if cohort.inputs.ndim > 2 else _ROWS_A_SHARD,
        files=dict(cohort.files),
    )
    return write_dataset(directory, _cases(cohort), description)


def _further_files(bundle: Bundle, source: Path) -> list[Path]:
    if not isinstance(bundle.clinical.data, ImageFolderLayout) or not source.is_dir():
        return []
    return sorted(source.glob("*.npz"))


def _divided(cohort: Cohort, seed: int) -> npt.NDArray[np.str_]:
    homes = dict(zip(cohort.patients, cohort.splits, strict=True))
    order = [str(patient) for patient in np.random.default_rng(seed).permutation(sorted(homes))]
    tested = [patient for patient in order if homes[patient] in {"validation", "test"}]
    if not tested:
        tested = order[: round(len(order) * _TEST_SHARE)]
    named: Mapping[str, str] = dict.fromkeys(tested, Split.TEST.value)
    learnt = [patient for patient in order if patient not in named]
    held = set(learnt[: round(len(order) * _VALIDATION_SHARE)])
    return np.array(
        [
            named.get(patient, Split.VALIDATION.value if patient in held else Split.TRAIN.value)
            for patient in map(str, cohort.patients)
        ]
    )


def _cases(cohort: Cohort) -> Iterator[tuple[Split, Case]]:
    images = cohort.inputs.ndim > 2
    for split in Split:
        for number in np.flatnonzero(cohort.splits == split.value):
            truth, given = cohort.truths[number], cohort.inputs[number]
            yield (
                split,
                Case(
                    patient=str(cohort.patients[number]),
                    # Of images half precision is finer than eight bits; a truth without a place is a map of one place.
                    input=given.astype(np.float16) if images else given,
                    label=truth[:, np.newaxis, np.newaxis] if images else truth,
                    hour=None if cohort.hours is None else float(cohort.hours[number]),
                    groups={name: str(values[number]) for name, values in cohort.groups.items()},
                ),
            )
