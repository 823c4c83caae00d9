"""A network line of our own between Varsel and a peer, which can be cut, stall, swallow or garble."""

import contextlib
import random
import re
import socket
import sys
import threading
from enum import Enum

_PIECE = 1 << 16
_HEADER_END = b"\r\n\r\n"
_JSON_LENGTH = re.compile(rb"inference-header-content-length: *(\d+)", re.IGNORECASE)


class Mode(Enum):
    """What the line does."""

    #: Carries.
    OPEN = "open"
    #: Nothing is carried, nobody is told: a cable pulled out.
    STALLED = "stalled"
    #: Every connection is broken off, and every new one.
    BROKEN = "broken"
    #: What is asked arrives; of each connection's answers only the first comes back.
    DEAF = "deaf"
    #: The bodies of answers over HTTP are other bytes than were sent.
    GARBAGE = "garbage"
    #: The numbers in answers of the Open Inference Protocol are not numbers.
    NOT_A_NUMBER = "not a number"


class Line:
    """Listens on 127.0.0.1 and carries to a port there."""

    def __init__(self, target: int) -> None:
        """Carry to *target*."""
        self._target = target
        self._mode = Mode.OPEN
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._ends: set[socket.socket] = set()
        threading.Thread(target=self._listen, daemon=True).start()

    def set(self, mode: Mode) -> None:
        """Be in *mode* from now on."""
        with self._changed:
            self._mode = mode
            self._changed.notify_all()
            if mode is Mode.BROKEN:
                for end in self._ends:
                    _break(end)

    def close(self) -> None:
        """Carry no more."""
        self._listener.close()
        self.set(Mode.BROKEN)

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        self._wait_while_stalled()
        with near, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._target)) as far:
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._changed:
                self._ends |= {near, far}
                if self._mode is Mode.BROKEN:
                    _break(near)
            requests = threading.Thread(target=self._carry_requests, args=(near, far), daemon=True)
            requests.start()
            self._carry_answers(far, near)
            requests.join()
            with self._changed:
                self._ends -= {near, far}

    def _carry_requests(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := near.recv(_PIECE):
                self._wait_while_stalled()
                far.sendall(piece)
        _end(far)

    def _carry_answers(self, far: socket.socket, near: socket.socket) -> None:
        is_first, garbler = True, _Garbler()
        with contextlib.suppress(OSError):
            while piece := far.recv(_PIECE):
                self._wait_while_stalled()
                if is_first or self._mode is not Mode.DEAF:
                    near.sendall(garbler.spoil(piece, self._mode))
                is_first = False
        _end(near)

    def _wait_while_stalled(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._mode is not Mode.STALLED)


def _end(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_WR)


def _break(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


class _Garbler:
    """Spoils the answers of one connection, which come in pieces of any size."""

    def __init__(self) -> None:
        #: Bytes of the body that still come through as they are.
        self._kept = 0

    def spoil(self, piece: bytes, mode: Mode) -> bytes:
        """*piece*, or what came of it on the way."""
        if mode not in (Mode.GARBAGE, Mode.NOT_A_NUMBER):
            return piece
        head, body = _parted(piece)
        if head:
            self._kept = _described(head) if mode is Mode.NOT_A_NUMBER else 0
        kept = min(self._kept, len(body))
        self._kept -= kept
        return head + body[:kept] + _noise(body[kept:], mode)


def _parted(piece: bytes) -> tuple[bytes, bytes]:
    """The head of an answer that begins with *piece*, when one does, and what is of the body."""
    head, end, body = piece.partition(_HEADER_END)
    return (head + end, body) if end and piece.startswith(b"HTTP/") else (b"", piece)


def _described(head: bytes) -> int:
    """How many bytes at the front of the body are JSON; without a word of it, all."""
    told = _JSON_LENGTH.search(head)
    return int(told[1]) if told else sys.maxsize


def _noise(data: bytes, mode: Mode) -> bytes:
    # All ones are a float that is no number.
    return b"\xff" * len(data) if mode is Mode.NOT_A_NUMBER else random.randbytes(len(data))
