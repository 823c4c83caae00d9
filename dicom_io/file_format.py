"""The DICOM File Format (PS3.10 7): where its dataset begins, and the File Meta Information that we write."""

import mmap
import struct
from dataclasses import dataclass
from functools import lru_cache

from dicom_io.errors import IncompleteObjectError, NotDicomError
from dicom_io.uids import derive_uid, is_valid_uid
from dicom_io.vendor_errors import translated_parse_errors
from dicom_io.walk import Encoding, walk

#: Implementation Class UID (0002,0012) in every file and association of ours. No version name goes beside it: the bytes
#: of a file depend on its dataset alone, so that the same object sent twice is the same file after an upgrade too.
IMPLEMENTATION_CLASS_UID = derive_uid("varsel", "implementation class")

#: File Meta Information is Explicit VR Little Endian whatever follows (PS3.10 7.1).
_META_ENCODING = Encoding(is_implicit=False, is_little_endian=True)
_GROUP_2 = range(0x00020000, 0x00030000)
_TRANSFER_SYNTAX = frozenset({0x00020010})
_PREAMBLE = b"\0" * 128 + b"DICM"


@dataclass(frozen=True, kw_only=True)
class Part10:
    """How a DICOM file is divided."""

    #: Transfer Syntax UID (0002,0010) of the dataset.
    transfer_syntax_uid: str
    #: Where the dataset begins, in bytes.
    dataset_offset: int


def split_file(source: bytes | mmap.mmap) -> Part10:
    """Where the dataset of a DICOM file begins and how it is encoded.

    Raises:
        NotDicomError: there is no ``DICM`` after the preamble, or the File Meta Information cannot be parsed.
        IncompleteObjectError: the Transfer Syntax UID is missing or malformed.
    """
    if source[128:132] != b"DICM":
        raise NotDicomError("Found no 'DICM' at byte 128; required: a DICOM file (PS3.10 7.1).")
    with translated_parse_errors():
        found = walk(source, 132, _META_ENCODING, _TRANSFER_SYNTAX, _GROUP_2)
    transfer_syntax_uid = found.values.get(0x00020010, b"").rstrip(b"\0 ").decode("ascii", "replace")
    if not is_valid_uid(transfer_syntax_uid):
        raise IncompleteObjectError(
            "Transfer Syntax UID (0002,0010): found no UID; required: one, without it the dataset cannot be read. "
            "Export the file again with File Meta Information."
        )
    return Part10(transfer_syntax_uid=transfer_syntax_uid, dataset_offset=found.start)


def file_head(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Preamble, prefix and File Meta Information (PS3.10 7.1) to stand before a dataset, which is not touched."""
    group = b"".join(
        (
            struct.pack("<HH2sHI", 2, 0x0001, b"OB", 0, 2) + b"\x00\x01",
            _uid_element(0x0002, sop_class_uid),
            _uid_element(0x0003, sop_instance_uid),
            _uid_element(0x0010, transfer_syntax_uid),
            _uid_element(0x0012, IMPLEMENTATION_CLASS_UID),
        )
    )
    return _PREAMBLE + struct.pack("<HH2sHI", 2, 0x0000, b"UL", 4, len(group)) + group


@lru_cache(maxsize=128)
def _uid_element(element: int, uid: str) -> bytes:
    value = uid.encode("ascii")
    padded = value + b"\0" * (len(value) % 2)
    return struct.pack("<HH2sH", 2, element, b"UI", len(padded)) + padded
