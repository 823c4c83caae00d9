"""Steps that do not end: a thread that is stuck cannot be ended, so its process is (decision 0016)."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from serving.telemetry.metric_table import Stage

_LOG = structlog.get_logger(__name__)
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Step:
    """A stage of one run that is going on."""

    #: Work item, or delivery.
    subject_id: str
    #: Which stage.
    stage: Stage
    #: When it began, on the monotonic clock.
    began: float


class StepWatch:
    """Knows what every run is at, and notices what takes longer than its limit."""

    def __init__(
        self,
        limits: Mapping[Stage, float],
        on_overrun: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Allow each stage so many seconds as *limits* say; call *on_overrun* once when one takes longer."""
        self._limits = dict(limits)
        self._on_overrun = on_overrun
        self._clock = clock
        self._steps: dict[int, Step] = {}
        self._overdue: dict[int, Step] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="step-watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    @contextmanager
    def step(self, subject_id: str, stage: Stage) -> Iterator[None]:
        """While the block runs, *subject_id* is at *stage*."""
        one = Step(subject_id=subject_id, stage=stage, began=self._clock())
        with self._lock:
            self._steps[id(one)] = one
        try:
            yield
        finally:
            with self._lock:
                del self._steps[id(one)]

    def look(self) -> None:
        """Notice what takes longer than its limit."""
        now = self._clock()
        with self._lock:
            late = {key: one for key, one in self._steps.items() if now - one.began > self.limit_of(one.stage)}
        fresh = late.keys() - self._overdue.keys()
        is_first = not self._overdue
        self._overdue.update(late)
        for key in fresh:
            self._tell(late[key])
        if fresh and is_first:
            self._on_overrun()

    def overdue(self) -> tuple[Step, ...]:
        """Steps that took longer than their limit and still go on."""
        with self._lock:
            return tuple(one for key, one in self._overdue.items() if key in self._steps)

    def limit_of(self, stage: Stage) -> float:
        """Seconds that *stage* may take."""
        return self._limits.get(stage, float("inf"))

    def _tell(self, step: Step) -> None:
        _LOG.error(
            "A step takes longer than its limit; this process is started anew.",
            action="step_overrun",
            stage=step.stage.value,
            seconds=self.limit_of(step.stage),
        )

    def _loop(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            self.look()
