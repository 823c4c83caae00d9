"""Hearing of work items on a manager's event channel (PS3.18 8.10.4): a WebSocket on a thread of its own."""

import json
import logging
import queue
import threading
from contextlib import suppress

import httpx
import httpx_ws

from dicom_io.errors import UnreachableError

_log = logging.getLogger(__name__)
#: Event Type ID of "UPS Cancel Requested" (PS3.4 CC.2.4.3).
_CANCEL_REQUESTED = 2
#: Pause before a channel that broke is opened again.
_AGAIN_SECONDS = 2.0


def channel_url(manager: httpx.URL, named: str, ae_title: str) -> str:
    """Where to listen: the place that *manager* named when it is its own host, else where PS3.18 has it.

    Our token goes along, and it is for this host alone.
    """
    if named.startswith(("ws://", "wss://")) and httpx.URL(named).host == manager.host:
        return named
    return f"{str(manager).rstrip('/')}/ws/subscribers/{ae_title}".replace("http", "ws", 1)


class EventChannel:
    """Collects requests to cancel from one manager."""

    def __init__(self, http: httpx.Client) -> None:
        """Open the channel over *http*'s settings once it is asked to."""
        self._http = http
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._asked: set[str] = set()
        self._lock = threading.Lock()

    @property
    def cancel_requests(self) -> frozenset[str]:
        """SOP Instance UIDs of the work items that someone asks to stop."""
        with self._lock:
            return frozenset(self._asked)

    def open(self, url: str, ae_title: str) -> None:
        """Listen at *url*, or where PS3.18 has the channel of *ae_title*; see `channel_url`."""
        if self._thread is not None:
            return
        place = channel_url(self._http.base_url, url, ae_title)
        self._thread = threading.Thread(target=self._listen, args=(place,), name="ups-events", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._closing.set()

    def _listen(self, url: str) -> None:
        while not self._closing.is_set():
            try:
                channel: httpx_ws.WebSocketSession
                with httpx_ws.connect_ws(url, self._http) as channel:
                    self._hear(channel)
            except (httpx.HTTPError, httpx.InvalidURL, httpx_ws.HTTPXWSException, UnreachableError) as error:
                kind = type(error).__name__
                _log.warning("The event channel of work items broke: %s", kind, extra={"action": "ups_channel_broke"})
            except RuntimeError:
                # What httpx says of a client that was closed while we were about to ask again.
                if not self._http.is_closed:
                    raise
                return
            self._closing.wait(_AGAIN_SECONDS)

    def _hear(self, channel: httpx_ws.WebSocketSession) -> None:
        while not self._closing.is_set():
            with suppress(queue.Empty):
                self._note(channel.receive_text(timeout=1.0))

    def _note(self, text: str) -> None:
        try:
            said = json.loads(text)
            kind, uid = said["00001002"]["Value"][0], str(said["00001000"]["Value"][0])
        except (ValueError, KeyError, IndexError, TypeError):
            # Something else than an event report: nothing of it is ours.
            return
        if kind == _CANCEL_REQUESTED:
            with self._lock:
                self._asked.add(uid)
