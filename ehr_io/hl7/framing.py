"""Minimal Lower Layer Protocol (HL7 v2 Transport Specification, MLLP release 1): where one message ends."""

from ehr_io.errors import MllpError

_START, _END, _RETURN = 0x0B, 0x1C, 0x0D
#: A message with a PDF inside has some megabytes; a peer that never ends one must not fill the memory.
MAX_MESSAGE_BYTES = 16 * 1024 * 1024


def frame(message: bytes) -> bytes:
    """*message* between its start and end marks."""
    return bytes((_START,)) + message + bytes((_END, _RETURN))


class Deframer:
    """Takes bytes as they come from the wire and gives whole messages back."""

    def __init__(self, maximum_bytes: int = MAX_MESSAGE_BYTES) -> None:
        """Refuse a message longer than *maximum_bytes*."""
        self._maximum = maximum_bytes
        self._buffer = bytearray()
        #: Up to here the buffer was searched for the end mark, so that a slow sender costs no second search.
        self._searched = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing of a next message has come yet."""
        return not self._buffer

    def feed(self, received: bytes) -> list[bytes]:
        """The messages that *received* completes, without their marks.

        Raises:
            MllpError: bytes lie outside a frame, or the message is too long. The connection is of no use any more.
        """
        self._buffer += received
        messages = []
        while (message := self._next()) is not None:
            messages.append(message)
        return messages

    def _next(self) -> bytes | None:
        # Line ends between frames are sent by some engines and mean nothing.
        while self._buffer and self._buffer[0] in b"\r\n":
            del self._buffer[0]
        if not self._buffer:
            return None
        if self._buffer[0] != _START:
            raise MllpError(f"byte 0x{self._buffer[0]:02x} lies outside a frame; a message begins with 0x0b")
        end = self._buffer.find(bytes((_END, _RETURN)), self._searched)
        if end < 0:
            self._searched = max(0, len(self._buffer) - 1)
            self._refuse_length(len(self._buffer))
            return None
        self._refuse_length(end)
        message = bytes(self._buffer[1:end])
        del self._buffer[: end + 2]
        self._searched = 0
        return message

    def _refuse_length(self, length: int) -> None:
        if length > self._maximum:
            raise MllpError(f"a message has more than {self._maximum} bytes without an end mark (0x1c 0x0d)")
