"""Is there anything to learn from a data set? Asked before a training starts, not found out after an hour."""

import numpy as np
import numpy.typing as npt

from models.bundle import ClinicalSpec
from models.manifest import StayPreprocessing, Task
from training.datasets import Batch, Dataset, Split
from training.errors import DataError


def demand_trainable(data: Dataset, clinical: ClinicalSpec) -> None:
    """See that every split of *data* has cases, and that those to learn from fit *clinical* and know both classes.

    The test split is only counted: nobody looks at it before the evaluation.

    Raises:
        DataError: says which split or file, and what is missing in it.
    """
    for split in Split:
        if data.count(split) == 0:
            raise DataError(f"'{data.path}' has no cases in split '{split.value}'; prepare data with all three splits")
    for split in (Split.TRAIN, Split.VALIDATION):
        _demand_both_classes(data, split, clinical)


def _demand_both_classes(data: Dataset, split: Split, clinical: ClinicalSpec) -> None:
    positives, negatives = np.zeros((2, len(clinical.labels)), dtype=int)
    measured = False
    for batch in data.batches(split):
        _demand_inputs(batch, clinical)
        _demand_labels(batch, clinical)
        measured = measured or not np.isnan(batch.inputs).all()
        truths = batch.labels.reshape(len(batch.labels), len(clinical.labels), -1).astype(np.float32)
        known = ~np.isnan(truths).any(axis=-1)
        said = np.nan_to_num(truths).max(axis=-1) > 0
        positives += (known & said).sum(axis=0)
        negatives += (known & ~said).sum(axis=0)
    where = f"'{data.path}', split '{split.value}'"
    if not measured:
        raise DataError(f"{where} has NaN everywhere: nothing was measured; see how the columns were read")
    for label, positive, negative in zip(clinical.labels, positives, negatives, strict=True):
        # A volume holds both classes of voxel: one with a lesion is enough, one without is not needed.
        if positive == 0 or (negative == 0 and clinical.task is not Task.VOLUME_SEGMENTATION):
            raise DataError(
                f"{where} has {positive} cases with '{label.key}' and {negative} without; "
                "at least one of each is needed: see where the truth is read, and how the data were split"
            )


def _demand_labels(batch: Batch, clinical: ClinicalSpec) -> None:
    keys = [label.key for label in clinical.labels]
    found = batch.labels.shape[1] if batch.labels.ndim > 1 else 0
    if found != len(keys):
        raise DataError(
            f"'{batch.file}' has {found} labels a case; the bundle has {len(keys)} ({', '.join(keys)}): "
            "prepare the data for this bundle"
        )


def _demand_inputs(batch: Batch, clinical: ClinicalSpec) -> None:
    expected = clinical.inputs[0].shape[1:]
    if not _fits(batch.inputs.shape[1:], expected, clinical.task):
        raise DataError(
            f"'{batch.file}' has inputs of shape {batch.inputs.shape[1:]}; the bundle takes {expected}: "
            "prepare the data for this bundle"
        )
    if np.isinf(batch.inputs).any():
        number = _first_case(np.isinf(batch.inputs))
        raise DataError(f"'{batch.file}' has an infinite input in case {number}; inputs are finite, or NaN in a stay")
    missing = np.isnan(batch.inputs)
    if missing.any() and not isinstance(clinical.preprocessing, StayPreprocessing):
        raise DataError(f"'{batch.file}' has NaN in case {_first_case(missing)}; an image has none: look at its source")


def _fits(found: tuple[int, ...], expected: tuple[int, ...], task: Task) -> bool:
    # Volumes are of any size; the graph's window is cut from them.
    return len(found) == len(expected) if task is Task.VOLUME_SEGMENTATION else found == expected


def _first_case(marked: npt.NDArray[np.bool_]) -> int:
    return int(np.argmax(marked.reshape(len(marked), -1).any(axis=1)))
