"""Clears away now and then, on one node at a time, beside the work."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Engine

from serving.errors import DatabaseDownError, FencedError
from serving.records.compaction import compact
from serving.records.database import writing
from serving.records.duties import take_turn
from serving.retention.broom import Broom, Clearable, Kind
from serving.retention.sweep import believed_now, find_all
from serving.telemetry.metrics import RetentionMetrics

_LOG = structlog.get_logger(__name__)
#: How often it is asked whose turn it is.
_LOOK_SECONDS = 60.0
_DUTY = "clean"


class RetentionClock:
    """One thread; of several nodes the one that takes the turn does the work."""

    def __init__(
        self, engine: Engine, node: str, of: dict[Kind, Broom], every: timedelta, metrics: RetentionMetrics
    ) -> None:
        """Let the brooms *of* each kind clear *every* so often; never when that is nothing."""
        self._engine = engine
        self._node = node
        self._brooms = of
        self._every = every
        self._metrics = metrics
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="retention", daemon=True)

    def start(self) -> None:
        """Begin, where it is wanted."""
        if self._every:
            self._thread.start()

    def stop(self) -> None:
        """Clear nothing more; what is begun is finished."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def turn(self, now: datetime) -> bool:
        """One look at *now*: clear away if it is this node's turn; whether it was."""
        with writing(self._engine) as connection:
            mine = take_turn(connection, _DUTY, self._node, now, self._every)
        if mine:
            believed = believed_now(self._engine, now)
            self._clear(list(find_all(self._brooms.values(), believed)), believed)
            self._metrics.cleaned_at(now.timestamp())
        return mine

    def _clear(self, found: Sequence[Clearable], now: datetime) -> None:
        for one in found:
            if self._stopping.is_set():
                return
            self._clear_one(one, now)
        given_back = compact(self._engine)
        _LOG.info("Old things were cleared away.", action="cleaned", count=len(found), bytes=given_back)

    def _clear_one(self, one: Clearable, now: datetime) -> None:
        try:
            freed = self._brooms[one.kind].clear(one, now)
        except OSError as error:
            # One file that will not go must not keep the others.
            kind = type(error).__name__
            _LOG.error("A file could not be removed.", action="clean_failed", kind=one.kind.value, error=kind)
            self._metrics.failed(one.kind.value)
        else:
            self._metrics.cleared(one.kind.value, freed)

    def _loop(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            try:
                self.turn(datetime.now(UTC))
            except DatabaseDownError as error:
                _LOG.error("The database cannot be reached; trying again.", action="database_down", error=str(error))
            except FencedError:
                # The heartbeat stops this process.
                return
