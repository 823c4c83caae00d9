"""Frames of encapsulated pixels (PS3.5 A.4), found by their fragments rather than by what offset tables say of them."""

import struct
from collections.abc import Iterator

from pydicom.encaps import generate_frames, parse_fragments

from dicom_io.errors import PixelError

#: Item tag and length before each fragment.
_HEAD_BYTES = 8
#: How a JPEG or JPEG-LS stream and a JPEG 2000 codestream begin.
_STREAM_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51")
#: Where the first segment of an RLE frame lies: after the number of segments and fifteen offsets (PS3.5 G.5).
_FIRST_RLE_SEGMENT = b"\x40\0\0\0"


def split_frames(encapsulated: bytes, frames: int) -> Iterator[bytes]:
    """Each of *frames* compressed frames in turn; offset tables, basic or extended, matter only where they must.

    With as many fragments as frames each is one, whatever a table says: writers miscount, and an Extended Offset Table
    asks for just that (PS3.3 C.7.6.3.1.8). Only frames in several fragments need a table.

    Raises:
        PixelError: there are more frames than *frames*.
        ValueError: there are fewer, or no items at all.
    """
    fragments = _fragments(encapsulated, frames)
    if len(fragments) == frames:
        return (encapsulated[start:end] for start, end in fragments)
    begun = sum(_begins_frame(encapsulated, start) for start, _ in fragments)
    if begun > frames:
        raise PixelError(
            f"Found {begun} compressed frames; required: {frames} as in Number of Frames. "
            "Send the image again from its source."
        )
    return generate_frames(encapsulated, number_of_frames=frames)


def _fragments(encapsulated: bytes, frames: int) -> list[tuple[int, int]]:
    """Begin and end of each fragment that is not empty; the table before them (PS3.5 A.4) may be missing."""
    items = [_item(encapsulated, offset) for offset in parse_fragments(encapsulated)[1]]
    (table_start, table_end), *fragments = items or [(0, 0)]
    filled = [(start, end) for start, end in fragments if end > start]
    is_missing = len(filled) + 1 == frames and _begins_frame(encapsulated, table_start)
    return [(table_start, table_end), *filled] if is_missing else filled


def _begins_frame(encapsulated: bytes, start: int) -> bool:
    return encapsulated.startswith(_STREAM_STARTS, start) or encapsulated.startswith(_FIRST_RLE_SEGMENT, start + 4)


def _item(encapsulated: bytes, offset: int) -> tuple[int, int]:
    (length,) = struct.unpack_from("<I", encapsulated, offset + 4)
    return offset + _HEAD_BYTES, offset + _HEAD_BYTES + length
