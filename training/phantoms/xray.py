"""Synthetic chest radiographs: a sum of attenuating shapes, then exposure, contrast, blur and noise.

Nothing here is anatomy of a person. Coordinates: ``u`` to the right of the image, ``v`` downward, both -1 to 1 over the
image's height, so that shapes keep their form whatever the aspect ratio.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

#: float32 (y, x); numpy's types cannot follow it through mixed arithmetic.
Field = npt.NDArray[Any]

#: Rows, columns of a phantom unless another size is asked for.
DEFAULT_SIZE_PX = (512, 448)
#: A phantom's rows span this many millimetres.
HEIGHT_MM = 400.0


@dataclass(frozen=True, kw_only=True)
class Box:
    """An upright box on the image, in pixel edges."""

    top: float
    left: float
    bottom: float
    right: float

    def contains(self, row: float, column: float) -> bool:
        """Whether the place (row, column) lies in it."""
        return self.top <= row <= self.bottom and self.left <= column <= self.right


@dataclass(frozen=True, kw_only=True)
class XrayPhantom:
    """One synthetic frontal chest radiograph and its truth."""

    #: uint16 (y, x), 0 to 4095, bright where dense (MONOCHROME2).
    pixels: npt.NDArray[np.uint16]
    #: Distance between pixels in mm, equal both ways.
    spacing_mm: float
    #: Where the opacity is; None when there is none.
    opacity: Box | None


@dataclass(frozen=True, kw_only=True)
class _Grid:
    u: Field
    v: Field
    #: How far the patient is turned, in radians, and stands off the middle.
    rotation: float
    shift: tuple[float, float]
    shape: tuple[int, int]

    def pixel(self, u: float, v: float) -> tuple[float, float]:
        cosine, sine = math.cos(self.rotation), math.sin(self.rotation)
        x, y = cosine * u - sine * v + self.shift[0], sine * u + cosine * v + self.shift[1]
        half = self.shape[0] / 2
        return y * half + half, x * half + self.shape[1] / 2


def xray_phantom(  # the question is yes, no or toss a coin
    seed: int,
    opacity: bool | None = None,  # noqa: FBT001
    size_px: tuple[int, int] = DEFAULT_SIZE_PX,
) -> XrayPhantom:
    """A radiograph drawn from *seed*, with or without an *opacity* in one lung; by the seed's own coin when None."""
    rng = np.random.default_rng((seed, 1))
    with_opacity = bool(rng.random() < 0.5) if opacity is None else opacity
    grid = _grid(rng, size_px)
    lungs = _lungs(rng, grid)
    density = _chest(rng, grid, lungs)
    box = None
    if with_opacity:
        shadow, box = _opacity(rng, grid, lungs)
        density += shadow
    return XrayPhantom(pixels=_exposed(rng, density), spacing_mm=HEIGHT_MM / size_px[0], opacity=box)


def _grid(rng: np.random.Generator, shape: tuple[int, int]) -> _Grid:
    half = shape[0] / 2
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    rotation = math.radians(rng.normal(0, 2.5))
    shift = (float(rng.normal(0, 0.025)), float(rng.normal(0, 0.03)))
    right, down = (x + 0.5 - shape[1] / 2) / half - shift[0], (y + 0.5 - half) / half - shift[1]
    u = math.cos(rotation) * right + math.sin(rotation) * down
    v = -math.sin(rotation) * right + math.cos(rotation) * down
    return _Grid(u=u, v=v, rotation=rotation, shift=shift, shape=shape)


def _inside(distance: Field, softness: float) -> Field:
    """1 where *distance* is below 1, 0 above, with an edge as wide as *softness*."""
    return 1 / (1 + np.exp(np.clip((distance - 1) / softness, -50, 50)))


def _ellipse(grid: _Grid, centre: tuple[float, float], radii: tuple[float, float], tilt: float = 0.0) -> Field:
    u, v = grid.u - centre[0], grid.v - centre[1]
    along, across = math.cos(tilt) * u + math.sin(tilt) * v, -math.sin(tilt) * u + math.cos(tilt) * v
    return np.hypot(along / radii[0], across / radii[1])


def _lungs(rng: np.random.Generator, grid: _Grid) -> Field:
    size = rng.uniform(0.92, 1.06)
    lungs = np.zeros(grid.shape, dtype=np.float32)
    for side, dome in ((-1, rng.uniform(0.40, 0.52)), (1, rng.uniform(0.46, 0.58))):
        radii = (0.29 * size * rng.uniform(0.95, 1.05), 0.74 * size)
        lung = _inside(_ellipse(grid, (side * 0.37 * size, 0.02), radii, side * -0.10), 0.03)
        diaphragm = dome + 1.1 * (grid.u - side * 0.33) ** 2
        lungs += lung / (1 + np.exp(np.clip((grid.v - diaphragm) / 0.012, -50, 50)))
    return lungs


def _chest(rng: np.random.Generator, grid: _Grid, lungs: Field) -> Field:
    body = _inside(np.abs(grid.u / rng.uniform(0.80, 0.90)) ** 4 + np.abs(grid.v / 1.5) ** 4, 0.05)
    density = 0.95 * body * rng.uniform(0.92, 1.08) - rng.uniform(0.52, 0.64) * lungs
    density += 0.30 * _inside(np.abs(grid.u) / 0.12, 0.22) * body
    density += 0.10 * _inside(np.abs(grid.u) / 0.05, 0.10) * (1 + 0.5 * np.sin(grid.v * 55)) * body
    heart = _ellipse(grid, (0.12, 0.27), (0.34 * rng.uniform(0.85, 1.15), 0.25), 0.45)
    density += 0.42 * _inside(heart, 0.04) * lungs
    density += _ribs(rng, grid) * body
    density += _clavicles(rng, grid)
    return density + _vessels(rng, grid) * lungs


def _ribs(rng: np.random.Generator, grid: _Grid) -> Field:
    ribs = np.zeros(grid.shape, dtype=np.float32)
    away = np.abs(grid.u)
    gap, first, weight = rng.uniform(0.125, 0.145), rng.uniform(-0.72, -0.66), rng.uniform(0.07, 0.12)
    reach = _inside(away / 0.70, 0.03) * (1 - _inside(away / 0.09, 0.1))
    for number in range(10):
        behind = grid.v - (first + number * gap + 0.55 * (away - 0.08) ** 2 - 0.05 * away)
        front = grid.v - (first + 0.16 + number * gap + 0.30 * (0.66 - away))
        ribs += weight * _bar(behind, 0.026) * reach
        ribs += 0.5 * weight * _bar(front, 0.028) * reach * (away > 0.2)
    return ribs


def _bar(distance: Field, half_width: float) -> Field:
    # A rib is a tube: denser at its two cortical edges than in the middle.
    inside = _inside(np.abs(distance) / half_width, 0.12)
    return inside * (0.7 + 0.5 * np.clip(np.abs(distance) / half_width, 0, 1) ** 2)


def _clavicles(rng: np.random.Generator, grid: _Grid) -> Field:
    away = np.abs(grid.u)
    line = grid.v + rng.uniform(0.60, 0.66) + 0.18 * away - 0.05 * np.sin(away * 7)
    return 0.16 * _bar(line, 0.03) * _inside(away / 0.72, 0.02) * (away > 0.07)


def _vessels(rng: np.random.Generator, grid: _Grid) -> Field:
    fine, coarse = np.zeros(grid.shape, dtype=np.float32), np.zeros(grid.shape, dtype=np.float32)
    for side in (-1, 1):
        for _ in range(26):
            angle = rng.uniform(-1.35, 1.35)
            length, bend = rng.uniform(0.15, 0.45), rng.normal(0, 0.5)
            steps = np.linspace(0, length, 160)
            turned = angle + bend * steps
            u = side * (0.13 + np.cumsum(np.cos(turned)) * length / 160)
            v = 0.02 + np.cumsum(np.sin(turned)) * length / 160
            target = coarse if rng.random() < 0.35 else fine
            _splat(grid, target, u, v, 1 - 0.8 * steps / length)
    scale = grid.shape[0] / 512
    wide = ndimage.gaussian_filter(coarse, 2.6 * scale) * 2.6
    return np.clip(0.05 * scale * (ndimage.gaussian_filter(fine, 1.2 * scale) * 1.2 + wide), 0, 0.22)


def _splat(grid: _Grid, target: Field, u: Field, v: Field, weight: Field) -> None:
    row, column = grid.pixel(u, v)  # type: ignore[arg-type]  # arrays pass through the same arithmetic
    rows, columns = np.asarray(row).astype(int), np.asarray(column).astype(int)
    seen = (rows >= 0) & (rows < grid.shape[0]) & (columns >= 0) & (columns < grid.shape[1])
    np.add.at(target, (rows[seen], columns[seen]), weight[seen] * 8)


def _opacity(rng: np.random.Generator, grid: _Grid, lungs: Field) -> tuple[Field, Box]:
    candidates = np.argwhere(ndimage.uniform_filter(lungs, grid.shape[0] // 12) > 0.93)
    row, column = candidates[rng.integers(len(candidates))]
    u, v = float(grid.u[row, column]), float(grid.v[row, column])
    radius = rng.uniform(0.06, 0.13)
    angle = np.arctan2(grid.v - v, grid.u - u)
    bumps = 1 + sum(rng.normal(0, 0.07) * np.cos(k * angle + rng.uniform(0, 6.28)) for k in (2, 3, 5))
    distance = _ellipse(grid, (u, v), (radius * rng.uniform(0.85, 1.15), radius), rng.uniform(0, 3.1)) / bumps
    # A ball of tissue: thickest in the middle, with a hazy edge.
    ball = np.sqrt(np.clip(1.05 - distance**2, 0, None))
    shadow = ndimage.gaussian_filter(ball, grid.shape[0] * 0.004) * rng.uniform(0.24, 0.40)
    rows, columns = np.nonzero(distance < 1)
    box = Box(top=rows.min(), left=columns.min(), bottom=rows.max() + 1, right=columns.max() + 1)
    return shadow, Box(**{name: float(value) for name, value in vars(box).items()})


def _exposed(rng: np.random.Generator, density: Field) -> npt.NDArray[np.uint16]:
    scale = density.shape[0] / 512
    blurred = ndimage.gaussian_filter(density, rng.uniform(0.5, 1.1) * scale)
    photons = rng.uniform(1500, 6000) * np.exp(-1.6 * blurred)
    # Log-like response of a computed radiograph; quantum noise is largest behind dense tissue.
    signal = blurred + rng.standard_normal(density.shape, dtype=np.float32) / np.sqrt(photons) / 1.6
    curve = 1 / (1 + np.exp(-rng.uniform(2.6, 4.2) * (signal - rng.uniform(0.55, 0.75))))
    levels = rng.uniform(100, 500) + curve * rng.uniform(2600, 3500)
    return np.clip(np.rint(levels), 0, 4095).astype(np.uint16)
