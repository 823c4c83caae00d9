"""Threads that flush directories while their callers flush files: a wait for the disk costs as much as an object."""

import threading
import weakref
from collections import deque
from queue import SimpleQueue

from dicom_io.durable_file import flush_directory


class Flusher:
    """One thread, and the two queues by which it is asked and tells; a future would cost more than the work."""

    def __init__(self) -> None:
        """Start the thread; it ends when this is garbage."""
        self._asked: SimpleQueue[str | None] = SimpleQueue()
        self._told: SimpleQueue[OSError | None] = SimpleQueue()
        threading.Thread(target=_flush_each, args=(self._asked, self._told), name="flush", daemon=True).start()
        weakref.finalize(self, self._asked.put, None)

    def begin(self, directory: str) -> None:
        """Begin to flush *directory*; then `end`."""
        self._asked.put(directory)

    def end(self) -> OSError | None:
        """Why the directory that was begun is not flushed; None when it would survive a power cut."""
        return self._told.get()


class Flushers:
    """As many as there are callers at one time; who is done serves the next."""

    def __init__(self) -> None:
        """Start none yet."""
        self._idle: deque[Flusher] = deque()

    def take(self) -> Flusher:
        """One that is nobody else's until it is given back."""
        try:
            return self._idle.pop()
        except IndexError:
            return Flusher()

    def give_back(self, flusher: Flusher) -> None:
        """Let others have *flusher*, which has ended."""
        self._idle.append(flusher)


def _flush_each(asked: SimpleQueue[str | None], told: SimpleQueue[OSError | None]) -> None:
    while (directory := asked.get()) is not None:
        try:
            flush_directory(directory)
        except OSError as error:
            told.put(error)
        else:
            told.put(None)
