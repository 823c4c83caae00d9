"""The published form of a MedMNIST data set: one ``.npz`` with the images and labels of each split.

MedMNIST v2 (Yang et al., Scientific Data 2023;10:41): ``train_images`` (n, y, x) or (n, y, x, 3) uint8,
``train_labels`` (n, 1), and the same for ``val`` and ``test``; a split may be absent. It knows no patients.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evaluation.errors import CohortError

#: Name in the file -> split.
SPLITS = {"train": "train", "val": "validation", "test": "test"}


@dataclass(frozen=True, kw_only=True)
class MedmnistImages:
    """Every image of the file, split by split."""

    #: uint8 (n, y, x).
    images: npt.NDArray[np.uint8]
    #: Label as text, (n,).
    labels: npt.NDArray[np.str_]
    #: ``train``, ``validation`` or ``test``, (n,).
    splits: npt.NDArray[np.str_]
    #: Split and position, e.g. ``train-17``, (n,).
    keys: npt.NDArray[np.str_]


def read_medmnist(path: Path) -> MedmnistImages:
    """The images in the file at *path*.

    Raises:
        CohortError: it cannot be read, holds no split, or images and labels do not belong together.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            held = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise CohortError(f"'{path}' is no .npz file that can be read ({error}); get it anew") from error
    names = [name for name in SPLITS if f"{name}_images" in held]
    if not names:
        raise CohortError(f"'{path}' holds {', '.join(held) or 'nothing'}; required is train_images, val_images, ...")
    parts = [_part(path, name, held) for name in names]
    return MedmnistImages(
        images=np.concatenate([images for images, _ in parts]),
        labels=np.concatenate([labels for _, labels in parts]).astype(np.str_),
        splits=np.concatenate(
            [np.full(len(labels), SPLITS[name]) for name, (_, labels) in zip(names, parts, strict=True)]
        ),
        keys=np.array(
            [f"{name}-{i}" for name, (_, labels) in zip(names, parts, strict=True) for i in range(len(labels))]
        ),
    )


def _part(
    path: Path, name: str, held: dict[str, npt.NDArray[np.uint8]]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    images, labels = held[f"{name}_images"], held.get(f"{name}_labels")
    found = "none" if labels is None else str(labels.shape)
    if labels is None or labels.size != len(images) or images.ndim not in {3, 4}:
        raise CohortError(f"'{path}' has {name}_images {images.shape} and {name}_labels {found}; each needs its label")
    grey = images if images.ndim == 3 else np.rint(images[..., :3].mean(axis=-1)).astype(np.uint8)
    return grey, labels.reshape(-1)
