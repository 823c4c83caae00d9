"""Seconds of each stage of one work item."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from serving.telemetry.metric_table import Stage

#: Entered while a subject (work item or delivery) is at a stage.
Watch = Callable[[str, Stage], AbstractContextManager[None]]


def unwatched(subject_id: str, stage: Stage) -> AbstractContextManager[None]:
    """The watch that sees nothing."""
    del subject_id, stage
    return nullcontext()


class Stopwatch:
    """Adds up wall-clock seconds by stage; one a work item."""

    def __init__(self, step: Callable[[Stage], AbstractContextManager[None]] = lambda _: nullcontext()) -> None:
        """Start with no stage timed; *step* is entered for each stage while it lasts."""
        self._step = step
        self._seconds: dict[Stage, float] = {}

    @contextmanager
    def time(self, stage: Stage) -> Iterator[None]:
        """Add the seconds of the block to *stage*, also when it raises."""
        began = time.perf_counter()
        try:
            with self._step(stage):
                yield
        finally:
            self._seconds[stage] = self._seconds.get(stage, 0.0) + time.perf_counter() - began

    @property
    def seconds(self) -> dict[str, float]:
        """Stage -> seconds so far, to a tenth of a millisecond."""
        return {stage.value: round(seconds, 4) for stage, seconds in self._seconds.items()}
