"""Masks as the pixels of a Segmentation: packed bits, or numbered labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dicom_io.findings import Segment
from dicom_io.results.encoding import element, unsigned
from dicom_io.results.frames import Frame


@dataclass(frozen=True, kw_only=True)
class MaskPixels:
    """Frames in order, with how deep their pixels are."""

    #: What each frame is; only frames that hold something.
    frames: tuple[Frame, ...]
    #: Bits Allocated, Bits Stored, High Bit and Pixel Data, encoded.
    elements: tuple[bytes, ...]


def packed_bits(segments: Sequence[Segment]) -> MaskPixels:
    """One bit a pixel, a frame for each segment and slice: the lowest bit is the first pixel (PS3.5 8.1.1)."""
    frames = tuple(
        Frame(place=place, segment=number)
        for number, segment in enumerate(segments, start=1)
        for place, area in enumerate(segment.areas)
        if area
    )
    masks = [segments[(frame.segment or 1) - 1].mask[frame.place] for frame in frames]
    if masks[0].size % 8:
        # Frames follow each other without filling up to a whole byte (PS3.5 A.1).
        pixels = np.packbits(np.concatenate([mask.reshape(-1) for mask in masks]), bitorder="little").tobytes()
    else:
        pixels = b"".join(np.packbits(mask.reshape(-1), bitorder="little").tobytes() for mask in masks)
    return MaskPixels(frames=frames, elements=(*_depth(1), element(0x7FE00010, "OB", pixels)))


def numbered_labels(segments: Sequence[Segment]) -> MaskPixels:
    """One number a pixel, a frame for each slice with any; masks that overlap cannot be told so."""
    places = np.flatnonzero(np.any([segment.areas for segment in segments], axis=0))
    bits = 8 if len(segments) < 256 else 16
    labels = np.zeros((len(places), *segments[0].mask.shape[1:]), dtype=np.uint8 if bits == 8 else np.dtype("<u2"))
    for number, segment in enumerate(segments, start=1):
        for row, place in enumerate(places):
            if segment.areas[place]:
                labels[row][segment.mask[place]] = number
    pixels = element(0x7FE00010, "OB" if bits == 8 else "OW", labels.tobytes())
    return MaskPixels(frames=tuple(Frame(place=int(place)) for place in places), elements=(*_depth(bits), pixels))


def overlap(segments: Sequence[Segment]) -> bool:
    """Whether a voxel lies in two of the masks."""
    for place, areas in enumerate(zip(*(one.areas for one in segments), strict=True)):
        touched = [one.mask[place] for one, area in zip(segments, areas, strict=True) if area]
        if len(touched) > 1 and _any_twice(touched):
            return True
    return False


def _any_twice(masks: Sequence[npt.NDArray[np.bool_]]) -> bool:
    seen = masks[0].copy()
    for mask in masks[1:]:
        if (seen & mask).any():
            return True
        seen |= mask
    return False


def _depth(bits: int) -> tuple[bytes, bytes, bytes]:
    return unsigned(0x00280100, bits), unsigned(0x00280101, bits), unsigned(0x00280102, bits - 1)
