"""The messages that open and close an association (PS3.8 9.3), as bytes and as values."""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, IntEnum

from dicom_io.errors import ProtocolError
from dicom_io.file_format import IMPLEMENTATION_CLASS_UID

#: PDU type and length stand before every PDU; the length counts what follows.
HEADER = struct.Struct(">BxI")
_ITEM = struct.Struct(">BxH")
#: PS3.7 A.2.1.
_APPLICATION_CONTEXT = b"1.2.840.10008.3.1.1.1"
#: Protocol version, reserved, called and calling AE title, reserved (PS3.8 table 9-11).
_FIXED = struct.Struct(">H2x16s16s32x")


class PduType(IntEnum):
    """What a PDU is (PS3.8 9.3.1)."""

    ASSOCIATE_RQ = 1
    ASSOCIATE_AC = 2
    ASSOCIATE_RJ = 3
    DATA = 4
    RELEASE_RQ = 5
    RELEASE_RP = 6
    ABORT = 7


class Rejection(Enum):
    """Why an association is refused: result, source, reason (PS3.8 table 9-21)."""

    #: Another application context than DICOM's.
    APPLICATION_CONTEXT = (1, 1, 2)
    #: The caller is not on our list.
    CALLING_AE_TITLE = (1, 1, 3)
    #: The caller wants another than us.
    CALLED_AE_TITLE = (1, 1, 7)
    #: A protocol version that is not 1.
    PROTOCOL_VERSION = (1, 2, 2)
    #: This caller comes too often; later it may.
    CONGESTION = (2, 3, 1)
    #: As many associations as we take are open; later there may be room.
    LOCAL_LIMIT = (2, 3, 2)


class ContextResult(IntEnum):
    """The answer to one presentation context (PS3.8 table 9-18)."""

    ACCEPTED = 0
    ABSTRACT_SYNTAX = 3
    TRANSFER_SYNTAXES = 4


class AbortReason(IntEnum):
    """Why we, the service provider, break off (PS3.8 table 9-26)."""

    NOT_SPECIFIED = 0
    UNEXPECTED_PDU = 2
    INVALID_PARAMETER = 6


@dataclass(frozen=True, kw_only=True)
class ProposedContext:
    """One presentation context that the caller proposes."""

    #: Odd number from 1 to 255.
    context_id: int
    #: SOP Class UID.
    abstract_syntax: str
    #: Transfer Syntax UIDs in the caller's order.
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class AnsweredContext:
    """Our answer to one proposal."""

    #: As proposed.
    context_id: int
    #: Whether it may be used.
    result: ContextResult
    #: The one Transfer Syntax UID to use; without meaning unless accepted.
    transfer_syntax: str


@dataclass(frozen=True, kw_only=True)
class AssociateRequest:
    """A-ASSOCIATE-RQ (PS3.8 9.3.2)."""

    #: AE titles, without padding.
    called_ae_title: str
    calling_ae_title: str
    #: The two titles as they came; the answer must bear the same bytes.
    title_bytes: bytes
    #: Bit 0 stands for version 1.
    protocol_version: int
    #: UID of the application context.
    application_context: bytes
    #: In the caller's order.
    contexts: tuple[ProposedContext, ...]


def decode_request(body: bytes) -> AssociateRequest:
    """The request that the *body* of an A-ASSOCIATE-RQ PDU makes.

    Raises:
        ProtocolError: it is cut off or contradicts itself.
    """
    if len(body) < _FIXED.size:
        raise ProtocolError("an association request is shorter than its fixed part")
    version, called, calling = _FIXED.unpack_from(body)
    items = list(_items(body[_FIXED.size :]))
    contexts = tuple(_proposed(data) for kind, data in items if kind == 0x20)
    if len({context.context_id for context in contexts}) != len(contexts):
        raise ProtocolError("an association request uses a presentation context id twice")
    return AssociateRequest(
        called_ae_title=_title(called),
        calling_ae_title=_title(calling),
        title_bytes=called + calling,
        protocol_version=version,
        application_context=next((data for kind, data in items if kind == 0x10), b""),
        contexts=contexts,
    )


def is_dicom(request: AssociateRequest) -> bool:
    """Whether *request* is for DICOM's application context."""
    return request.application_context.rstrip(b"\0 ") == _APPLICATION_CONTEXT


def encode_accept(request: AssociateRequest, answers: Iterable[AnsweredContext], maximum_pdu_bytes: int) -> bytes:
    """A-ASSOCIATE-AC (PS3.8 9.3.3); we take PDUs of at most *maximum_pdu_bytes*."""
    contexts = b"".join(
        _item(0x21, bytes((answer.context_id, 0, answer.result, 0)) + _item(0x40, answer.transfer_syntax.encode()))
        for answer in answers
    )
    user = _item(0x51, struct.pack(">I", maximum_pdu_bytes)) + _item(0x52, IMPLEMENTATION_CLASS_UID.encode())
    titles = request.title_bytes + bytes(32)
    body = struct.pack(">H2x", 1) + titles + _item(0x10, _APPLICATION_CONTEXT) + contexts + _item(0x50, user)
    return HEADER.pack(PduType.ASSOCIATE_AC, len(body)) + body


def encode_reject(rejection: Rejection) -> bytes:
    """A-ASSOCIATE-RJ (PS3.8 9.3.4)."""
    return HEADER.pack(PduType.ASSOCIATE_RJ, 4) + bytes((0, *rejection.value))


def encode_release_response() -> bytes:
    """A-RELEASE-RP (PS3.8 9.3.7)."""
    return HEADER.pack(PduType.RELEASE_RP, 4) + bytes(4)


def encode_abort(reason: AbortReason) -> bytes:
    """A-ABORT by the service provider (PS3.8 9.3.8)."""
    return HEADER.pack(PduType.ABORT, 4) + bytes((0, 0, 2, reason))


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(data):
        if position + _ITEM.size > len(data):
            raise ProtocolError("an item of an association request is cut off")
        kind, length = _ITEM.unpack_from(data, position)
        position += _ITEM.size
        if position + length > len(data):
            raise ProtocolError("an item of an association request is longer than the request")
        yield kind, data[position : position + length]
        position += length


def _item(kind: int, data: bytes) -> bytes:
    return _ITEM.pack(kind, len(data)) + data


def _proposed(data: bytes) -> ProposedContext:
    if len(data) < 4 or data[0] % 2 == 0:
        raise ProtocolError("a presentation context has no odd id (PS3.8 9.3.2.2)")
    items = list(_items(data[4:]))
    return ProposedContext(
        context_id=data[0],
        abstract_syntax=next((_text(value) for kind, value in items if kind == 0x30), ""),
        transfer_syntaxes=tuple(_text(value) for kind, value in items if kind == 0x40),
    )


def _title(padded: bytes) -> str:
    return padded.decode("ascii", "replace").strip(" \0")


def _text(value: bytes) -> str:
    # Some devices pad UIDs to even length, which PS3.8 annex F forbids and every peer forgives.
    return value.decode("ascii", "replace").rstrip("\0 ")
