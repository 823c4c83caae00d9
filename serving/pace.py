"""Not faster than a destination bears: at most so many objects a minute."""

import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

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
        """Send to *outlet*, one caller at a time; *clock* and *sleep* count seconds."""
        self._outlet = outlet
        self._seconds_each = 60.0 / maximum_per_minute
        self._clock = clock
        self._sleep = sleep
        self._free_at = 0.0

    def send(self, objects: Sequence[Path]) -> tuple[Receipt | Refusal, ...]:
        """Wait, then send; see `Destination.send`."""
        wait = self._free_at - self._clock()
        if wait > 0:
            self._sleep(wait)
        self._free_at = max(self._free_at, self._clock()) + len(objects) * self._seconds_each
        return self._outlet.send(objects)

    def holds(self, references: Sequence[Reference]) -> AbstractSet[str]:
        """Ask at once; see `Destination.holds`."""
        return self._outlet.holds(references)

    def close(self) -> None:
        """Close the other outlet."""
        self._outlet.close()
