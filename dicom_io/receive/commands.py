"""The DIMSE commands that the storage door knows (PS3.7 9.3.1 and 9.3.5), as bytes and as values."""

import struct
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from dicom_io.errors import ProtocolError
from dicom_io.receive.association_pdus import HEADER, PduType

_ELEMENT = struct.Struct("<HHI")
_PDV = struct.Struct(">IBB")
#: PS3.7 E.1: Command Data Set Type that says that no dataset follows.
_NO_DATASET = 0x0101
_IS_RESPONSE = 0x8000
#: Message control header: a command, the last fragment of it (PS3.8 E.2).
_LAST_OF_COMMAND = 0x03
#: Error Comment (0000,0902) is an LO.
_MAXIMUM_COMMENT = 64


class CommandField(IntEnum):
    """Command Field (0000,0100) of the requests that are answered here."""

    C_STORE = 0x0001
    C_ECHO = 0x0030
    C_CANCEL = 0x0FFF


@dataclass(frozen=True, kw_only=True)
class Command:
    """A request's command set."""

    #: Command Field (0000,0100).
    field: int
    #: Message ID (0000,0110).
    message_id: int
    #: Affected SOP Class UID (0000,0002); empty when absent.
    sop_class_uid: str
    #: Affected SOP Instance UID (0000,1000); empty when absent.
    sop_instance_uid: str
    #: Whether a dataset follows (0000,0800).
    has_dataset: bool


def decode_command(data: bytes) -> Command:
    """The command set *data*, Implicit VR Little Endian (PS3.7 6.3.1).

    Raises:
        ProtocolError: it is cut off, or lacks what every request has.
    """
    values = _elements(data)
    if not {0x0100, 0x0110, 0x0800} <= values.keys():
        raise ProtocolError("a command has no Command Field, Message ID or Command Data Set Type")
    return Command(
        field=_number(values[0x0100]),
        message_id=_number(values[0x0110]),
        sop_class_uid=_uid(values.get(0x0002, b"")),
        sop_instance_uid=_uid(values.get(0x1000, b"")),
        has_dataset=_number(values[0x0800]) != _NO_DATASET,
    )


def encode_response(command: Command, context_id: int, status: int, comment: str = "") -> bytes:
    """The whole P-DATA-TF PDU that answers *command*, in one piece so that it leaves in one segment.

    *comment* goes into Error Comment (0000,0902), cut to its length.
    """
    elements = [
        _element(0x0002, _padded(command.sop_class_uid)),
        _element(0x0100, struct.pack("<H", command.field | _IS_RESPONSE)),
        _element(0x0120, struct.pack("<H", command.message_id)),
        _element(0x0800, struct.pack("<H", _NO_DATASET)),
        _element(0x0900, struct.pack("<H", status)),
    ]
    if comment:
        elements.append(_element(0x0902, _padded(comment[:_MAXIMUM_COMMENT], b" ")))
    if command.sop_instance_uid:
        elements.append(_element(0x1000, _padded(command.sop_instance_uid)))
    group = b"".join(elements)
    message = _element(0x0000, struct.pack("<I", len(group))) + group
    pdv = _PDV.pack(len(message) + 2, context_id, _LAST_OF_COMMAND) + message
    return HEADER.pack(PduType.DATA, len(pdv)) + pdv


def _elements(data: bytes) -> dict[int, bytes]:
    values: dict[int, bytes] = {}
    position = 0
    while position < len(data):
        if position + _ELEMENT.size > len(data):
            raise ProtocolError("a command set is cut off")
        group, element, length = _ELEMENT.unpack_from(data, position)
        position += _ELEMENT.size
        if group != 0 or position + length > len(data):
            raise ProtocolError("a command set holds something else than command elements")
        values[element] = data[position : position + length]
        position += length
    return values


# Of the answers in an association five elements of seven are always the same.
@lru_cache(maxsize=256)
def _element(element: int, value: bytes) -> bytes:
    return _ELEMENT.pack(0, element, len(value)) + value


def _number(value: bytes) -> int:
    return int.from_bytes(value[:2], "little")


def _uid(value: bytes) -> str:
    return value.decode("ascii", "replace").rstrip("\0 ")


def _padded(text: str, padding: bytes = b"\0") -> bytes:
    value = text.encode("ascii", "replace")
    return value + padding * (len(value) % 2)
