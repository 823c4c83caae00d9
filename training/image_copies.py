"""Small copies of larger images, found by their likeness: the same picture may not be learnt from and judged by.

MedMNIST holds pictures of other public sets, cut to a square about the centre and shrunk. A copy of those sets that
was stretched to a square shows the same places at another aspect ratio, so each ratio is tried.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from evaluation.cohorts.cohort import Cohort
from training.datasets import Split

#: Width / height that a radiograph may have had before it was stretched.
_RATIOS = tuple(float(ratio) for ratio in np.arange(0.8, 2.5, 0.03))
#: Side of the pictures that are compared, that of MedMNIST's smallest.
_SIDE = 28
#: Correlation from which two pictures are one. Kermany's radiographs against PneumoniaMNIST: copies lie above 0.96,
#: likenesses of other radiographs below 0.95, and 37 of 5,232 between.
_SAME = 0.95

Floats = npt.NDArray[np.float32]


def with_further_images(cohort: Cohort, further: Cohort) -> Cohort:
    """*cohort*, whose splits are set, and the images of *further* for training.

    A copy of an image of *cohort* is left out, since it shows what the larger one shows; of those held for validation
    it gets patient and split, so that small pictures are calibrated on too. The others are of unknown patients.
    """
    originals = find_copies(cohort.inputs[:, 0], further.inputs[:, 0])
    copied = originals >= 0
    splits = np.where(copied, cohort.splits[originals], Split.TRAIN.value)
    kept = ~copied | (splits == Split.VALIDATION.value)
    patients = np.where(copied, cohort.patients[originals], further.patients)
    return replace(
        cohort,
        source=f"{cohort.source}; {int(kept.sum())} of {further.source}, {int((kept & copied).sum())} of them copies",
        inputs=np.concatenate([cohort.inputs, further.inputs[kept]]),
        truths=np.concatenate([cohort.truths, _truths(cohort, further, originals)[kept]]),
        patients=np.concatenate([cohort.patients, patients[kept]]),
        keys=np.concatenate([cohort.keys, further.keys[kept]]),
        splits=np.concatenate([cohort.splits, splits[kept]]),
        groups={name: np.concatenate([of, np.full(kept.sum(), "")]) for name, of in cohort.groups.items()},
        files={**cohort.files, **further.files},
    )


def find_copies(images: Floats, candidates: Floats) -> npt.NDArray[np.int_]:
    """For each of *candidates* (m, y, x) the number of the one of *images* (n, y, x) that it is a copy of, or -1."""
    small = _normalised(torch.from_numpy(candidates)[:, None])
    large = torch.from_numpy(images)[:, None]
    best, original = torch.full((len(candidates),), -1.0), torch.zeros(len(candidates), dtype=torch.long)
    for ratio in _RATIOS:
        likeness, number = (small @ _normalised(_square(large, ratio)).T).max(dim=1)
        better = likeness > best
        best, original = torch.where(better, likeness, best), torch.where(better, number, original)
    found: npt.NDArray[np.int_] = torch.where(best >= _SAME, original, -1).numpy()
    return found


def _square(images: torch.Tensor, ratio: float) -> torch.Tensor:
    """The middle of *images* that was a square before they were stretched from *ratio*."""
    height, width = images.shape[-2:]
    rows, columns = round(height * min(1, ratio)), round(width * min(1, 1 / ratio))
    top, left = (height - rows) // 2, (width - columns) // 2
    return images[..., top : top + rows, left : left + columns]


def _normalised(images: torch.Tensor) -> torch.Tensor:
    """*images* (n, 1, y, x) shrunk, as rows of mean 0 and length 1: their products are correlations."""
    shrunk = functional.interpolate(images, size=(_SIDE, _SIDE), mode="bilinear", antialias=True, align_corners=False)
    rows = shrunk.flatten(1)
    return functional.normalize(rows - rows.mean(dim=1, keepdim=True), dim=1)


def _truths(cohort: Cohort, further: Cohort, originals: npt.NDArray[np.int_]) -> Floats:
    """What *further* says, and of copies also what the table says of the original: it may know more."""
    known = np.where((originals >= 0)[:, np.newaxis], cohort.truths[originals], np.nan)
    return np.where(np.isnan(further.truths), known, further.truths).astype(np.float32)
