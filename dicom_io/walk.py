"""The top-level data elements of a dataset found without decoding them (PS3.5 7.1): the one tight loop of reading.

pydicom's generator makes an object an element and reads every sequence on the way, which is most of the cost of a
header; here a value that nobody asked for is stepped over. Figures: docs/benchmarks.md, `make bench-pixels`.
"""

import mmap
import struct
from dataclasses import dataclass

#: Value Length of a sequence, item or encapsulated value that ends with a delimiter (PS3.5 7.1.1).
UNDEFINED_LENGTH = 0xFFFFFFFF

#: Up to Float Pixel Data (7FE0,0008), the first of the three that hold pixels.
_BEFORE_PIXELS = range(0x7FE00008)
_DELIMITERS = 0xFFFE
#: Tag and length of an item or a delimiter.
_ITEM_HEAD_BYTES = 8
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
#: VRs with a four-byte length after two reserved bytes (PS3.5 7.1.2), as the two-byte numbers that the loop compares.
_LONG_VRS = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
#: More elements than any header has: megabytes of zeros parse as millions of empty ones, for seconds.
_MAXIMUM_ELEMENTS = 20_000
#: The same for elements inside sequences: a thousand frames have a hundred each in their functional groups.
_MAXIMUM_NESTED_ELEMENTS = 1_000_000
#: As many sequences within sequences; an SR has a dozen.
_MAXIMUM_DEPTH = 60

Source = bytes | mmap.mmap


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How the elements of a dataset are written."""

    #: Whether value representations are left out (PS3.5 A.1).
    is_implicit: bool
    #: Byte order of tags, lengths and binary numbers.
    is_little_endian: bool


@dataclass(frozen=True, kw_only=True)
class Walked:
    """What one walk found, and the element that it stopped at."""

    #: Value bytes by tag, of the wanted ones that are there and not empty.
    values: dict[int, bytes]
    #: Tag of the first element outside the walk's range; 0 where the dataset ended before.
    tag: int = 0
    #: Where that element begins.
    start: int = 0
    #: Where its value begins.
    offset: int = 0
    #: Bytes of its value, `UNDEFINED_LENGTH` when a delimiter ends it.
    length: int = 0


@dataclass(frozen=True, kw_only=True)
class _ByteOrder:
    explicit: struct.Struct
    implicit: struct.Struct
    long: struct.Struct
    long_vrs: frozenset[int]


_LITTLE = _ByteOrder(
    explicit=struct.Struct("<4H"),
    implicit=struct.Struct("<HHI"),
    long=struct.Struct("<I"),
    long_vrs=frozenset(int.from_bytes(vr, "little") for vr in _LONG_VRS),
)
_BIG = _ByteOrder(
    explicit=struct.Struct(">4H"),
    implicit=struct.Struct(">HHI"),
    long=struct.Struct(">I"),
    long_vrs=frozenset(int.from_bytes(vr, "big") for vr in _LONG_VRS),
)


class _Reader:
    """Steps over elements of *source*, at any depth."""

    def __init__(self, source: Source, encoding: Encoding) -> None:
        order = _LITTLE if encoding.is_little_endian else _BIG
        self._source = source
        self._is_implicit = encoding.is_implicit
        self._explicit = order.explicit.unpack_from
        self._implicit = order.implicit.unpack_from
        self._long = order.long.unpack_from
        self._long_vrs = order.long_vrs
        self._left = _MAXIMUM_NESTED_ELEMENTS

    def walk(self, position: int, wanted: frozenset[int], tags: range) -> Walked:
        """The *wanted* elements from *position* to the first whose tag is none of *tags*."""
        source, end, is_implicit = self._source, len(self._source), self._is_implicit
        explicit, long_vrs = self._explicit, self._long_vrs
        first, last = tags.start, tags.stop
        values: dict[int, bytes] = {}
        for _ in range(_MAXIMUM_ELEMENTS):
            start = position
            if start + 8 > end:
                return Walked(values=values, start=start)
            if is_implicit:
                group, element, length = self._implicit(source, position)
                position += 8
            else:
                group, element, vr, length = explicit(source, position)
                position += 8
                if vr in long_vrs:
                    (length,) = self._long(source, position)
                    position += 4
            tag = group << 16 | element
            if not first <= tag < last:
                return Walked(values=values, tag=tag, start=start, offset=position, length=length)
            if length == UNDEFINED_LENGTH:
                following = self._skip_items(position, 1)
                # Of no items only the delimiter is there.
                if tag in wanted and following - position > _ITEM_HEAD_BYTES:
                    values[tag] = source[position:following]
                position = following
                continue
            following = position + length
            if following > end:
                raise EOFError
            if length and tag in wanted:
                values[tag] = source[position:following]
            position = following
        raise ValueError("too many elements")

    def _skip_items(self, position: int, depth: int) -> int:
        """Where the sequence or encapsulated value ends whose first item begins at *position*."""
        if depth > _MAXIMUM_DEPTH:
            raise RecursionError
        while True:
            self._count()
            group, element, length = self._implicit(self._source, position)
            tag, position = group << 16 | element, position + 8
            if tag == _SEQUENCE_END:
                return position
            if tag != _ITEM:
                raise ValueError("found no item where one must be")
            position = self._skip_item(position, depth) if length == UNDEFINED_LENGTH else position + length

    def _skip_item(self, position: int, depth: int) -> int:
        # Inside UN it is implicit VR by PS3.5 6.2.2, note 4, and explicit by many writers: each item is looked at.
        vr_bytes = self._source[position + 4 : position + 6]
        is_explicit = vr_bytes.isalpha() and vr_bytes.isupper()
        while True:
            self._count()
            group, element, length = self._implicit(self._source, position)
            position += 8
            if group == _DELIMITERS:
                if element == _ITEM_END & 0xFFFF:
                    return position
                raise ValueError("found a delimiter where an element must be")
            if is_explicit:
                position, length = self._explicit_length(position)
            position = self._skip_items(position, depth + 1) if length == UNDEFINED_LENGTH else position + length

    def _explicit_length(self, position: int) -> tuple[int, int]:
        """Where the value begins and how long it is, of the element whose first eight bytes end at *position*."""
        _, _, vr, length = self._explicit(self._source, position - 8)
        return (position + 4, self._long(self._source, position)[0]) if vr in self._long_vrs else (position, length)

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise ValueError("too many elements")


def walk(
    source: Source, offset: int, encoding: Encoding, wanted: frozenset[int], tags: range = _BEFORE_PIXELS
) -> Walked:
    """The *wanted* top-level elements from *offset* to the first whose tag is none of *tags*.

    Raises:
        EOFError, ValueError, RecursionError, struct.error: the bytes break off or are no elements.
    """
    return _Reader(source, encoding).walk(offset, wanted, tags)
