"""Parts of a grid: where something is, and the part alone."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: Slices (z, y, x) of a grid.
Box = tuple[slice, ...]


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A part of a map, and where it lies on the whole grid."""

    #: float32 (z, y, x), the part alone.
    values: npt.NDArray[np.float32]
    #: Where it lies.
    place: Box
    #: Size (z, y, x) of the whole grid.
    shape: tuple[int, int, int]

    def on_whole_grid(self, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """A *mask* of the part as bool (z, y, x) of the whole grid, False elsewhere."""
        whole = np.zeros(self.shape, dtype=np.bool_)
        whole[self.place] = mask
        return whole


def bounds(mask: npt.NDArray[np.bool_]) -> Box | None:
    """The smallest box (z, y, x) that holds all of *mask*; None when it is empty."""
    plane = np.any(mask, axis=0)
    lines = (np.any(mask, axis=(1, 2)), np.any(plane, axis=1), np.any(plane, axis=0))
    places = [np.flatnonzero(line) for line in lines]
    if len(places[0]) == 0:
        return None
    return tuple(slice(int(place[0]), int(place[-1]) + 1) for place in places)
