"""Accepts connections and serves each in a thread of its own."""

import logging
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for_all

from dicom_io.receive.settings import StoreScpSettings

_log = logging.getLogger(__name__)
_BACKLOG = 128
#: Without it a process that is out of descriptors would do nothing but fail.
_PAUSE_SECONDS = 0.05


class Listener:
    """A listening socket. Its own thread does nothing but accept, so that no peer can keep others waiting."""

    def __init__(self, settings: StoreScpSettings, serve: Callable[[socket.socket], None]) -> None:
        """Listen by *settings*, and call *serve* in a thread for each connection; a TLS handshake is left to it.

        Raises:
            OSError: the address is taken or not ours.
        """
        host = settings.host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, settings.port), family=family, backlog=_BACKLOG)
        self._maximum_connections = settings.maximum_connections
        self._tls = settings.tls
        self._serve = serve
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._running: dict[Future[None], socket.socket] = {}
        self._servers = ThreadPoolExecutor(settings.maximum_connections, thread_name_prefix="association")
        self._acceptor = threading.Thread(target=self._accept, name="acceptor", daemon=True)
        self._acceptor.start()

    @property
    def port(self) -> int:
        """The TCP port that is listened on."""
        return int(self._socket.getsockname()[1])

    def stop(self, grace_seconds: float) -> None:
        """Accept no more, give what runs *grace_seconds* to end, then cut what it reads from."""
        self._stopping.set()
        # Closing alone does not wake a thread that waits in accept.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._socket.close()
        with self._lock:
            running = dict(self._running)
        wait_for_all(running, timeout=grace_seconds)
        with self._lock:
            for connection in self._running.values():
                # Its thread sees the end of the input and still can say so to the peer.
                _stop_reading(connection)
        self._servers.shutdown(wait=True)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                self._take(self._next())
            except OSError as error:
                # Out of descriptors, or a peer that has already gone: others may still be served.
                if not self._stopping.wait(_PAUSE_SECONDS):
                    _log.warning("A connection was not accepted: %s", error.strerror, extra={"action": "not_accepted"})

    def _next(self) -> socket.socket:
        connection, _ = self._socket.accept()
        if self._tls is None:
            return connection
        return self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)

    def _take(self, connection: socket.socket) -> None:
        with self._lock:
            is_full = len(self._running) >= self._maximum_connections
            if not is_full:
                future = self._servers.submit(self._serve_and_close, connection)
                self._running[future] = connection
        if is_full:
            connection.close()
            _log.warning(
                "A connection was closed: %d are open already", self._maximum_connections, extra={"action": "too_many"}
            )
            return
        future.add_done_callback(self._ended)

    def _serve_and_close(self, connection: socket.socket) -> None:
        # The answer of one object must not wait for the next segment (Nagle against delayed ACK: 43 ms an image).
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A peer that lost its power says nothing; the kernel asks.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        with connection:
            self._serve(connection)

    def _ended(self, future: "Future[None]") -> None:
        with self._lock:
            self._running.pop(future)
        error = future.exception()
        if error is not None:
            # Only the kind of the fault: its text may quote what was received.
            _log.error(
                "An association failed by a fault of ours: %s",
                type(error).__name__,
                exc_info=error,
                extra={"action": "association_failed"},
            )


def _stop_reading(connection: socket.socket) -> None:
    try:
        # Not SSLSocket.shutdown: that would take the encryption away under the feet of the thread that writes.
        socket.socket.shutdown(connection, socket.SHUT_RD)
    except OSError:
        # It has just ended by itself.
        return
