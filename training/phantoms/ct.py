"""Synthetic chest CT volumes in Hounsfield units: body, lungs, bones, heart, vessels, and nodules of known shape.

Nothing here is anatomy of a person. Shapes are drawn in millimetres, so that they keep their size whatever the grid.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Field = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

#: Slices, rows, columns of a phantom unless another shape is asked for.
DEFAULT_SHAPE = (40, 256, 256)
#: Spacing (z, y, x) in mm that goes with it.
DEFAULT_SPACING_MM = (2.5, 1.4, 1.4)
_AIR, _FAT, _MUSCLE, _LUNG, _BLOOD, _BONE = -1000.0, -95.0, 50.0, -860.0, 40.0, 480.0


@dataclass(frozen=True, kw_only=True)
class CtPhantom:
    """One synthetic chest CT and its truth."""

    #: int16 (z, y, x) in Hounsfield units; z runs from feet to head.
    voxels: npt.NDArray[np.int16]
    #: Spacing (z, y, x) in mm.
    spacing_mm: tuple[float, float, float]
    #: bool (z, y, x): the nodules.
    mask: Mask
    #: Diameter of each nodule in mm.
    diameters_mm: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class _Grid:
    """Coordinates in mm from the middle of the volume, each broadcastable to (z, y, x)."""

    z: Field
    y: Field
    x: Field
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]

    def radius(self, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Field:
        """Distance (z, y, x) from *centre*, 1 on the ellipsoid of *radii*; all in mm."""
        z, y, x = ((axis - c) / r for axis, c, r in zip((self.z, self.y, self.x), centre, radii, strict=True))
        distance: Field = np.sqrt(z**2 + y**2 + x**2)
        return distance


def ct_phantom(
    seed: int,
    nodules: int | None = None,
    shape: tuple[int, int, int] = DEFAULT_SHAPE,
    spacing_mm: tuple[float, float, float] = DEFAULT_SPACING_MM,
) -> CtPhantom:
    """A chest CT drawn from *seed* with so many *nodules* of 6 to 16 mm; 0 to 4 by the seed's own dice when None."""
    rng = np.random.default_rng((seed, 2))
    wanted = int(rng.choice([0, 0, 1, 1, 2, 3, 4])) if nodules is None else nodules
    grid = _grid(shape, spacing_mm)
    size = rng.uniform(0.9, 1.06)
    voxels = _body(grid, size)
    lungs = _lungs(rng, grid, size)
    voxels[lungs] = _LUNG + rng.uniform(-30, 40)
    _heart_and_bones(grid, voxels, size)
    lungs &= voxels < _AIR / 2
    voxels = np.where(lungs & _vessels(rng, grid, size), _BLOOD, voxels).astype(np.float32)
    mask, diameters = _nodules(rng, grid, lungs, wanted)
    voxels[mask] = rng.uniform(-20, 60)
    return CtPhantom(voxels=_scanned(rng, voxels, spacing_mm), spacing_mm=spacing_mm, mask=mask, diameters_mm=diameters)


def _grid(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> _Grid:
    axes = [((np.arange(n) + 0.5 - n / 2) * step).astype(np.float32) for n, step in zip(shape, spacing_mm, strict=True)]
    return _Grid(
        z=axes[0][:, None, None], y=axes[1][None, :, None], x=axes[2][None, None, :], shape=shape, spacing_mm=spacing_mm
    )


def _body(grid: _Grid, size: float) -> Field:
    outer = np.abs(grid.x / (168 * size)) ** 2.5 + np.abs(grid.y / (112 * size)) ** 2.5
    inner = np.abs(grid.x / (152 * size)) ** 2.5 + np.abs(grid.y / (98 * size)) ** 2.5
    plane = np.where(inner < 1, _MUSCLE, np.where(outer < 1, _FAT, _AIR)).astype(np.float32)
    table = (grid.y[0] > 128) & (grid.y[0] < 134) & (np.abs(grid.x[0]) < 160)
    plane[0][table] = -500
    return np.repeat(plane, grid.shape[0], axis=0)


def _lungs(rng: np.random.Generator, grid: _Grid, size: float) -> Mask:
    height = 150 * rng.uniform(0.9, 1.1)
    lungs = np.zeros(grid.shape, dtype=np.bool_)
    for side in (-1, 1):
        centre = (20.0, -2.0, side * 78 * size)
        lungs |= grid.radius(centre, (height, 80 * size, 58 * size * rng.uniform(0.95, 1.05))) < 1
    return lungs


def _heart_and_bones(grid: _Grid, voxels: Field, size: float) -> None:
    voxels[grid.radius((-35, -22, 22 * size), (58, 46 * size, 58 * size)) < 1] = _BLOOD
    voxels[grid.radius((30, -5, 0), (900, 40 * size, 22 * size)) < 1] = 35
    voxels[grid.radius((40, 0, 0), (900, 8, 9)) < 1] = _AIR
    spine = grid.radius((0, 66 * size, 0), (900, 17, 20)) < 1
    voxels[spine] = np.broadcast_to(np.where(np.abs(np.sin(grid.z / 8)) < 0.15, 90.0, 230.0), grid.shape)[spine]
    ring = np.hypot(grid.x / (143 * size), grid.y / (90 * size))
    # Ribs slope: the slice cuts each one at another place around the chest.
    slope = np.sin((grid.z + 0.35 * grid.y) / 20 * np.pi)
    voxels[(np.abs(ring - 1) < 0.035) & (slope > 0.35) & (np.abs(grid.x) > 25)] = _BONE


def _vessels(rng: np.random.Generator, grid: _Grid, size: float) -> Mask:
    vessels = np.zeros(grid.shape, dtype=np.bool_)
    for radius_mm, branches in ((2.1, 14), (1.5, 40), (1.0, 80)):
        points = np.concatenate([_branch(rng, size, radius_mm) for _ in range(branches)])
        vessels |= _tubes(grid, points, radius_mm)
    return vessels


def _branch(rng: np.random.Generator, size: float, radius_mm: float) -> npt.NDArray[np.float64]:
    side = rng.choice([-1, 1])
    start = np.array([rng.normal(5, 12), rng.normal(0, 8), side * 30 * size])
    direction = rng.normal(0, 1, 3) * (0.9, 1, 0.7) + (0, 0, side * 1.1)
    steps = int(110 / radius_mm**0.5)
    turns = np.cumsum(rng.normal(0, 0.06, (steps, 3)), axis=0)
    heading = direction / np.linalg.norm(direction) + turns
    path = start + np.cumsum(heading / np.linalg.norm(heading, axis=1, keepdims=True), axis=0)
    return path if radius_mm > 2 else path[rng.integers(0, steps // 3) :]


def _tubes(grid: _Grid, points_mm: npt.NDArray[np.float64], radius_mm: float) -> Mask:
    centres = np.floor(points_mm / grid.spacing_mm + np.array(grid.shape) / 2).astype(int)
    index = (centres[:, np.newaxis] + _ball(radius_mm, grid.spacing_mm)).reshape(-1, 3)
    index = index[np.all((index >= 0) & (index < grid.shape), axis=1)]
    tubes = np.zeros(grid.shape, dtype=np.bool_)
    tubes[tuple(index.T)] = True
    return tubes


def _ball(radius_mm: float, spacing_mm: tuple[float, float, float]) -> npt.NDArray[np.int_]:
    """Voxel offsets (n, 3) within *radius_mm* of a voxel."""
    half = [int(np.ceil(radius_mm / step)) for step in spacing_mm]
    offsets = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in half), indexing="ij"), axis=-1).reshape(-1, 3)
    return offsets[np.linalg.norm(offsets * spacing_mm, axis=1) <= radius_mm]


def _nodules(rng: np.random.Generator, grid: _Grid, lungs: Mask, wanted: int) -> tuple[Mask, tuple[float, ...]]:
    mask = np.zeros(grid.shape, dtype=np.bool_)
    reach = [2 * int(6 / step) + 1 for step in grid.spacing_mm]
    free = ndimage.uniform_filter(lungs.astype(np.float32), reach, mode="nearest") > 0.999
    diameters: list[float] = []
    while len(diameters) < wanted and free.any():
        candidates = np.flatnonzero(free)
        index = np.unravel_index(int(rng.choice(candidates)), grid.shape)
        centre = tuple(float(axis.ravel()[i]) for axis, i in zip((grid.z, grid.y, grid.x), index, strict=True))
        diameter = float(rng.uniform(6, 16))
        radii = tuple(diameter / 2 * rng.uniform(0.9, 1.1) for _ in range(3))
        mask |= grid.radius(centre, radii) < 1  # type: ignore[arg-type]  # three axes, three numbers
        # The next one keeps its distance, so that one nodule is one component.
        free &= grid.radius(centre, (32.0, 32.0, 32.0)) > 1  # type: ignore[arg-type]
        diameters.append(diameter)
    return mask, tuple(diameters)


def _scanned(rng: np.random.Generator, voxels: Field, spacing_mm: tuple[float, float, float]) -> npt.NDArray[np.int16]:
    blurred = ndimage.gaussian_filter(voxels, [0.8 / step for step in spacing_mm])
    noise = ndimage.gaussian_filter(rng.standard_normal(voxels.shape, dtype=np.float32), (0, 0.6, 0.6))
    noisy = blurred + noise * np.float32(rng.uniform(30, 75))
    return np.clip(np.rint(noisy), -1024, 3071).astype(np.int16)
