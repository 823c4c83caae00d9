"""A DICOM peer made of bytes, for what no library sends."""

import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
ASSOCIATE_AC, ASSOCIATE_RJ, DATA, RELEASE_RP, ABORT = 2, 3, 4, 6, 7
RELEASE_RQ = b"\x05\x00\x00\x00\x00\x04\x00\x00\x00\x00"


def pdu(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxI", kind, len(body)) + body


def item(kind: int, data: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(data)) + data


def associate_rq(
    contexts: Sequence[tuple[str, Sequence[str]]] = ((CT_IMAGE_STORAGE, (EXPLICIT_LITTLE_ENDIAN,)),),
    *,
    calling: str = "RAW",
    called: str = "VARSEL",
) -> bytes:
    items = item(0x10, b"1.2.840.10008.3.1.1.1")
    for index, (abstract_syntax, syntaxes) in enumerate(contexts):
        inner = item(0x30, abstract_syntax.encode()) + b"".join(item(0x40, uid.encode()) for uid in syntaxes)
        items += item(0x20, bytes((2 * index + 1, 0, 0, 0)) + inner)
    items += item(0x50, item(0x51, struct.pack(">I", 16384)))
    titles = called.encode().ljust(16) + calling.encode().ljust(16)
    return pdu(1, struct.pack(">H2x", 1) + titles + bytes(32) + items)


def element(number: int, value: bytes) -> bytes:
    return struct.pack("<HHI", 0, number, len(value)) + value


def store_rq(sop_instance_uid: str, *, sop_class_uid: str = CT_IMAGE_STORAGE, message_id: int = 1) -> bytes:
    group = b"".join(
        (
            element(0x0002, _even(sop_class_uid)),
            element(0x0100, struct.pack("<H", 1)),
            element(0x0110, struct.pack("<H", message_id)),
            element(0x0700, struct.pack("<H", 0)),
            element(0x0800, struct.pack("<H", 1)),
            element(0x1000, _even(sop_instance_uid)),
        )
    )
    return element(0, struct.pack("<I", len(group))) + group


def data(fragment: bytes, *, control: int, context_id: int = 1) -> bytes:
    """One P-DATA-TF PDU; control 3 ends a command, 1 goes on with it, 2 ends a dataset, 0 goes on with it."""
    return pdu(DATA, struct.pack(">IBB", len(fragment) + 2, context_id, control) + fragment)


def store(dataset: bytes, sop_instance_uid: str, piece: int = 16000) -> list[bytes]:
    """The PDUs of one C-STORE."""
    pieces = [dataset[start : start + piece] for start in range(0, len(dataset), piece)]
    last = len(pieces) - 1
    sent = [data(store_rq(sop_instance_uid), control=3)]
    return sent + [data(one, control=2 if index == last else 0) for index, one in enumerate(pieces)]


@contextmanager
def connected(port: int, timeout_s: float = 10.0) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        yield connection


def answer(connection: socket.socket) -> tuple[int, bytes] | None:
    """The next PDU's type and body; None when the peer has closed."""
    try:
        header = _exactly(connection, 6)
        return None if header is None else (header[0], _exactly(connection, int.from_bytes(header[2:6], "big")) or b"")
    except ConnectionError:
        return None


def status(body: bytes) -> int:
    """Status (0000,0900) of a response."""
    position = body.index(struct.pack("<HHI", 0, 0x0900, 2)) + 8
    return int.from_bytes(body[position : position + 2], "little")


def _exactly(connection: socket.socket, count: int) -> bytes | None:
    received = b""
    while len(received) < count:
        piece = connection.recv(count - len(received))
        if not piece:
            return None
        received += piece
    return received


def _even(text: str) -> bytes:
    return text.encode() + b"\0" * (len(text) % 2)
