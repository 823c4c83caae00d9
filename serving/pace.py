"""Not faster than a destination bears: at most so many objects a minute."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path
from queue import LifoQueue

from dicom_io.send.destination import Destination, Receipt, Reference, Refusal


class PacedOutlet:
    """Another outlet, waited for: after n objects the next ones are held back until their time has come."""

    def __init__(
        self,
        outlet: Destination,
        maximum_per_minute: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Send to *outlet*, callers of several threads together; *clock* and *sleep* count seconds."""
        self._outlet = outlet
        self._seconds_each = 60.0 / maximum_per_minute
        self._clock = clock
        self._sleep = sleep
        self._free_at = 0.0
        self._lock = threading.Lock()

    def send(self, objects: Sequence[Path]) -> tuple[Receipt | Refusal, ...]:
        """Wait, then send; see `Destination.send`."""
        with self._lock:
            now = self._clock()
            begins_at = max(self._free_at, now)
            self._free_at = begins_at + len(objects) * self._seconds_each
        if begins_at > now:
            self._sleep(begins_at - now)
        return self._outlet.send(objects)

    def holds(self, references: Sequence[Reference]) -> AbstractSet[str]:
        """Ask at once; see `Destination.holds`."""
        return self._outlet.holds(references)

    def close(self) -> None:
        """Close the other outlet."""
        self._outlet.close()


class SharedOutlet:
    """Several outlets to one destination, each lent to one caller at a time."""

    def __init__(self, outlets: Sequence[Destination]) -> None:
        """Lend *outlets*; a caller that finds all of them lent waits."""
        self._outlets = tuple(outlets)
        # Last in, first out: the one whose connection is open.
        self._free: LifoQueue[Destination] = LifoQueue()
        for outlet in reversed(outlets):
            self._free.put(outlet)

    def send(self, objects: Sequence[Path]) -> tuple[Receipt | Refusal, ...]:
        """Send by one that is free; see `Destination.send`."""
        with self._lent() as outlet:
            return outlet.send(objects)

    def holds(self, references: Sequence[Reference]) -> AbstractSet[str]:
        """Ask by one that is free; see `Destination.holds`."""
        with self._lent() as outlet:
            return outlet.holds(references)

    def close(self) -> None:
        """Close all of them."""
        for outlet in self._outlets:
            outlet.close()

    @contextmanager
    def _lent(self) -> Iterator[Destination]:
        outlet = self._free.get()
        try:
            yield outlet
        finally:
            self._free.put(outlet)
