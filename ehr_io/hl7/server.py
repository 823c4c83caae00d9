"""Receives HL7 v2 messages over MLLP: one thread a connection, each message answered before the next is read."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from ehr_io.errors import MllpError
from ehr_io.hl7.framing import MAX_MESSAGE_BYTES, Deframer, frame

_LOG = structlog.get_logger(__name__)
_READ_BYTES = 65_536
_BACKLOG = 128
#: Between two looks at whether to stop.
_LOOK_SECONDS = 0.5
#: A message under way when we stop may take so long to be answered.
_STOP_SECONDS = 10.0

#: Takes a message without its marks and gives the acknowledgement; durable when it returns.
Handler = Callable[[bytes], bytes]


@dataclass(frozen=True, kw_only=True)
class MllpSettings:
    """How messages are received."""

    #: Address to listen on.
    host: str = "127.0.0.1"
    #: TCP port; 0 = one that the kernel gives.
    port: int = 2575
    #: More connections than this are closed at once.
    maximum_connections: int = 64
    #: A connection on which nothing came for so long is closed; engines open a new one.
    idle_seconds: float = 3600.0
    #: A message must be complete so long after its first byte, and its answer be read so long after it was written.
    message_seconds: float = 30.0
    #: Longest message.
    maximum_bytes: int = MAX_MESSAGE_BYTES


class MllpServer:
    """Listens until it is stopped."""

    def __init__(self, settings: MllpSettings, handler: Handler, tls: ssl.SSLContext | None = None) -> None:
        """Answer what comes with *handler*; *tls* is a server context, None = in the clear."""
        self._settings = settings
        self._handler = handler
        self._tls = tls
        self._listener: socket.socket | None = None
        self._stopping = threading.Event()
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._lock = threading.Lock()
        self._acceptor: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port it listens on.

        Raises:
            MllpError: it was not started.
        """
        if self._listener is None:
            raise MllpError("the receiver was not started; start it first")
        return int(self._listener.getsockname()[1])

    def start(self) -> None:
        """Listen from now on.

        Raises:
            OSError: the address is taken.
        """
        self._listener = socket.create_server((self._settings.host, self._settings.port), backlog=_BACKLOG)
        self._listener.settimeout(_LOOK_SECONDS)
        self._acceptor = threading.Thread(target=self._accept, args=(self._listener,), name="mllp", daemon=True)
        self._acceptor.start()

    def stop(self) -> None:
        """Take no more messages; those under way are answered."""
        self._stopping.set()
        if self._acceptor is not None:
            self._acceptor.join(_STOP_SECONDS)
        with self._lock:
            threads = list(self._connections)
        for thread in threads:
            thread.join(_STOP_SECONDS)
        if self._listener is not None:
            self._listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with self._lock:
                is_full = len(self._connections) >= self._settings.maximum_connections
            if is_full:
                _LOG.warning("Too many connections; one more was closed.", action="mllp_full")
                connection.close()
                continue
            thread = threading.Thread(target=self._serve, args=(connection,), name="mllp-connection", daemon=True)
            with self._lock:
                self._connections[thread] = connection
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with contextlib.closing(self._secured(connection)) as stream:
                self._answer_all(stream)
        except (OSError, MllpError) as error:
            # Neither peer nor bytes are told: they may name a patient.
            _LOG.warning("A connection was closed.", action="mllp_closed", error=type(error).__name__)
        finally:
            connection.close()
            with self._lock:
                self._connections.pop(threading.current_thread(), None)

    def _secured(self, connection: socket.socket) -> socket.socket:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(self._settings.message_seconds)
        return connection if self._tls is None else self._tls.wrap_socket(connection, server_side=True)

    def _answer_all(self, stream: socket.socket) -> None:
        deframer = Deframer(self._settings.maximum_bytes)
        deadline = time.monotonic() + self._settings.idle_seconds
        while (received := self._read(stream, deadline)) is not None:
            was_empty = deframer.is_empty
            for message in deframer.feed(received):
                stream.settimeout(self._settings.message_seconds)
                stream.sendall(frame(self._handler(message)))
            if deframer.is_empty:
                deadline = time.monotonic() + self._settings.idle_seconds
            elif was_empty:
                # From its first byte on: one byte now and then does not keep a message open for ever.
                deadline = time.monotonic() + self._settings.message_seconds

    def _read(self, stream: socket.socket, deadline: float) -> bytes | None:
        """The next bytes; None when the peer is done, slower than *deadline*, or we are to stop."""
        while not self._stopping.is_set() and (left := deadline - time.monotonic()) > 0:
            stream.settimeout(min(_LOOK_SECONDS, left))
            try:
                return stream.recv(_READ_BYTES) or None
            except TimeoutError:
                continue
        return None
