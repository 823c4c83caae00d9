"""Many connections, one transaction: what waits while a commit is written to disk is committed together by the next.

A commit that is on disk costs milliseconds whatever it holds, so one a message would set the pace of the feed.
"""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from serving.errors import DatabaseDownError

_Item = TypeVar("_Item")
#: One transaction holds at most so many, so that nobody waits long behind a storm.
_LARGEST_GROUP = 200
#: More than this in the queue and senders are told to come again: a storm must not fill the memory.
_LONGEST_QUEUE = 2_000
_TOO_MUCH = "more comes in than can be written at the moment; send it again"


@dataclass(frozen=True, kw_only=True)
class _Waiting(Generic[_Item]):
    item: _Item
    done: "Future[None]" = field(default_factory=Future)


class GroupCommit(Generic[_Item]):
    """One thread that keeps what others hand in."""

    def __init__(self, keep: Callable[[Sequence[_Item]], None]) -> None:
        """*keep* writes items in one transaction; they are durable when it returns, and none is when it raises."""
        self._keep = keep
        self._queue: queue.Queue[_Waiting[_Item] | None] = queue.Queue(_LONGEST_QUEUE)
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, then end."""
        self._queue.put(None)
        self._thread.join()

    @property
    def waiting(self) -> int:
        """How many items wait for the next commit."""
        return self._queue.qsize()

    def keep(self, item: _Item, timeout_seconds: float) -> None:
        """Hand in *item*; durable when this returns.

        Raises:
            DatabaseDownError: it was not kept, or not in time; then it may be kept later.
        """
        try:
            self.hand_in(item, timeout_seconds).result(timeout_seconds)
        except TimeoutError as error:
            raise DatabaseDownError(_TOO_MUCH) from error

    def hand_in(self, item: _Item, patience_seconds: float = 0.0) -> "Future[None]":
        """Hand in *item*, waiting at most *patience_seconds* for a place; it is durable when the answer is done.

        Raises:
            DatabaseDownError: there was no place for it, and it will not be kept.
        """
        waiting = _Waiting(item=item)
        try:
            self._queue.put(waiting, block=patience_seconds > 0, timeout=patience_seconds or None)
        except queue.Full as error:
            raise DatabaseDownError(_TOO_MUCH) from error
        return waiting.done

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            group = [first]
            is_last = False
            while len(group) < _LARGEST_GROUP and not self._queue.empty():
                following = self._queue.get()
                if following is None:
                    is_last = True
                    break
                group.append(following)
            self._commit(group)
            if is_last:
                return

    def _commit(self, group: Sequence[_Waiting[_Item]]) -> None:
        try:
            self._keep([waiting.item for waiting in group])
        except DatabaseDownError as error:
            if len(group) == 1:
                group[0].done.set_exception(error)
                return
            # One that the database refuses must not take the others with it.
            for waiting in group:
                self._commit([waiting])
            return
        for waiting in group:
            waiting.done.set_result(None)
