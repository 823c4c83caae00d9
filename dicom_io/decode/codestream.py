"""What a compressed frame says of itself: its size is checked before a decoder allocates anything for it."""

import struct
from dataclasses import dataclass

from dicom_io.errors import PixelError

#: Start of a JPEG or JPEG-LS stream (SOI) and of a JPEG 2000 codestream (SOC, SIZ).
_JPEG_START, _JPEG_2000_START = b"\xff\xd8", b"\xff\x4f\xff\x51"
#: EOI and EOC are one code.
_END = b"\xff\xd9"
#: SOF0 to SOF15 but DHT, JPG and DAC (ITU-T T.81 table B.1), and SOF55 of JPEG-LS (T.87).
_FRAME_HEADERS = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})
#: A JP2 box may stand before the codestream, against PS3.5 8.2.4; it is short.
_LONGEST_BOX = 512
#: Some writers fill frames up to a round size.
_LONGEST_PADDING = 4096


@dataclass(frozen=True, kw_only=True)
class Codestream:
    """The frame header of a JPEG (T.81), JPEG-LS (T.87) or JPEG 2000 (T.800) stream."""

    #: Pixels down and across.
    rows: int
    columns: int
    #: Samples a pixel.
    components: int
    #: Bits of a sample.
    precision: int
    #: Whether samples are signed, which only JPEG 2000 can say.
    is_signed: bool


def read_codestream(frame: bytes) -> Codestream:
    """The header of *frame*, whose end is checked too: most decoders fill what is missing with grey, silently.

    Raises:
        PixelError: it is no such stream, or it breaks off.
    """
    if not frame[-_LONGEST_PADDING:].rstrip(b"\0").endswith(_END):
        raise PixelError(
            f"A compressed frame of {len(frame)} bytes ends without its end marker (FFD9); required: a whole frame. "
            "It was cut off: send the image again from its source."
        )
    try:
        return _read_jpeg(frame) if frame.startswith(_JPEG_START) else _read_jpeg_2000(frame)
    except (struct.error, IndexError) as error:
        raise PixelError(
            "A compressed frame has no readable frame header; required: a JPEG, JPEG-LS or JPEG 2000 stream. "
            "Send the image again from its source."
        ) from error


def _read_jpeg(frame: bytes) -> Codestream:
    position = 2
    while True:
        marker = frame[position + 1]
        if frame[position] != 0xFF:
            raise IndexError
        if marker == 0xFF:
            position += 1
            continue
        (length,) = struct.unpack_from(">H", frame, position + 2)
        if marker in _FRAME_HEADERS:
            precision, rows, columns, components = struct.unpack_from(">BHHB", frame, position + 4)
            return Codestream(rows=rows, columns=columns, components=components, precision=precision, is_signed=False)
        position += 2 + length


def _read_jpeg_2000(frame: bytes) -> Codestream:
    start = frame.find(_JPEG_2000_START, 0, _LONGEST_BOX)
    if start < 0:
        raise IndexError
    right, bottom, left, top = struct.unpack_from(">4I", frame, start + 8)
    components, depth = struct.unpack_from(">HB", frame, start + 40)
    return Codestream(
        rows=bottom - top,
        columns=right - left,
        components=components,
        precision=(depth & 0x7F) + 1,
        is_signed=bool(depth & 0x80),
    )
