"""From what a model computed to places and sizes on the source's own grid: numpy and scipy only."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from models.grid import bounds
from models.preprocess import Placement

Polygon = tuple[tuple[float, float], ...]

#: More components than this are never said of one volume: a scan with that many is for a person, not for a list.
MAXIMUM_COMPONENTS = 20


@dataclass(frozen=True, kw_only=True)
class Component:
    """One connected piece of a probability map above its threshold."""

    #: bool (z, y, x), the whole grid.
    mask: npt.NDArray[np.bool_]
    #: Highest probability in it, 0 to 1.
    probability: float
    #: Volume in mm3.
    volume_mm3: float
    #: Longest distance within one slice in mm, from the outer edges of its pixels.
    diameter_mm: float


def region_of(
    activation: npt.NDArray[np.float32], placement: Placement, source_shape: tuple[int, int]
) -> Polygon | None:
    """The box around the place that speaks strongest, at half of its maximum.

    Args:
        activation: (h, w), >= 0, a coarse map over the padded square.
        placement: where the source image lies in that square.
        source_shape: rows and columns of the source image.

    Returns:
        Closed polygon of (column, row) on the source image, pixel edges as in SCOORD (PS3.3 C.18.6.1.1), or None when
        the map is silent or speaks only of the padding.
    """
    peak = float(activation.max())
    if not np.isfinite(peak) or peak <= 0:
        return None
    fine = _refined(activation)
    half = fine >= fine.max() / 2
    labelled, _ = ndimage.label(half)
    rows, columns = ndimage.find_objects(labelled)[labelled[np.unravel_index(fine.argmax(), fine.shape)] - 1]
    top, left = placement.to_source(rows.start / fine.shape[0], columns.start / fine.shape[1])
    bottom, right = placement.to_source(rows.stop / fine.shape[0], columns.stop / fine.shape[1])
    return _box((top, left, bottom, right), source_shape)


def components_of(
    probability: npt.NDArray[np.float32],
    threshold: float,
    spacing_mm: tuple[float, float, float],
    minimum_volume_mm3: float,
) -> tuple[Component, ...]:
    """The connected pieces (26-neighbourhood) of *probability* (z, y, x) at or above *threshold*.

    Strongest first, pieces smaller than *minimum_volume_mm3* left out, at most ``MAXIMUM_COMPONENTS``.
    """
    above = probability >= threshold
    around = bounds(above)
    if around is None:
        return ()
    # Findings fill a small part of a scan: label that part alone.
    labelled, count = ndimage.label(above[around], structure=np.ones((3, 3, 3)))
    sizes = np.bincount(labelled.ravel(), minlength=count + 1)[1:] * float(np.prod(spacing_mm))
    boxes = ndimage.find_objects(labelled)
    peaks = [float(probability[around][box][labelled[box] == i + 1].max()) for i, box in enumerate(boxes)]
    kept = [int(i) for i in np.lexsort((-sizes, -np.asarray(peaks))) if sizes[i] >= minimum_volume_mm3]
    pieces = ((i, labelled[boxes[i]] == i + 1, _shifted(boxes[i], around)) for i in kept[:MAXIMUM_COMPONENTS])
    return tuple(
        Component(
            mask=_placed(piece, place, probability.shape),
            probability=peaks[i],
            volume_mm3=float(sizes[i]),
            diameter_mm=_diameter_mm(piece, (spacing_mm[1], spacing_mm[2])),
        )
        for i, piece, place in pieces
    )


def _shifted(box: tuple[slice, ...], around: tuple[slice, ...]) -> tuple[slice, ...]:
    return tuple(
        slice(inner.start + outer.start, inner.stop + outer.start) for inner, outer in zip(box, around, strict=True)
    )


def _refined(activation: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    # Eight times as fine, linear: half of the maximum then falls between the coarse cells, not on their edges.
    fine: npt.NDArray[np.float32] = ndimage.zoom(activation, 8, order=1, mode="nearest", grid_mode=True)
    return fine


def _box(edges: tuple[float, float, float, float], shape: tuple[int, int]) -> Polygon | None:
    top, bottom = (float(np.clip(edge, 0, shape[0])) for edge in (edges[0], edges[2]))
    left, right = (float(np.clip(edge, 0, shape[1])) for edge in (edges[1], edges[3]))
    if bottom <= top or right <= left:
        return None
    return ((left, top), (right, top), (right, bottom), (left, bottom), (left, top))


def _placed(piece: npt.NDArray[np.bool_], box: tuple[slice, ...], shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    mask = np.zeros(shape, dtype=np.bool_)
    mask[box] = piece
    return mask


def _diameter_mm(mask: npt.NDArray[np.bool_], spacing_mm: tuple[float, float]) -> float:
    return max(_plane_diameter_mm(plane, spacing_mm) for plane in mask)


def _plane_diameter_mm(plane: npt.NDArray[np.bool_], spacing_mm: tuple[float, float]) -> float:
    rows = np.flatnonzero(plane.any(axis=1))
    if len(rows) == 0:
        return 0.0
    taken = plane[rows]
    # The two corners furthest apart are ends of their rows of pixels: the right end of one, the left end of the other.
    left, right = taken.argmax(axis=1), plane.shape[1] - taken[:, ::-1].argmax(axis=1)
    down = (np.abs(np.subtract.outer(rows, rows)) + 1) * spacing_mm[0]
    across = np.subtract.outer(right, left) * spacing_mm[1]
    return float(np.sqrt((down * down + across * across).max()))
