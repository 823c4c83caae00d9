"""Hands waiting work to the engine: most urgent first, within the limits, a few milliseconds after it was queued."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from sqlalchemy import Engine

from serving.errors import DatabaseDownError
from serving.intake import Intake
from serving.records import outlook, work
from serving.records.changes import ChangeDetector
from serving.records.database import reading, writing
from serving.work.engine import WorkEngine
from serving.work.item import State
from serving.work.slots import Slots
from serving.work.starter import Starter

_LOG = structlog.get_logger(__name__)
#: How often it is asked whether anything was committed; for a second after something was more often, since a study that
#: is being received is about to be closed.
_LOOK_SECONDS = 0.005
_BUSY_SECONDS = 1.0
#: How often due times are looked at although nothing was committed.
_TICK_SECONDS = 0.1
#: How often claims that nobody works on are looked for.
_SWEEP_SECONDS = 5.0
#: A loop that has not come round for so long is stuck.
_STUCK_SECONDS = 90.0
#: Pause after the database could not be reached.
_DOWN_SECONDS = 1.0


class Dispatcher:
    """One thread that closes due cases and starts waiting work."""

    def __init__(
        self,
        engine: Engine,
        work_engine: WorkEngine,
        intake: Intake,
        starter: Starter,
        *,
        node: str,
        slots: Slots,
    ) -> None:
        """Let *starter* begin *node*'s work on *work_engine*; *slots* tell what is worked on."""
        self._engine = engine
        self._work_engine = work_engine
        self._intake = intake
        self._starter = starter
        self._node = node
        self._slots = slots
        self._last_look = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="dispatcher", daemon=True)

    def start(self) -> None:
        """Wait for the runs that the engine takes up again, put back the rest of a crash, then begin."""
        self._slots.expect(self._work_engine.unfinished())
        self._sweep()
        self._thread.start()

    def stop(self) -> None:
        """Claim nothing more."""
        self._starter.close()
        self._stopping.set()
        self._thread.join()

    def turn(self) -> None:
        """One look: close what fell due, start what waits."""
        with reading(self._engine) as connection:
            # A look without the write lock, so that an idle worker never disturbs the receiver.
            waiting = outlook.look(connection, datetime.now(UTC))
        if waiting.cases:
            self._intake.take_due()
        if waiting.items:
            self._starter.start_items()
        if waiting.deliveries:
            self._starter.start_deliveries()

    def why_not_alive(self) -> str:
        """Empty while the loop goes round; it waits for the database at most 30 seconds at a time."""
        silent = time.monotonic() - self._last_look
        return "" if silent < _STUCK_SECONDS else f"the dispatcher has not looked for work for {silent:.0f} seconds"

    def _loop(self) -> None:
        changes = ChangeDetector(self._engine)
        next_tick = next_sweep = busy_until = time.monotonic()
        while not self._stopping.wait(changes.eager_seconds if self._last_look < busy_until else _LOOK_SECONDS):
            now = self._last_look = time.monotonic()
            has_changed = changes.changed()
            if has_changed:
                busy_until = now + _BUSY_SECONDS
            if has_changed or now >= next_tick:
                next_tick = now + _TICK_SECONDS
                self._guarded(self.turn)
            if now >= next_sweep:
                next_sweep = now + _SWEEP_SECONDS
                self._guarded(self._sweep)
        changes.close()

    def _guarded(self, look: Callable[[], None]) -> None:
        try:
            look()
        except DatabaseDownError as error:
            _LOG.error("The database cannot be reached; trying again.", action="database_down", error=str(error))
            self._stopping.wait(_DOWN_SECONDS)

    def _sweep(self) -> None:
        """Put back what this node claimed and nobody works on: left by a crash, or by a database that went away."""
        now = datetime.now(UTC)
        with reading(self._engine) as connection:
            claimed_items, claimed_deliveries = work.claimed(connection, self._node)
        items = self._slots.unattended(claimed_items)
        deliveries = self._slots.unattended(claimed_deliveries)
        if not items and not deliveries:
            return
        with writing(self._engine) as connection:
            for item_id in items:
                work.move_item(connection, item_id, State.WAITING, now, not_before=now, reason="its worker was stopped")
            for delivery_id in deliveries:
                work.put_back_delivery(connection, delivery_id, now)
