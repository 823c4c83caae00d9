"""Whether so much work waits that senders should come later."""

import threading
import time
from collections.abc import Callable

from sqlalchemy import Engine, func, select

from serving.errors import DatabaseDownError
from serving.records.database import reading
from serving.records.schema import WORK_ITEM
from serving.work.item import State

#: So old an answer is still good enough: a queue does not fill in a second.
_GOOD_FOR_SECONDS = 1.0
#: Once held, senders are let in again when the queue has shrunk to this share: else each case done would let one in.
_SHARE_TO_LET_IN = 0.9
_WAITING = (State.QUEUED.value, State.WAITING.value)


class Pressure:
    """Asks the database at most once a second; shared by the doors of one process."""

    def __init__(self, engine: Engine, maximum_waiting: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Hold senders back from *maximum_waiting* cases on; 0 never does."""
        self._engine = engine
        self._maximum_waiting = maximum_waiting
        self._clock = clock
        self._held = False
        self._asked_at = float("-inf")
        self._lock = threading.Lock()

    def is_high(self) -> bool:
        """Whether senders should come later. While the database is down it is not for this to say: the doors do."""
        if not self._maximum_waiting:
            return False
        with self._lock:
            now = self._clock()
            if now - self._asked_at >= _GOOD_FOR_SECONDS:
                self._asked_at = now
                self._held = self._ask()
            return self._held

    def _ask(self) -> bool:
        limit = self._maximum_waiting * (_SHARE_TO_LET_IN if self._held else 1.0)
        # Counts no further than it must, in the index alone.
        some = select(WORK_ITEM.c.state).where(WORK_ITEM.c.state.in_(_WAITING)).limit(self._maximum_waiting)
        try:
            with reading(self._engine) as connection:
                waiting = connection.scalar(select(func.count()).select_from(some.subquery())) or 0
        except DatabaseDownError:
            return False
        return waiting >= limit
