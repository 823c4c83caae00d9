"""Slices under a tilted gantry: straightened for the model, and what it says brought back to where they lie.

Each slice lies a fixed way beside the one before. Moved back by that way within its own plane, it lies straight above
the others, and the volume is that of the body, turned by the tilt. Nothing is mixed between slices; within one, values
are mixed linearly from the four nearest. Sizes are measured on the slices themselves, where they are right as they are.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import ceil, floor

import numpy as np
import numpy.typing as npt

from dicom_io.volume import AIR_HU, Volume
from models.grid import Cut

FloatArray = npt.NDArray[np.float32]
#: Less sideways way than this over a whole stack, in pixels, is none: positions are rounded.
_LEAST_DRIFT_PX = 1.0


def straightened(volume: Volume) -> Volume:
    """*volume* with its slices straight above each other, on as many more rows and columns as that takes.

    What no slice covers is air. The same object where the gantry was not tilted.
    """
    if not _is_tilted(volume):
        return volume
    depth, rows, columns = volume.voxels.shape
    ways = list(_ways(volume))
    down, across = (ceil(max(way[axis] for way in ways)) + 1 for axis in (0, 1))
    voxels = np.empty((depth, rows + down, columns + across), dtype=np.float32)
    for target, layer, (row_way, column_way) in zip(voxels, volume.voxels, ways, strict=True):
        moved = _moved(layer - AIR_HU, row_way, rows + down)
        target[:] = _moved(moved.T, column_way, columns + across).T
    voxels += AIR_HU
    return replace(volume, voxels=voxels, affine=_upright_affine(volume))


def on_slices(cut: Cut, volume: Volume) -> Cut:
    """*cut*, a part of the grid of ``straightened(volume)``, on the slices of *volume*."""
    if not _is_tilted(volume):
        return cut
    depth, rows, columns = volume.voxels.shape
    through, down, across = cut.place
    ways = list(_ways(volume))[through]
    values = np.empty((len(ways), rows, columns), dtype=np.float32)
    plane = np.zeros(cut.shape[1:], dtype=np.float32)
    for target, layer, (row_way, column_way) in zip(values, cut.values, ways, strict=True):
        plane[down, across] = layer
        taken = _taken(plane, row_way, rows)
        target[:] = _taken(taken.T, column_way, columns).T
    whole = (slice(0, rows), slice(0, columns))
    return Cut(values=values, place=(through, *whole), shape=(depth, rows, columns))


def _is_tilted(volume: Volume) -> bool:
    return max(map(abs, volume.drift_px)) * (len(volume.voxels) - 1) > _LEAST_DRIFT_PX


def _ways(volume: Volume) -> Iterator[tuple[float, float]]:
    """Rows and columns by which each slice is moved, none of them backwards."""
    last = len(volume.voxels) - 1
    least = [min(0.0, one * last) for one in volume.drift_px]
    for z in range(last + 1):
        rows, columns = (one * z - first for one, first in zip(volume.drift_px, least, strict=True))
        yield rows, columns


def _moved(plane: FloatArray, way: float, size: int) -> FloatArray:
    """*plane* (y, x) further down by *way* rows among *size* rows, 0 elsewhere."""
    whole, share = floor(way), np.float32(way - floor(way))
    moved = np.zeros((size, plane.shape[1]), dtype=np.float32)
    moved[whole : whole + len(plane)] = plane * (1 - share)
    moved[whole + 1 : whole + 1 + len(plane)] += plane * share
    return moved


def _taken(plane: FloatArray, way: float, size: int) -> FloatArray:
    """The *size* rows of *plane* (y, x) that begin *way* rows below its first."""
    whole, share = floor(way), np.float32(way - floor(way))
    return plane[whole : whole + size] * (1 - share) + plane[whole + 1 : whole + 1 + size] * share


def _upright_affine(volume: Volume) -> npt.NDArray[np.float64]:
    """Index (x, y, z, 1) of the straightened volume -> mm."""
    affine = volume.affine.copy()
    along_row, along_column = affine[:3, 0], affine[:3, 1]
    rows, columns = volume.drift_px
    first_rows, first_columns = next(_ways(volume))
    affine[:3, 2] -= rows * along_column + columns * along_row
    affine[:3, 3] -= first_rows * along_column + first_columns * along_row
    return affine
