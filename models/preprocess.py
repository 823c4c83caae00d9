"""From pixels with geometry to a model's input: one code for training and serving, in numpy and scipy only.

Every step is a separable linear map along an axis. The maps are sparse matrices: an output cell is the mean of the
source cells that it covers (when shrinking) or the linear mix of the two nearest (when growing). Source and target
grids cover the same extent, so a place in one is a place in the other by one factor.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import sparse

from dicom_io.volume import Radiograph, Volume
from models.grid import Cut, bounds
from models.manifest import Fit, RadiographPreprocessing, VolumePreprocessing

FloatArray = npt.NDArray[np.float32]

#: Percentiles are taken on about this many evenly spread pixels: 0.1 % off the full image's, and 50 times as fast.
_PERCENTILE_SAMPLES = 65_536
#: Rows of a radiograph that are windowed and shrunk at once: their pixels stay in a processor's cache.
_ROWS_AT_ONCE = 256
#: More threads than this wait for memory, not for a processor.
_MAXIMUM_THREADS = 8


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where a radiograph lies in the frame, padded or its own, that became the tensor."""

    #: Rows, columns of the frame in source pixels.
    extent: tuple[int, int]
    #: Rows and columns of padding before the image's first row and column, in source pixels.
    offset: tuple[int, int]

    def to_source(self, fraction_row: float, fraction_column: float) -> tuple[float, float]:
        """Row and column on the source image of a place in the frame, given as fractions of its height and width."""
        return fraction_row * self.extent[0] - self.offset[0], fraction_column * self.extent[1] - self.offset[1]


def radiograph_to_tensor(radiograph: Radiograph, spec: RadiographPreprocessing) -> tuple[FloatArray, Placement]:
    """The graph's input for *radiograph*.

    Returns:
        float32 (1, 1, y, x) of ``spec.size_px``, 0 to 1, and where the image lies in it.
    """
    low, high = _window(radiograph.pixels, spec.window_percentiles)
    rows, columns = radiograph.pixels.shape
    placement = _placement(rows, columns, spec.fit)
    top, left = placement.offset
    down = _resampling_weights(placement.extent[0], spec.size_px[0])[:, top : top + rows]
    across = _resampling_weights(placement.extent[1], spec.size_px[1])[:, left : left + columns]
    shrunk = _shrunk(radiograph.pixels, down, (low, high))
    tensor = np.ascontiguousarray((across @ np.ascontiguousarray(shrunk.T)).T)
    tensor *= np.float32(1 / max(high - low, 1e-6))
    return np.clip(tensor, 0, 1, out=tensor)[np.newaxis, np.newaxis], placement


def _shrunk(pixels: FloatArray, down: sparse.csr_array, window: tuple[float, float]) -> FloatArray:
    """The rows of *down* applied to *pixels* (y, x) between the values of *window*, less the lower of them."""
    low, high = window
    shrunk = np.zeros((down.shape[0], pixels.shape[1]), dtype=np.float32)
    step = max(1, down.shape[0] * _ROWS_AT_ONCE // max(len(pixels), 1))

    def fill(first: int) -> None:
        part = down[first : first + step]
        if len(part.indices):
            source = slice(int(part.indices.min()), int(part.indices.max()) + 1)
            windowed = np.clip(pixels[source], low, high)
            # Padding holds the low value, which is 0 after the subtraction: the padded frame is never made.
            windowed -= np.float32(low)
            shrunk[first : first + step] = part[:, source] @ windowed

    _on_every_processor(fill, range(0, len(shrunk), step))
    return shrunk


def _on_every_processor(task: Callable[[int], None], places: Iterable[int]) -> None:
    """Do *task* for each of *places*; the first error of any is raised here."""
    with ThreadPoolExecutor(min(os.cpu_count() or 1, _MAXIMUM_THREADS)) as pool:
        deque(pool.map(task, places), maxlen=0)


def _placement(rows: int, columns: int, fit: Fit) -> Placement:
    if fit is Fit.STRETCH:
        return Placement(extent=(rows, columns), offset=(0, 0))
    side = max(rows, columns)
    return Placement(extent=(side, side), offset=((side - rows) // 2, (side - columns) // 2))


def volume_to_tensor(volume: Volume, spec: VolumePreprocessing) -> FloatArray:
    """The whole of *volume* at the model's spacing: float32 (1, 1, z, y, x), 0 to 1."""
    shape = model_shape(volume, spec)
    low, high = spec.window_hu
    down = _resampling_weights(volume.voxels.shape[1], shape[1])
    across = _resampling_weights(volume.voxels.shape[2], shape[2])
    slices = np.empty((volume.voxels.shape[0], shape[1], shape[2]), dtype=np.float32)

    def fill(index: int) -> None:
        scaled = _apply(down, across, np.clip(volume.voxels[index], low, high))
        scaled -= np.float32(low)
        scaled *= np.float32(1 / (high - low))
        slices[index] = scaled

    _on_every_processor(fill, range(len(slices)))
    tensor = _through(slices, shape[0])
    return np.clip(tensor, 0, 1, out=tensor)[np.newaxis, np.newaxis]


def model_shape(volume: Volume, spec: VolumePreprocessing) -> tuple[int, int, int]:
    """Size (z, y, x) of *volume* at the model's spacing, rounded to whole voxels."""
    sizes = (
        max(1, round(size * found / wanted))
        for size, found, wanted in zip(volume.voxels.shape, volume.spacing_mm, spec.spacing_mm, strict=True)
    )
    z, y, x = sizes
    return z, y, x


def probability_to_source_grid(probability: FloatArray, shape: tuple[int, int, int], floor: float) -> Cut:
    """Bring one label's map from the model's spacing to the source's own grid, where it can reach *floor*.

    A cell is a linear mix of model cells, so it is at *floor* only where one of those is: findings fill a small part of
    a scan, and the rest is never made.

    Args:
        probability: (z, y, x) at the model's spacing.
        shape: size (z, y, x) of the source's grid.
        floor: what a finding needs.

    Returns:
        The part outside which no cell reaches *floor*; the whole grid when none does, so that its maximum always holds.
    """
    reached = bounds(probability >= floor)
    cut = None if reached is None else _cut(probability, shape, reached)
    if cut is None or float(cut.values.max()) < floor:
        return _cut(probability, shape, tuple(slice(0, size) for size in probability.shape))
    return cut


def _cut(probability: FloatArray, shape: tuple[int, int, int], box: tuple[slice, ...]) -> Cut:
    """The source cells that mix any model cell of *box*."""
    weights = [_linear_weights(size, target) for size, target in zip(probability.shape, shape, strict=True)]
    place = tuple(_touching(one, part) for one, part in zip(weights, box, strict=True))
    # What those cells mix is a box of the model's cells again, a little larger.
    used = tuple(_used(one[part]) for one, part in zip(weights, place, strict=True))
    through, down, across = (one[part, cells] for one, part, cells in zip(weights, place, used, strict=True))
    mixed = probability[used]
    slices = np.asarray(through @ mixed.reshape(len(mixed), -1)).reshape(-1, *mixed.shape[1:])
    return Cut(values=np.stack([_apply(down, across, plane) for plane in slices]), place=place, shape=shape)


def _through(slices: FloatArray, count: int) -> FloatArray:
    """*slices* (z, y, x) as *count* slices over the same extent."""
    if len(slices) == count:
        return slices
    mixed = _resampling_weights(len(slices), count) @ slices.reshape(len(slices), -1)
    return np.asarray(mixed).reshape(count, *slices.shape[1:])


def _touching(weights: sparse.csr_array, part: slice) -> slice:
    """The rows of *weights* that use a column of *part*; rows use ascending columns, so they lie together."""
    used = np.flatnonzero(np.diff(weights[:, part].indptr))
    return slice(int(used[0]), int(used[-1]) + 1)


def _used(weights: sparse.csr_array) -> slice:
    """The columns from the first to the last that *weights* use."""
    return slice(int(weights.indices.min()), int(weights.indices.max()) + 1)


def _window(pixels: FloatArray, percentiles: tuple[float, float]) -> tuple[float, float]:
    step = max(1, int(np.sqrt(pixels.size / _PERCENTILE_SAMPLES)))
    low, high = np.percentile(pixels[::step, ::step], percentiles)
    return float(low), float(high)


def _apply(down: sparse.csr_array, across: sparse.csr_array, plane: FloatArray) -> FloatArray:
    # The axis that shrinks is taken first; each product runs along contiguous rows, hence the two transpositions.
    if down.shape[0] <= down.shape[1]:
        return np.ascontiguousarray((across @ np.ascontiguousarray((down @ plane).T)).T)
    return np.asarray(down @ np.ascontiguousarray((across @ np.ascontiguousarray(plane.T)).T))


@lru_cache(maxsize=32)
def _resampling_weights(source: int, target: int) -> sparse.csr_array:
    return _area_weights(source, target) if target <= source else _linear_weights(source, target)


def _area_weights(source: int, target: int) -> sparse.csr_array:
    """(target, source): the share of each target cell that each source cell covers; rows sum to 1."""
    edges = np.arange(target + 1) * (source / target)
    first = np.floor(edges[:-1]).astype(int)
    width = int(np.ceil(source / target)) + 1
    columns = first[:, np.newaxis] + np.arange(width)
    covered = np.minimum(edges[1:, np.newaxis], columns + 1) - np.maximum(edges[:-1, np.newaxis], columns)
    return _weights(columns, np.maximum(covered, 0) * (target / source), (target, source))


def _linear_weights(source: int, target: int) -> sparse.csr_array:
    """(target, source): linear mix of the two source cells nearest to each target cell's centre; edges are held."""
    centres = np.clip((np.arange(target) + 0.5) * (source / target) - 0.5, 0, source - 1)
    first = np.floor(centres).astype(int)
    share = centres - first
    return _weights(np.stack([first, first + 1], axis=1), np.stack([1 - share, share], axis=1), (target, source))


def _weights(
    columns: npt.NDArray[np.int_], values: npt.NDArray[np.float64], shape: tuple[int, int]
) -> sparse.csr_array:
    rows = np.broadcast_to(np.arange(shape[0])[:, np.newaxis], columns.shape)
    used = (values > 0) & (columns < shape[1])
    entries = (values[used].astype(np.float32), (rows[used], columns[used]))
    return sparse.coo_array(entries, shape=shape).tocsr()
