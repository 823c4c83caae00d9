"""Where crops of a chest CT are drawn from while training: around lesions, and from the lungs."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from monai.transforms import Transform
from scipy import ndimage

#: Slices, rows, columns that a crop may lie off a lesion's middle.
_PLACE_REACH = (3, 10, 10)
#: Slices, rows, columns whose mean says whether a place is lung: noise and vessels are gone, and it costs nothing.
_BLOCK = (2, 4, 4)
#: Lung, as a share of the window from -1000 to 400 HU: thinner than tissue, denser than the air around a patient.
_LUNG = (0.06, 0.3)


class CropPlacesd(Transform):
    """Adds ``lesion_places`` and ``lung_places``, flat indices for ``RandCropByPosNegLabeld``, to a case.

    MONAI's own search (``FgBgToIndicesd``) lists every voxel of the lungs, which took a second a case; these are a
    few places for each lesion, so that a small one is drawn as often as a large one, and one place for each block of
    lung, where the vessels are that a nodule must be told from.
    """

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """*data* with the places of its ``image`` and ``label``, both (1, z, y, x)."""
        image, label = np.asarray(data["image"])[0], np.asarray(data["label"])[0]
        return {**data, "lesion_places": lesion_places(label), "lung_places": lung_places(image)}


def lesion_places(label: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Flat indices of a box of one size around the middle of each lesion of *label* (z, y, x)."""
    labelled, _ = ndimage.label(label > 0, structure=np.ones((3, 3, 3)))
    places = np.zeros(label.shape, dtype=np.bool_)
    for box in ndimage.find_objects(labelled):
        middle = [(side.start + side.stop) // 2 for side in box]
        places[tuple(slice(max(0, at - off), at + off + 1) for at, off in zip(middle, _PLACE_REACH, strict=True))] = 1
    return np.flatnonzero(places)


def lung_places(image: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Flat indices of the middle of each block of *image* (z, y, x), a chest CT from -1000 to 400 HU, that is lung."""
    blocks = [size // block for size, block in zip(image.shape, _BLOCK, strict=True)]
    whole = image[tuple(slice(count * block) for count, block in zip(blocks, _BLOCK, strict=True))]
    means = whole.reshape(blocks[0], _BLOCK[0], blocks[1], _BLOCK[1], blocks[2], _BLOCK[2]).mean((1, 3, 5))
    found = np.argwhere((means > _LUNG[0]) & (means < _LUNG[1])) * _BLOCK + np.array(_BLOCK) // 2
    return np.ravel_multi_index(tuple(found.T), image.shape).astype(np.int64)
