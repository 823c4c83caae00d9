"""Boxes around masks, for those who draw polygons only."""

import numpy as np
import numpy.typing as npt

from dicom_io.findings import Region, Segment

#: Pixels between a mask and the box around it.
_MARGIN = 2.0


def box_around(mask: npt.NDArray[np.bool_]) -> tuple[tuple[float, float], ...]:
    """A closed box of (column, row) pairs around what is set in *mask* (y, x), within its edges."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    left, right = max(columns[0] - _MARGIN, 0.0), min(columns[-1] + 1 + _MARGIN, float(mask.shape[1]))
    top, bottom = max(rows[0] - _MARGIN, 0.0), min(rows[-1] + 1 + _MARGIN, float(mask.shape[0]))
    return (left, top), (right, top), (right, bottom), (left, bottom), (left, top)


def shown_region(segment: Segment) -> Region:
    """The box on the slice that shows most of a mask that is not empty."""
    place = int(np.argmax(segment.areas))
    image = segment.images[place]
    return Region(
        sop_instance_uid=image.sop_instance_uid,
        frame_number=image.frame_number,
        polygon=box_around(segment.mask[place]),
    )
