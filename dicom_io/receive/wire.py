"""Reading and writing one connection, with an end to every wait."""

import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

from dicom_io.receive.association_pdus import HEADER

#: Two of the largest PDUs that we ask for: most of an object arrives in a few reads.
_BUFFER_BYTES = 262_144


class Wire:
    """A connection whose bytes are read into one buffer, whatever the size of what passes through it.

    Every method that waits raises ``TimeoutError`` when the time of `allow` is over, and ``ConnectionError`` when the
    peer is gone; ``ssl.SSLError`` is an ``OSError`` and comes as such.
    """

    def __init__(self, connection: socket.socket) -> None:
        """Read from and write to *connection*, which stays the caller's to close."""
        self._connection = connection
        self._buffer = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._begin = self._end = 0
        self._deadline = 0.0

    def allow(self, seconds: float) -> None:
        """Give everything that is done from now on *seconds* in all."""
        self._deadline = time.monotonic() + seconds

    def header(self) -> tuple[int, int]:
        """Type and length of the next PDU (PS3.8 9.3.1)."""
        kind, length = self.unpack(HEADER)
        return kind, length

    def unpack(self, shape: struct.Struct) -> tuple[Any, ...]:
        """The next bytes as *shape* says, without a copy of them where they have come in one piece."""
        begin = self._begin
        if self._end - begin < shape.size:
            return shape.unpack(self.read(shape.size))
        self._begin = begin + shape.size
        return shape.unpack_from(self._buffer, begin)

    def read(self, count: int) -> bytes:
        """Exactly *count* bytes."""
        if self._end - self._begin >= count:
            self._begin += count
            return bytes(self._view[self._begin - count : self._begin])
        return b"".join(bytes(piece) for piece in self.pieces(count))

    def pieces(self, count: int) -> Iterator[memoryview]:
        """Exactly *count* bytes in pieces as they come; each holds only until the next is asked for."""
        while count:
            if self._begin == self._end:
                self._fill()
            begin = self._begin
            end = self._begin = min(begin + count, self._end)
            count -= end - begin
            yield self._view[begin:end]

    def send(self, data: bytes) -> None:
        """Send all of *data*."""
        self._connection.settimeout(self._remaining())
        self._connection.sendall(data)

    def _fill(self) -> None:
        self._connection.settimeout(self._remaining())
        self._begin, self._end = 0, self._connection.recv_into(self._buffer)
        if not self._end:
            raise ConnectionResetError("the peer closed the connection")

    def _remaining(self) -> float:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the peer was too slow")
        return remaining
