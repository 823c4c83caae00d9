"""The clock of the stays: one that runs is scored anew though nothing was told of it, for time alone changes a risk."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Engine

from serving.errors import DatabaseDownError, FencedError
from serving.intake import Intake
from serving.records.database import reading
from serving.records.stay_clock import Limits, freshness, old_stays
from serving.rules import match_stay
from serving.settings.file import Rule
from serving.settings.stays import Stays
from serving.telemetry.metrics import StayMetrics

_LOG = structlog.get_logger(__name__)
_LOOK_SECONDS = 15.0


class StayClock:
    """One thread that looks for scores that have grown old; several nodes may look at once."""

    def __init__(
        self, engine: Engine, intake: Intake, settings: Stays, rules: Sequence[Rule], metrics: StayMetrics
    ) -> None:
        """Look on *engine*, queue by *intake* what *settings* and *rules* ask for."""
        self._engine = engine
        self._intake = intake
        self._settings = settings
        self._is_asked = settings.every_minutes > 0 and bool(match_stay(rules, on_clock=True))
        self._metrics = metrics
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="stay-clock", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        self._thread.join()

    def turn(self, now: datetime) -> int:
        """One look at *now*: how many stays were queued.

        Raises:
            DatabaseDownError: it cannot be reached.
            FencedError: another process is this node by now.
        """
        silent = now - timedelta(hours=self._settings.silent_hours)
        stale = Limits(scored_before=now - timedelta(hours=self._settings.stale_hours), heard_since=silent)
        old = Limits(scored_before=now - timedelta(minutes=self._settings.every_minutes), heard_since=silent)
        with reading(self._engine) as connection:
            found = freshness(connection, stale)
            stay_ids = old_stays(connection, old) if self._is_asked else ()
        self._metrics.fresh(found.running, found.stale, found.silent)
        queued = sum(self._intake.take_on_clock(stay_id, old, now) for stay_id in stay_ids)
        self._metrics.rescored(queued)
        return queued

    def _loop(self) -> None:
        while not self._stopping.is_set():
            try:
                self.turn(datetime.now(UTC))
            except FencedError:
                return
            except DatabaseDownError as error:
                _LOG.error("The database cannot be reached; trying again.", action="database_down", error=str(error))
            self._stopping.wait(_LOOK_SECONDS)
