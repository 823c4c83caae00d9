"""Data elements in their encoded form: Explicit VR Little Endian (PS3.5 7.1.2), text in UTF-8.

A report holds some two thousand elements, mostly the same few codes. As pydicom's objects they took a twentieth of a
second and more to build and as much to write; as bytes, with the codes encoded once a process, a twentieth of that.
"""

import struct
from functools import cache

from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from dicom_io.codes import Code
from dicom_io.errors import ConformanceError
from dicom_io.uids import is_valid_uid

#: VRs of a 32 bit length after two reserved bytes, among those that are written here (PS3.5 Table 7.1-1).
_LONG = frozenset({"SQ", "UC", "UT"})
_ITEM = 0xFFFEE000
#: A Code Value longer than this is a Long Code Value (PS3.3 8.1).
_SHORT_CODE = 16
_CODE_MEANING_LIMIT = 64


def element(tag: int, vr: str, value: bytes) -> bytes:
    """One element; *value* is padded to an even length.

    Raises:
        ConformanceError: the value is too long for its VR.
    """
    padded = value + (b"\0" if vr == "UI" else b" ") * (len(value) % 2)
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    if vr in _LONG:
        return head + struct.pack("<HI", 0, len(padded)) + padded
    if len(padded) > 0xFFFF:
        raise ConformanceError(
            f"Element {tag:08X} has {len(padded)} bytes; required: at most 65534 in VR {vr} (PS3.5 7.1.2)"
        )
    return head + struct.pack("<H", len(padded)) + padded


def text(tag: int, vr: str, value: str) -> bytes:
    """An element of characters."""
    return element(tag, vr, value.encode())


def uid(tag: int, value: str) -> bytes:
    """An element of VR UI.

    Raises:
        ConformanceError: the value is no UID.
    """
    if not is_valid_uid(value):
        raise ConformanceError(f"Element {tag:08X} holds '{value}'; required: a UID (PS3.5 9.1)")
    return element(tag, "UI", value.encode())


def items(*contents: bytes) -> bytes:
    """The value of a sequence: an item of defined length around each of *contents* (PS3.5 7.5.1)."""
    return b"".join(struct.pack("<HHI", _ITEM >> 16, _ITEM & 0xFFFF, len(one)) + one for one in contents)


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


def raw_sequence(tag: int, *contents: bytes) -> RawDataElement:
    """A sequence for pydicom to write as it is, and to parse only when somebody looks into it."""
    value = items(*contents)
    return RawDataElement(Tag(tag), "SQ", len(value), value, 0, False, True)
