"""What a bundle's train.yaml starts from: the cases of one split as MONAI's dictionaries."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from training.datasets import Split, open_dataset

#: Slices, rows, columns that a crop may lie off a lesion's middle.
_PLACE_REACH = (3, 10, 10)


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


def lesion_places(label: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """A box of one size around the middle of each lesion of *label* (1, z, y, x): crops are drawn lesion by lesion."""
    labelled, lesions = ndimage.label(np.asarray(label[0]) > 0, structure=np.ones((3, 3, 3)))
    places = np.zeros(labelled.shape, dtype=np.bool_)
    for middle in ndimage.center_of_mass(labelled > 0, labelled, range(1, lesions + 1)):
        corner = [max(0, round(at) - reach) for at, reach in zip(middle, _PLACE_REACH, strict=True)]
        places[tuple(slice(at, at + 2 * reach + 1) for at, reach in zip(corner, _PLACE_REACH, strict=True))] = True
    return places[np.newaxis]


def lung_places(image: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Where *image* (1, z, y, x), a chest CT between -1000 and 400 HU, is lung: thinner than tissue."""
    smooth = ndimage.uniform_filter(np.asarray(image[0]), (3, 7, 7))
    return ((smooth > 0.06) & (smooth < 0.3))[np.newaxis]
