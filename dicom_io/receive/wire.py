"""Reading and writing one connection, with an end to every wait."""

import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

from dicom_io.receive.association_pdus import HEADER

#: As much of an object is gathered before it is passed on: a CT slice passes in two pieces, and both fit the cache.
_PIECE_BYTES = 294_912
#: So much more than what is asked for is read with it: a command set, or the heads that stand between two fragments.
_AHEAD_BYTES = 512
#: The kernel is told how long to wait, by a call of its own, when what it was told last is off by more than this part.
_TOLERANCE = 0.01


class Wire:
    """A connection whose bytes are read into one buffer, whatever the size of what passes through it.

    Every method that waits raises ``TimeoutError`` when the time of `allow` is over, and ``ConnectionError`` when the
    peer is gone; ``ssl.SSLError`` is an ``OSError`` and comes as such.
    """

    def __init__(self, connection: socket.socket) -> None:
        """Read from and write to *connection*, which stays the caller's to close."""
        self._connection = connection
        # First what `gather` has gathered, somewhere after it what is still to be read.
        self._buffer = bytearray(_PIECE_BYTES + _AHEAD_BYTES)
        self._view = memoryview(self._buffer)
        self._gathered = 0
        self._begin = self._end = 0
        self._deadline = 0.0
        self._told = 0.0

    def allow(self, seconds: float) -> None:
        """Give everything that is done from now on *seconds* in all, to one part in a hundred."""
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
        parts = []
        while count:
            begin, end = self._next(count)
            parts.append(bytes(self._view[begin:end]))
            count -= end - begin
        return b"".join(parts)

    def gather(self, count: int, *, is_last: bool) -> Iterator[memoryview]:
        """Read exactly *count* bytes, and put them behind those of the call before, unless it was the last.

        What is gathered comes out when it fills the buffer, and when it *is_last*. What comes out holds only until the
        next is asked for. What stands between two calls does not: fewer and larger pieces take a fifth less of the
        processor to write and to hash than fragments do.
        """
        view = self._view
        while count:
            begin, end = self._next(count)
            gathered = self._gathered
            size = min(end - begin, _PIECE_BYTES - gathered)
            if size < end - begin:
                self._begin = begin + size
            if begin != gathered:
                view[gathered : gathered + size] = view[begin : begin + size]
            count -= size
            gathered = self._gathered = gathered + size
            if gathered == _PIECE_BYTES:
                yield view[:gathered]
                self._gathered = 0
        if is_last and self._gathered:
            yield view[: self._gathered]
            self._gathered = 0

    def gathered(self) -> memoryview:
        """What `gather` has not given out yet; it holds only until more is read."""
        return self._view[: self._gathered]

    def send(self, data: bytes) -> None:
        """Send all of *data*."""
        self._wait_no_longer_than_allowed()
        self._connection.sendall(data)

    def _next(self, count: int) -> tuple[int, int]:
        """Where in the buffer the next bytes are, at most *count* of them, which are read by that."""
        if self._begin == self._end:
            self._fill(count)
        begin = self._begin
        end = self._begin = min(begin + count, self._end)
        return begin, end

    def _fill(self, count: int) -> None:
        """Read at most *count* bytes and some ahead to where, if they are a fragment, they are to be gathered."""
        self._wait_no_longer_than_allowed()
        place = self._gathered
        room = self._view[place : place + count + _AHEAD_BYTES]
        received = self._connection.recv_into(room)
        if not received:
            raise ConnectionResetError("the peer closed the connection")
        self._begin, self._end = place, place + received

    def _wait_no_longer_than_allowed(self) -> None:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the peer was too slow")
        if abs(remaining - self._told) > remaining * _TOLERANCE:
            self._connection.settimeout(remaining)
            self._told = remaining
