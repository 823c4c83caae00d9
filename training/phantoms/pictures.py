"""Synthetic pictures for a guard: chest radiographs as they should be, gone wrong, and pictures of something else.

Nothing here is anatomy of a person.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from evaluation.cohorts.changed_copies import changed
from models.data_layout import Change
from training.phantoms.ct import ct_phantom
from training.phantoms.xray import xray_phantom

#: float32 (y, x), 0 to 1, square.
Picture = npt.NDArray[np.float32]

_SIDE_PX = 128
_TURNS = (Change.TURN_LEFT, Change.TURN_RIGHT, Change.UPSIDE_DOWN)
_NONSENSE = (Change.SHUFFLE, Change.NOISE, Change.BLANK)


def picture(seed: int, label: str) -> Picture:
    """A picture of the class *label* of ``image_guard``, drawn from *seed*."""
    return _PICTURES[label](np.random.default_rng((seed, 6)), seed)


def _chest(_: np.random.Generator, seed: int) -> Picture:
    return (xray_phantom(seed, size_px=(_SIDE_PX, _SIDE_PX)).pixels / 4095).astype(np.float32)


def _inverted(rng: np.random.Generator, seed: int) -> Picture:
    return changed(_chest(rng, seed), Change.INVERT, seed)


def _rotated(rng: np.random.Generator, seed: int) -> Picture:
    return changed(_chest(rng, seed), _TURNS[rng.integers(3)], seed)


def _limb(rng: np.random.Generator, _: int) -> Picture:
    """Two long bones in soft tissue, at any angle."""
    y, x = (np.mgrid[:_SIDE_PX, :_SIDE_PX] + 0.5 - _SIDE_PX / 2) / (_SIDE_PX / 2)
    angle = rng.uniform(0, np.pi)
    across = np.cos(angle) * x + np.sin(angle) * y
    density = 0.45 * (np.abs(across) < rng.uniform(0.3, 0.5))
    for middle in (-0.15, 0.12):
        density = density + 0.4 * (np.abs(across - middle) < rng.uniform(0.06, 0.09))
    noisy = ndimage.gaussian_filter(density, 1.0) + rng.normal(0, 0.01, x.shape)
    return np.clip(noisy, 0, 1).astype(np.float32)


def _something_else(rng: np.random.Generator, seed: int) -> Picture:
    """A slice of a CT, a scrambled chest, noise, or one brightness all over."""
    kind = int(rng.integers(4))
    if kind < len(_NONSENSE):
        return changed(_chest(rng, seed), _NONSENSE[kind], seed)
    voxels = ct_phantom(seed, 0, (2, _SIDE_PX, _SIDE_PX), (4.0, 2.8, 2.8)).voxels[0]
    return np.clip((voxels + 1000) / 1400, 0, 1).astype(np.float32)


_PICTURES: Mapping[str, Callable[[np.random.Generator, int], Picture]] = {
    "chest_radiograph": _chest,
    "inverted": _inverted,
    "rotated": _rotated,
    "other_body_part": _limb,
    "not_radiograph": _something_else,
}
