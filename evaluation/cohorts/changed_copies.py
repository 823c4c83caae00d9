"""Pictures that went wrong, made from pictures that are right: turned, inverted, scrambled, or nothing at all."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from models.data_layout import Change

Image = npt.NDArray[np.float32]

#: Tiles along each side of a scrambled picture.
_TILES = 4


def changed(image: Image, change: Change, seed: int) -> Image:
    """A copy of *image* (y, x), 0 to 1 and square, with *change* done to it; *seed* where chance has a part."""
    rng = np.random.default_rng((seed, 9))
    return np.ascontiguousarray(_CHANGES[change](image, rng), dtype=np.float32)


def _shuffled(image: Image, rng: np.random.Generator) -> Image:
    side = image.shape[0] // _TILES * _TILES
    tile = side // _TILES
    tiles = image[:side, :side].reshape(_TILES, tile, _TILES, tile).swapaxes(1, 2).reshape(-1, tile, tile)
    mixed = rng.permutation(tiles).reshape(_TILES, _TILES, tile, tile).swapaxes(1, 2).reshape(side, side)
    # What does not fill a tile stays where it is.
    whole = image.copy()
    whole[:side, :side] = mixed
    return whole


def _noise(image: Image, rng: np.random.Generator) -> Image:
    grain = rng.normal(rng.uniform(0.2, 0.8), rng.uniform(0.05, 0.3), image.shape)
    return np.clip(grain, 0, 1).astype(np.float32)


def _blank(image: Image, rng: np.random.Generator) -> Image:
    return np.full_like(image, rng.choice([0.0, rng.random(), 1.0]))


_CHANGES: Mapping[Change, Callable[[Image, np.random.Generator], Image]] = {
    Change.INVERT: lambda image, _: 1 - image,
    Change.TURN_LEFT: lambda image, _: np.rot90(image),
    Change.TURN_RIGHT: lambda image, _: np.rot90(image, -1),
    Change.UPSIDE_DOWN: lambda image, _: np.rot90(image, 2),
    Change.SHUFFLE: _shuffled,
    Change.NOISE: _noise,
    Change.BLANK: _blank,
}
