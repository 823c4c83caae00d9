"""Parametric Map (PS3.3 A.75): what a model held probable, voxel by voxel, in 32-bit floating point."""

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dicom_io.codes import MODEL_PROBABILITY, NO_UNITS, Code
from dicom_io.findings import HeatMap
from dicom_io.results.draft import Draft, draft
from dicom_io.results.encoding import code, decimal, double, element, sequence, text, unsigned
from dicom_io.results.frames import (
    Frame,
    dimension_elements,
    frame_groups,
    grid_of,
    reference_elements,
    shared_groups,
)
from dicom_io.results.kinds import ResultKind
from dicom_io.results.provenance import Provenance, content_time, heading
from dicom_io.results.source import SourceSeries, body_part_elements, lossy_elements

SERIES_NUMBER = 951
PARAMETRIC_MAP_STORAGE = "1.2.840.10008.5.1.4.1.1.30"

_FRAME_TYPE = ("DERIVED", "PRIMARY", "VOLUME", "QUANTITY")
_DERIVATION = Code(value="112187", scheme="DCM", meaning="Unspecified method of calculation")
_QUANTITY = Code(value="246205007", scheme="SCT", meaning="Quantity")


def parametric_map(heat_map: HeatMap, provenance: Provenance, sources: SourceSeries) -> Draft:
    """The map of one label, a frame for each slice that holds any of it.

    Raises:
        ConformanceError: it lies on images that were not read.
    """
    grid = grid_of(heat_map.images, sources)
    places = shown_places(heat_map)
    values = _frames(heat_map, places, (grid.images[0].instance.rows, grid.images[0].instance.columns))
    elements = (
        *_map_elements(provenance, sources, values.shape),
        text(0x00700081, "LO", f"AI {heat_map.text}"[:64]),
        *reference_elements(grid, places, sources),
        *dimension_elements(grid, provenance.uid("pm", heat_map.label, "dimensions"), by_segment=False),
        shared_groups(grid, *_value_groups(heat_map, float(values.min()), float(values.max()))),
        frame_groups(grid, [Frame(place=place) for place in places], _DERIVATION),
        element(0x7FE00008, "OF", values.tobytes()),
    )
    series = (SERIES_NUMBER, f"AI {provenance.algorithm.name} heat map {heat_map.text}")
    head = heading(provenance, PARAMETRIC_MAP_STORAGE, "OT", series, ["pm", heat_map.label])
    return draft(ResultKind.HEAT_MAP, head, provenance, elements)


def can_be_told(heat_map: HeatMap, sources: SourceSeries) -> bool:
    """Whether there is anything to show, on images that lie in a frame of reference (PS3.3 A.75 demands one).

    Raises:
        ConformanceError: it lies on images that were not read.
    """
    return bool(shown_places(heat_map)) and grid_of(heat_map.images, sources).is_spatial


def shown_places(heat_map: HeatMap) -> list[int]:
    """The slices that hold any probability above 0."""
    return [place for place, layer in enumerate(heat_map.values, start=heat_map.offset[0]) if layer.any()]


def _frames(heat_map: HeatMap, places: Sequence[int], shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """The whole slices (frame, y, x) of *shape* rows and columns at *places*."""
    (first, top, left), (_, height, width) = heat_map.offset, heat_map.values.shape
    frames = np.zeros((len(places), *shape), dtype="<f4")
    for frame, place in zip(frames, places, strict=True):
        frame[top : top + height, left : left + width] = heat_map.values[place - first]
    return frames


def _map_elements(provenance: Provenance, sources: SourceSeries, shape: tuple[int, ...]) -> tuple[bytes, ...]:
    frames, rows, columns = shape
    return (
        text(0x00080008, "CS", *_FRAME_TYPE),
        *content_time(provenance),
        text(0x00089205, "CS", "MONOCHROME"),
        text(0x00189004, "CS", "RESEARCH"),
        unsigned(0x00280002, 1),
        text(0x00280004, "CS", "MONOCHROME2"),
        text(0x00280008, "IS", str(frames)),
        unsigned(0x00280010, rows),
        unsigned(0x00280011, columns),
        unsigned(0x00280100, 32),
        text(0x00280301, "CS", "NO"),
        text(0x00280302, "CS", "NO"),
        *lossy_elements(sources),
        *body_part_elements(sources),
        sequence(0x00400555),
        text(0x00700080, "CS", "HEAT_MAP"),
        text(0x00700084, "PN", ""),
        text(0x20500020, "CS", "IDENTITY"),
    )


def _value_groups(heat_map: HeatMap, low: float, high: float) -> tuple[bytes, ...]:
    """Window, identity transformation, frame type and what the numbers mean (PS3.3 C.7.6.16.2.11)."""
    meaning = b"".join(
        (
            text(0x00283003, "LO", f"AI {heat_map.text}"[:64]),
            code(0x004008EA, NO_UNITS),
            text(0x00409210, "SH", heat_map.label[:16]),
            element(0x00409213, "FD", struct.pack("<d", high)),
            element(0x00409214, "FD", struct.pack("<d", low)),
            sequence(0x00409220, _quantity()),
            double(0x00409224, 0.0),
            double(0x00409225, 1.0),
        )
    )
    window = decimal(0x00281050, 0.5) + decimal(0x00281051, 1.0) + text(0x00281056, "CS", "LINEAR_EXACT")
    rescale = decimal(0x00281052, 0.0) + decimal(0x00281053, 1.0) + text(0x00281054, "LO", "US")
    # Optional by the standard (PS3.3 C.7.6.16.2.8), demanded by dcmqi.
    anatomy = [] if heat_map.site is None else [code(0x00082218, heat_map.site) + text(0x00209072, "CS", "U")]
    return (
        *(sequence(0x00209071, one) for one in anatomy),
        sequence(0x00289132, window),
        sequence(0x00289145, rescale),
        sequence(0x00409092, text(0x00089007, "CS", *_FRAME_TYPE)),
        sequence(0x00409096, meaning),
    )


def _quantity() -> bytes:
    """Quantity Definition Sequence's item (0040,9220): a code content item."""
    return text(0x0040A040, "CS", "CODE") + code(0x0040A043, _QUANTITY) + code(0x0040A168, MODEL_PROBABILITY)
