"""Data elements in their encoded form: Explicit VR Little Endian (PS3.5 7.1.2), text in UTF-8.

A report holds some two thousand elements, mostly the same few codes. As pydicom's objects they took a twentieth of a
second and more to build and as much to write; as bytes, with the codes encoded once a process, a twentieth of that.
"""

import struct
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache

from pydicom.valuerep import format_number_as_ds

from dicom_io.codes import Code
from dicom_io.errors import ConformanceError
from dicom_io.uids import is_valid_uid

#: VRs of a 32 bit length after two reserved bytes (PS3.5 Table 7.1-1).
LONG_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
ITEM = 0xFFFEE000
_ITEM_HEAD = struct.Struct("<HHI")
_TAG = struct.Struct("<HH")
_UNDEFINED_LENGTH = b"\xff\xff\xff\xff"
#: Sequence Delimitation Item (PS3.5 7.5.1).
_SEQUENCE_END = _ITEM_HEAD.pack(0xFFFE, 0xE0DD, 0)
#: VRs that are padded with a null byte, all others with a space (PS3.5 6.2).
_PADDED_WITH_NULL = frozenset({"OB", "UI", "UN"})
#: A Code Value longer than this is a Long Code Value (PS3.3 8.1).
_SHORT_CODE = 16
_CODE_MEANING_LIMIT = 64


def element(tag: int, vr: str, value: bytes) -> bytes:
    """One element; *value* is padded to an even length.

    Raises:
        ConformanceError: the value is too long for its VR.
    """
    padded = value + (b"\0" if vr in _PADDED_WITH_NULL else b" ") if len(value) % 2 else value
    head, is_long = _head(tag, vr)
    if is_long:
        return head + struct.pack("<I", len(padded)) + padded
    if len(padded) > 0xFFFF:
        raise ConformanceError(
            f"Element {tag:08X} has {len(padded)} bytes; required: at most 65534 in VR {vr} (PS3.5 7.1.2)"
        )
    return head + struct.pack("<H", len(padded)) + padded


def text(tag: int, vr: str, *values: str) -> bytes:
    """An element of characters."""
    return element(tag, vr, "\\".join(values).encode())


def uid(tag: int, value: str) -> bytes:
    """An element of VR UI.

    Raises:
        ConformanceError: the value is no UID.
    """
    if not is_valid_uid(value):
        raise ConformanceError(f"Element {tag:08X} holds '{value}'; required: a UID (PS3.5 9.1)")
    return element(tag, "UI", value.encode())


def unsigned(tag: int, *values: int) -> bytes:
    """An element of VR US."""
    return element(tag, "US", struct.pack(f"<{len(values)}H", *values))


def unsigned_long(tag: int, *values: int) -> bytes:
    """An element of VR UL."""
    return element(tag, "UL", struct.pack(f"<{len(values)}I", *values))


def single(tag: int, *values: float) -> bytes:
    """An element of VR FL."""
    return element(tag, "FL", struct.pack(f"<{len(values)}f", *values))


def double(tag: int, *values: float) -> bytes:
    """An element of VR FD."""
    return element(tag, "FD", struct.pack(f"<{len(values)}d", *values))


@lru_cache(maxsize=4096)
def decimal(tag: int, *values: float) -> bytes:
    """An element of VR DS: at most 16 characters a number (PS3.5 6.2)."""
    return text(tag, "DS", *(format_number_as_ds(float(value)) for value in values))


def pointer(tag: int, pointed: int) -> bytes:
    """An element of VR AT that names another tag."""
    return element(tag, "AT", _TAG.pack(pointed >> 16, pointed & 0xFFFF))


def encapsulated(frame: bytes) -> bytes:
    """Pixel Data (7FE0,0010) of one compressed *frame*: an empty offset table and one fragment (PS3.5 A.4)."""
    head, _ = _head(0x7FE00010, "OB")
    return head + _UNDEFINED_LENGTH + items(b"", frame + b"\0" * (len(frame) % 2)) + _SEQUENCE_END


def items(*contents: bytes) -> bytes:
    """The value of a sequence: an item of defined length around each of *contents* (PS3.5 7.5.1)."""
    return b"".join(_ITEM_HEAD.pack(ITEM >> 16, ITEM & 0xFFFF, len(one)) + one for one in contents)


def sequence(tag: int, *contents: bytes) -> bytes:
    """A sequence of items, each the elements of one in the order of their tags."""
    return element(tag, "SQ", items(*contents))


@cache
def code(tag: int, concept: Code) -> bytes:
    """A code sequence of one item (PS3.3 8.8)."""
    return sequence(tag, code_elements(concept))


def code_elements(concept: Code) -> bytes:
    """The elements of a code sequence's item (PS3.3 8.8).

    Raises:
        ConformanceError: the meaning is longer than 64 characters.
    """
    if len(concept.meaning) > _CODE_MEANING_LIMIT:
        raise ConformanceError(f"Code Meaning '{concept.meaning}' is too long; required: at most 64 characters")
    scheme = text(0x00080102, "SH", concept.scheme)
    meaning = text(0x00080104, "LO", concept.meaning)
    if len(concept.value) > _SHORT_CODE:
        return scheme + meaning + text(0x00080119, "UC", concept.value)
    return text(0x00080100, "SH", concept.value) + scheme + meaning


def reference(sop_class_uid: str, sop_instance_uid: str, frames: Sequence[int] = ()) -> bytes:
    """The elements of an item that refers to one object, or to *frames* of it, counted from 1 (PS3.3 10.3, 10.8)."""
    numbers = text(0x00081160, "IS", *map(str, frames)) if frames else b""
    return uid(0x00081150, sop_class_uid) + uid(0x00081155, sop_instance_uid) + numbers


def tag_of(encoded: bytes) -> int:
    """The tag of an encoded element."""
    group, number = _TAG.unpack_from(encoded)
    return int(group) << 16 | int(number)


def ordered(elements: Iterable[bytes]) -> tuple[bytes, ...]:
    """Encoded *elements* in the order of their tags (PS3.5 7.1)."""
    return tuple(sorted(elements, key=tag_of))


@cache
def _head(tag: int, vr: str) -> tuple[bytes, bool]:
    """What stands before an element's length, and whether that has 32 bits."""
    is_long = vr.encode() in LONG_VRS
    return struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode()) + (b"\0\0" if is_long else b""), is_long
