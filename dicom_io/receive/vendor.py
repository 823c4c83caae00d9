"""What pynetdicom needs to be told, in one place for whoever opens an association."""

import socket
import weakref
from typing import Any

from pynetdicom import _config, evt


def configure_pynetdicom() -> None:
    """Set pynetdicom's process-wide switches; may be called any number of times."""
    # Storage of private and future SOP classes: bytes are kept as they came, so no class needs to be known.
    _config.UNRESTRICTED_STORAGE_SERVICE = True
    # Files are sent as they lie on disk, PDU by PDU, without decoding (exact transfer syntax only).
    _config.STORE_SEND_CHUNKED_DATASET = True
    # The standard handlers and identifier logs write patient data to the log and cost time per message.
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False


class SocketCare:
    """Sends without delay, and closes what pynetdicom 3.0.4 leaves open when the peer has gone first."""

    def __init__(self) -> None:
        """Care for no socket yet."""
        self._sockets: weakref.WeakKeyDictionary[Any, socket.socket] = weakref.WeakKeyDictionary()

    def handlers(self) -> list[tuple[Any, Any]]:
        """Event handlers for an association or a server."""
        return [(evt.EVT_CONN_OPEN, self._on_open), (evt.EVT_CONN_CLOSE, self._on_close)]

    def _on_open(self, event: Any) -> None:
        opened: socket.socket = event.assoc.dul.socket.socket
        # Nagle's algorithm against the sender's delayed ACK costs 43 ms an image (measured with DCMTK).
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sockets[event.assoc] = opened

    def _on_close(self, event: Any) -> None:
        closed = self._sockets.pop(event.assoc, None)
        if closed is not None:
            closed.close()
