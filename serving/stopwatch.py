"""Seconds of each stage of one work item."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from serving.telemetry.metric_table import Stage


class Stopwatch:
    """Adds up wall-clock seconds by stage; one a work item."""

    def __init__(self) -> None:
        """Start with no stage timed."""
        self._seconds: dict[Stage, float] = {}

    @contextmanager
    def time(self, stage: Stage) -> Iterator[None]:
        """Add the seconds of the block to *stage*, also when it raises."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[stage] = self._seconds.get(stage, 0.0) + time.perf_counter() - began

    @property
    def seconds(self) -> dict[str, float]:
        """Stage -> seconds so far, to a tenth of a millisecond."""
        return {stage.value: round(seconds, 4) for stage, seconds in self._seconds.items()}
