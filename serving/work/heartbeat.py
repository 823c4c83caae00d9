"""Says that this worker is alive, and takes over from others that no longer do."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from sqlalchemy import Engine

from serving.errors import DatabaseDownError, FencedError
from serving.records import leases
from serving.records.database import reading, writing
from serving.records.fence import Lease
from serving.records.leases import Pulse

_LOG = structlog.get_logger(__name__)
#: Beats within the time after which silence counts as death.
_BEATS = 4


class Heartbeat:
    """One thread that beats for this node and listens for the others."""

    def __init__(self, engine: Engine, lease: Lease, *, silence_seconds: float, on_lost: Callable[[], None]) -> None:
        """Beat for *lease*; a node that is silent for *silence_seconds* is buried, and when this one was: *on_lost*."""
        self._engine = engine
        self._lease = lease
        self._silence_seconds = silence_seconds
        self._on_lost = on_lost
        #: Node -> its newest pulse and when, on our monotonic clock, that was first seen.
        self._seen: dict[str, tuple[Pulse, float]] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def stop(self) -> None:
        """Beat no more, and give the lease back with what was not done."""
        self._stopping.set()
        self._thread.join()
        try:
            with writing(self._engine) as connection:
                leases.leave(connection, self._lease, datetime.now(UTC))
        except FencedError:
            _LOG.warning("The work of this node is with another already.", action="node_fenced")

    def beat(self, now: float) -> None:
        """Say that this node is alive, and bury those that have been silent; *now* on the monotonic clock.

        Raises:
            FencedError: this node was buried itself.
        """
        with writing(self._engine) as connection:
            leases.renew(connection, self._lease)
        with reading(self._engine) as connection:
            others = leases.pulses(connection, besides=self._lease.node)
        self._seen = {one.node: self._since(one, now) for one in others}
        for pulse, since in self._seen.values():
            if now - since >= self._silence_seconds:
                self._bury(pulse)

    def _since(self, pulse: Pulse, now: float) -> tuple[Pulse, float]:
        known = self._seen.get(pulse.node)
        return known if known is not None and known[0] == pulse else (pulse, now)

    def _bury(self, dead: Pulse) -> None:
        with writing(self._engine) as connection:
            freed = leases.bury(connection, dead, datetime.now(UTC))
        if freed is None:
            return
        _LOG.error("A node fell silent; its work goes on here.", action="node_lost", node=dead.node, freed=len(freed))

    def _loop(self) -> None:
        while not self._stopping.wait(self._silence_seconds / _BEATS):
            try:
                self.beat(time.monotonic())
            except DatabaseDownError as error:
                # Nobody can bury anybody meanwhile; whoever was silent too long learns it at the next beat.
                _LOG.error("The database cannot be reached; trying again.", action="database_down", error=str(error))
            except FencedError as error:
                _LOG.error(str(error), action="node_fenced")
                self._on_lost()
                return
