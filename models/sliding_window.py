"""Runs a graph over a volume window by window and blends the overlaps.

The windows lie where MONAI's ``sliding_window_inference`` (1.6.1, ``mode="constant"``) puts them, so that a model is
served on the windows that it was evaluated on. Two differences, both for speed: each axis' share of every window is
worked out once per shape instead of a count map as large as the volume, and windows that hold nothing but zeros are
answered with zeros without being run.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, product

import numpy as np
import numpy.typing as npt

from models.datatypes import datatype_of
from models.errors import RuntimeFailedError, UnfitInputError
from models.runtime import Runtime, Tensors

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Windows:
    """How windows lie over one volume and how they share its voxels."""

    #: Voxels (z, y, x) of one window.
    roi: tuple[int, int, int]
    #: Share of a window that the next one overlaps, 0 to below 1.
    overlap: float
    #: Windows in one run of the graph.
    per_run: int = 1


def slide(volume: Floats, windows: Windows, labels: int, predict: Callable[[Floats], Floats]) -> Floats:
    """The probabilities (1, label, z, y, x) of *volume* (1, 1, z, y, x), by *predict* on every window.

    *predict* takes (n, 1, z, y, x) and gives (n, label, z, y, x), both of the windows' roi. A volume smaller than the
    roi is padded with zeros on both sides, as MONAI does.

    Raises:
        UnfitInputError: *volume* is not (1, 1, z, y, x).
        RuntimeFailedError: *predict* gives another shape.
    """
    _check_volume(volume)
    padded, inner = _padded(volume, windows.roi)
    total = np.zeros((1, labels, *padded.shape[2:]), np.float32)
    for batch in _batches(_occupied(padded, windows), windows.per_run):
        stack = np.stack([padded[0, :, *place.slices] for place in batch])
        answers = _checked(predict(stack), (len(batch), labels, *windows.roi))
        for place, answer in zip(batch, answers, strict=True):
            total[0, :, *place.slices] += answer * place.weight()
    return total[inner]


class SlidingWindowRuntime:
    """A Runtime that takes whole volumes and runs another Runtime on their windows."""

    def __init__(self, runtime: Runtime, *, windows: Windows, labels: int, tensors: tuple[str, str]) -> None:
        """Run *runtime*, whose input and output are named by *tensors*, on *windows*."""
        self._runtime = runtime
        self._windows = windows
        self._labels = labels
        self._input_name, self._output_name = tensors

    def infer(self, inputs: Mapping[str, npt.NDArray[np.generic]]) -> Tensors:
        """The probabilities (1, label, z, y, x) of the whole volume (1, 1, z, y, x).

        Raises:
            UnfitInputError: the input has another name, shape or datatype.
            RuntimeFailedError: the graph failed.
        """
        if list(inputs) != [self._input_name]:
            raise UnfitInputError(f"inputs {sorted(inputs)} were given; the model takes ['{self._input_name}']")
        volume = inputs[self._input_name]
        if volume.dtype != np.float32:
            raise UnfitInputError(f"input '{self._input_name}' is {datatype_of(volume)}; required is FP32")
        return {
            self._output_name: slide(volume.astype(np.float32, copy=False), self._windows, self._labels, self._predict)
        }

    def warm_up(self) -> None:
        """Run one batch of windows of zeros: the only shape that ever runs, but for a last smaller batch."""
        self._predict(np.zeros((self._windows.per_run, 1, *self._windows.roi), np.float32))

    def close(self) -> None:
        """Let go of the graph."""
        self._runtime.close()

    def _predict(self, stack: Floats) -> Floats:
        return self._runtime.infer({self._input_name: stack})[self._output_name].astype(np.float32, copy=False)


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where one window lies, and its share of each voxel along each axis."""

    slices: tuple[slice, slice, slice]
    shares: tuple[Floats, Floats, Floats]

    def weight(self) -> Floats:
        """The share (z, y, x) of every voxel; over all windows of a volume these add up to 1."""
        z, y, x = self.shares
        return z[:, None, None] * y[:, None] * x


@lru_cache(maxsize=64)
def _axis(size: int, roi: int, overlap: float) -> tuple[tuple[slice, Floats], ...]:
    """Every window of one axis of *size* voxels with its share: 1 / the number of windows over a voxel."""
    step = max(int(roi * (1 - overlap)), 1)
    starts = range(0, size - roi, step)
    slices = [slice(start, start + roi) for start in (*starts, size - roi)]
    count = np.zeros(size, np.float32)
    for place in slices:
        count[place] += 1
    return tuple((place, np.float32(1) / count[place]) for place in slices)


def _occupied(volume: Floats, windows: Windows) -> Iterator[_Place]:
    """The windows that hold anything but zeros."""
    axes = [_axis(size, roi, windows.overlap) for size, roi in zip(volume.shape[2:], windows.roi, strict=True)]
    for (z, share_z), (y, share_y), (x, share_x) in product(*axes):
        if volume[0, 0, z, y, x].any():
            yield _Place(slices=(z, y, x), shares=(share_z, share_y, share_x))


def _batches(places: Iterator[_Place], size: int) -> Iterator[list[_Place]]:
    while batch := list(islice(places, size)):
        yield batch


def _padded(volume: Floats, roi: tuple[int, int, int]) -> tuple[Floats, tuple[slice, ...]]:
    """*volume* made at least *roi* large, and where the original lies in it."""
    missing = [max(wanted - size, 0) for size, wanted in zip(volume.shape[2:], roi, strict=True)]
    inner = [slice(gap // 2, gap // 2 + size) for gap, size in zip(missing, volume.shape[2:], strict=True)]
    whole = (slice(None), slice(None), *inner)
    if not any(missing):
        return volume, whole
    return np.pad(volume, [(0, 0), (0, 0), *((gap // 2, gap - gap // 2) for gap in missing)]), whole


def _check_volume(volume: Floats) -> None:
    if volume.ndim != 5 or volume.shape[:2] != (1, 1) or 0 in volume.shape:
        raise UnfitInputError(
            f"the volume has shape {list(volume.shape)}; required is [1, 1, z, y, x] with at least one voxel"
        )


def _checked(answers: Floats, required: tuple[int, ...]) -> Floats:
    if answers.shape != required:
        raise RuntimeFailedError(
            f"the graph answered with shape {list(answers.shape)}; required is {list(required)}: "
            "a segmentation gives every voxel of its window a probability"
        )
    return answers
