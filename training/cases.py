"""What a bundle's train.yaml starts from: the cases of one split as MONAI's dictionaries."""

from pathlib import Path

import numpy as np

from training.datasets import Split, open_dataset


def case_dicts(dataset_dir: str, split: str) -> list[dict[str, object]]:
    """Every case of *split* (``train``, ``validation``, ``test``) as ``{"image": ..., "label": ...}``, float32.

    A stay's features stand under ``image`` as well, since MONAI's engines look there. All cases of a split are held in
    memory: the shipped data sets have a few hundred megabytes at most.

    Raises:
        DataError: the data set is missing, altered, or mixes patients between splits.
    """
    dataset = open_dataset(Path(dataset_dir))
    return [
        {"image": case.input.astype(np.float32), "label": case.label.astype(np.float32)}
        for case in dataset.cases(Split(split))
    ]
