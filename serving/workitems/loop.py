"""The thread on which work items are performed."""

import threading
from collections.abc import Callable, Sequence

import structlog

from serving.errors import DatabaseDownError, FencedError
from serving.workitems.performer import Performer

_LOG = structlog.get_logger(__name__)


class PerformerLoop:
    """Looks again and again until it is stopped."""

    def __init__(self, performer: Performer, poll_seconds: float, closers: Sequence[Callable[[], None]] = ()) -> None:
        """Let *performer* look every *poll_seconds*; *closers* are called at the end."""
        self._performer = performer
        self._poll_seconds = poll_seconds
        self._closers = closers
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="workitems", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; what is claimed is taken up at the next start."""
        self._stopping.set()
        self._thread.join()
        for close in self._closers:
            close()

    def _loop(self) -> None:
        while not self._stopping.is_set():
            try:
                self._performer.turn()
            except FencedError:
                # Another process is this node by now, and performs.
                return
            except DatabaseDownError as error:
                _LOG.error("The database cannot be reached; trying again.", action="database_down", error=str(error))
            self._stopping.wait(self._poll_seconds)
