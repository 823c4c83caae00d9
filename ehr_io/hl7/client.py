"""Sends HL7 v2 messages over MLLP and reads their acknowledgements."""

import contextlib
import socket
import ssl
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from ehr_io.errors import MllpError, NotHl7Error
from ehr_io.hl7.acknowledgement import Acknowledgement, read_acknowledgement
from ehr_io.hl7.framing import Deframer, frame
from ehr_io.hl7.message import parse

_READ_BYTES = 65_536


@dataclass(frozen=True, kw_only=True)
class MllpAddress:
    """Where a receiver listens."""

    #: Name or address.
    host: str
    #: TCP port.
    port: int
    #: Longest wait for the connection, and for each answer.
    timeout_seconds: float = 30.0
    #: TLS with this context; None = in the clear, for loopback and closed networks.
    tls: ssl.SSLContext | None = None


class MllpClient:
    """One connection to one receiver, opened when first needed; one message at a time."""

    def __init__(self, address: MllpAddress) -> None:
        """Speak to *address*."""
        self._address = address
        self._socket: socket.socket | None = None
        self._deframer = Deframer()

    def __enter__(self) -> Self:
        """Nothing is opened yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()

    def exchange(self, message: bytes) -> Acknowledgement:
        """Send *message* and wait for its acknowledgement.

        Raises:
            MllpError: nobody listens, the connection broke, no answer came in time, or it answers another message.
                Whether the message was taken is then not known: send the same one, with the same MSH-10, again.
        """
        try:
            self._connected().sendall(frame(message))
            answer = read_acknowledgement(self._answer())
        except (OSError, NotHl7Error) as error:
            self.close()
            raise MllpError(f"{self._place}: {_reason(error)}") from error
        except MllpError:
            self.close()
            raise
        asked = parse(message).control_id
        if answer.control_id != asked:
            self.close()
            raise MllpError(f"{self._place} acknowledged another message than the one sent; it must repeat MSH-10")
        return answer

    def close(self) -> None:
        """End the connection; the next message opens a new one."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
        self._socket, self._deframer = None, Deframer()

    @property
    def _place(self) -> str:
        return f"{self._address.host}:{self._address.port}"

    def _connected(self) -> socket.socket:
        if self._socket is None:
            where = self._address
            plain = socket.create_connection((where.host, where.port), timeout=where.timeout_seconds)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = plain if where.tls is None else where.tls.wrap_socket(plain, server_hostname=where.host)
        return self._socket

    def _answer(self) -> bytes:
        while True:
            received = self._connected().recv(_READ_BYTES)
            if not received:
                raise MllpError(f"{self._place} closed the connection without an answer")
            messages = self._deframer.feed(received)
            if messages:
                return messages[0]


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) if isinstance(error, NotHl7Error) else f"not reached ({type(error).__name__})"
