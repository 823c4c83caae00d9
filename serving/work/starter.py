"""Claims waiting work for free places and begins it: in a transaction of its own, or in the one that queued it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import uuid4

import structlog
from sqlalchemy import Connection, Engine

from serving.errors import DatabaseDownError
from serving.records import drains, work
from serving.records.database import reading, writing
from serving.records.waiting import delivery_groups, item_groups
from serving.work.engine import RunKind, WorkEngine
from serving.work.slots import Slots
from serving.work.turns import Room

_LOG = structlog.get_logger(__name__)
_ANALYSE = RunKind.ANALYSE.value


class _Claims:
    """What one transaction has claimed: it holds its places, and is begun once that is committed."""

    def __init__(self, work_engine: WorkEngine, slots: Slots) -> None:
        self._work_engine = work_engine
        self._slots = slots
        self._claimed: list[tuple[RunKind, str, str]] = []

    def add(self, kind: RunKind, lane: str, subject_id: str) -> None:
        # Before the commit: the sweep puts back whatever is claimed and holds no place.
        self._slots.claim(lane, subject_id)
        self._claimed.append((kind, lane, subject_id))

    def begin(self) -> None:
        while self._claimed:
            kind, lane, subject_id = self._claimed.pop(0)
            try:
                self._work_engine.run(kind, uuid4().hex, subject_id)
            except DatabaseDownError as error:
                _LOG.error("What was claimed cannot be begun; it is put back.", action="not_begun", error=str(error))
                self._slots.end(lane, subject_id)

    def give_up(self) -> None:
        for _, lane, subject_id in self._claimed:
            self._slots.end(lane, subject_id)


class Starter:
    """Begins what waits while there are places; may be called from several threads."""

    def __init__(
        self, engine: Engine, work_engine: WorkEngine, *, node: str, slots: Slots, destinations: Sequence[str]
    ) -> None:
        """Claim on *engine* for *node*, run on *work_engine*; each of *destinations* is a lane of its own."""
        self._engine = engine
        self._work_engine = work_engine
        self._node = node
        self._slots = slots
        self._turns = slots.turns
        self._destinations = destinations
        self._is_closed = False

    def close(self) -> None:
        """Claim nothing more."""
        self._is_closed = True

    def start_items(self) -> None:
        """Begin the work items whose turn it is. For one thread, as `taking_in`."""
        room = self._room()
        if not room.acute_places or not self._any_ready(room):
            return
        with self._claiming() as claims, writing(self._engine) as connection:
            self._claim_items(connection, claims)

    def start_deliveries(self) -> None:
        """Begin the deliveries whose turn it is."""
        ready = self._ready_destinations()
        if not ready:
            return
        with self._claiming() as claims, writing(self._engine) as connection:
            for destination in ready:
                while self._claim_delivery(connection, destination, claims):
                    pass

    @contextmanager
    def taking_in(self, engine: Engine) -> Iterator[Connection]:
        """A transaction that may queue work items; those whose turn it is are claimed in it, and begun after it."""
        with self._claiming() as claims, writing(engine) as connection:
            yield connection
            if self._may_claim(connection):
                self._claim_items(connection, claims)

    @contextmanager
    def recording(self, engine: Engine) -> Iterator[Connection]:
        """A transaction that may queue deliveries; those whose turn it is are claimed in it, and begun after it."""
        with self._claiming() as claims, writing(engine) as connection:
            yield connection
            if self._may_claim(connection):
                for destination in self._destinations:
                    self._claim_delivery(connection, destination, claims)

    def _may_claim(self, connection: Connection) -> bool:
        return not self._is_closed and not drains.is_drained(connection, self._node, datetime.now(UTC))

    @contextmanager
    def _claiming(self) -> Iterator[_Claims]:
        """What was claimed begins once the block has ended; places of what does not begin come free."""
        claims = _Claims(self._work_engine, self._slots)
        try:
            yield claims
            claims.begin()
        finally:
            claims.give_up()

    def _room(self) -> Room:
        return Room(
            places=self._slots.free(_ANALYSE),
            acute_places=self._slots.free_for_acute(_ANALYSE),
            by_model=self._slots.free_by_model(),
        )

    def _any_ready(self, room: Room) -> bool:
        now = datetime.now(UTC)
        with reading(self._engine) as connection:
            groups = item_groups(connection, self._turns.patience, now)
            return self._turns.choose(groups, room, now) is not None and self._may_claim(connection)

    def _ready_destinations(self) -> list[str]:
        """Where a delivery waits whose time has come, and a place is free."""
        free = [one for one in self._destinations if self._slots.free(one)]
        if not free:
            return []
        with reading(self._engine) as connection:
            waiting = {one.model for one in delivery_groups(connection, self._turns.patience, datetime.now(UTC))}
            return [one for one in free if one in waiting] if self._may_claim(connection) else []

    def _claim_items(self, connection: Connection, claims: _Claims) -> None:
        room = self._room()
        if room.acute_places:
            for item in work.claim_items(connection, self._node, room, datetime.now(UTC), self._turns):
                claims.add(RunKind.ANALYSE, _ANALYSE, item.id)
                self._slots.works_on(item.id, item.model)

    def _claim_delivery(self, connection: Connection, destination: str, claims: _Claims) -> bool:
        place = uuid4().hex
        if not self._slots.reserve(destination, place):
            return False
        try:
            delivery = work.claim_delivery(connection, destination, self._node, datetime.now(UTC), self._turns)
            if delivery is not None:
                claims.add(RunKind.DELIVER, destination, delivery.id)
        finally:
            self._slots.end(destination, place)
        return delivery is not None
