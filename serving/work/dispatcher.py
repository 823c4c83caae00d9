"""Hands waiting work to the engine: most urgent first, within the limits, a few milliseconds after it was queued."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import uuid4

import structlog
from sqlalchemy import Engine

from serving.errors import DatabaseDownError
from serving.intake import Intake
from serving.records import drains, outlook, work
from serving.records.changes import ChangeDetector
from serving.records.database import reading, writing
from serving.records.waiting import delivery_groups, item_groups
from serving.work.engine import RunKind, WorkEngine
from serving.work.item import State
from serving.work.slots import Slots
from serving.work.turns import Room

_LOG = structlog.get_logger(__name__)
#: How often the change counter is looked at.
_LOOK_SECONDS = 0.005
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
        *,
        node: str,
        slots: Slots,
        destinations: Sequence[str],
    ) -> None:
        """Start *node*'s work on *work_engine* while *slots* are free; each destination is a lane of its own."""
        self._engine = engine
        self._work_engine = work_engine
        self._intake = intake
        self._node = node
        self._slots = slots
        self._destinations = destinations
        self._turns = slots.turns
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
        self._stopping.set()
        self._thread.join()

    def turn(self) -> None:
        """One look: close what fell due, start what waits."""
        with reading(self._engine) as connection:
            # A look without the write lock, so that an idle worker never disturbs the receiver.
            now = datetime.now(UTC)
            waiting = outlook.look(connection, now)
            is_drained = drains.is_drained(connection, self._node, now)
        taken = self._intake.take_due() if waiting.cases else 0
        if is_drained:
            return
        if taken or waiting.items:
            self._start_items()
        if waiting.deliveries:
            for destination in self._ready_destinations():
                self._start_deliveries(destination)

    def why_not_alive(self) -> str:
        """Empty while the loop goes round; it waits for the database at most 30 seconds at a time."""
        silent = time.monotonic() - self._last_look
        return "" if silent < _STUCK_SECONDS else f"the dispatcher has not looked for work for {silent:.0f} seconds"

    def _loop(self) -> None:
        changes = ChangeDetector(self._engine)
        next_tick = next_sweep = time.monotonic()
        while not self._stopping.wait(_LOOK_SECONDS):
            now = self._last_look = time.monotonic()
            if changes.changed() or now >= next_tick:
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

    def _start_items(self) -> None:
        room = Room(
            places=self._slots.free(RunKind.ANALYSE.value),
            acute_places=self._slots.free_for_acute(RunKind.ANALYSE.value),
            by_model=self._slots.free_by_model(),
        )
        if not room.acute_places or not self._any_ready(room):
            return
        with writing(self._engine) as connection:
            claimed = work.claim_items(connection, self._node, room, datetime.now(UTC), self._turns)
        for item in claimed:
            self._slots.works_on(item.id, item.model)
            self._begin(RunKind.ANALYSE, RunKind.ANALYSE.value, item.id)

    def _start_deliveries(self, destination: str) -> None:
        while self._slots.free(destination):
            with writing(self._engine) as connection:
                now = datetime.now(UTC)
                delivery = work.claim_delivery(connection, destination, self._node, now, self._turns)
            if delivery is None:
                return
            self._begin(RunKind.DELIVER, destination, delivery.id)

    def _begin(self, kind: RunKind, lane: str, subject_id: str) -> None:
        self._slots.claim(lane, subject_id)
        try:
            self._work_engine.run(kind, uuid4().hex, subject_id)
        except DatabaseDownError:
            self._slots.end(lane, subject_id)
            raise

    def _any_ready(self, room: Room) -> bool:
        now = datetime.now(UTC)
        with reading(self._engine) as connection:
            return self._turns.choose(item_groups(connection, self._turns.patience, now), room, now) is not None

    def _ready_destinations(self) -> Sequence[str]:
        """Those of the settings for which something may be sent now."""
        with reading(self._engine) as connection:
            groups = delivery_groups(connection, self._turns.patience, datetime.now(UTC))
        ready = {one.model for one in groups}
        return [one for one in self._destinations if one in ready]

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
