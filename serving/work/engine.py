"""The seam to the durable engine: a run that was begun is finished, also over a crash."""

from collections.abc import Callable, Collection, Mapping
from enum import Enum
from typing import Protocol


class RunKind(Enum):
    """What a durable run does."""

    #: Analyse one work item.
    ANALYSE = "analyse"
    #: Send one delivery.
    DELIVER = "deliver"


#: Does the work of one run, given the subject's id; must bear being called again for the same id after a crash.
Handler = Callable[[str], None]


class WorkEngine(Protocol):
    """Begins runs and finishes them; knows ids, never pixels or patients."""

    def start(self, handlers: Mapping[RunKind, Handler]) -> None:
        """Open the engine and take up again every run of this node that a crash cut off."""

    def unfinished(self) -> Collection[str]:
        """Subject ids of this node's runs that were begun and not finished."""

    def run(self, kind: RunKind, run_id: str, subject_id: str) -> None:
        """Begin a run in the background; the same *run_id* for the same subject again joins it instead."""

    def stop(self, timeout_seconds: float) -> None:
        """Let running work finish for at most *timeout_seconds*; the rest is taken up at the next start."""


class InlineEngine:
    """A WorkEngine without durability that works in the caller's thread; for tests."""

    def __init__(self) -> None:
        """Remember which runs were begun."""
        self._handlers: Mapping[RunKind, Handler] = {}
        #: Ids of the runs begun so far.
        self.begun: list[str] = []

    def start(self, handlers: Mapping[RunKind, Handler]) -> None:
        """Keep the handlers."""
        self._handlers = handlers

    def unfinished(self) -> Collection[str]:
        """Nothing: every run ends before ``run`` returns."""
        return ()

    def run(self, kind: RunKind, run_id: str, subject_id: str) -> None:
        """Do the work now, once for each subject and *run_id*."""
        run = f"{kind.value}/{subject_id}/{run_id}"
        if run not in self.begun:
            self.begun.append(run)
            self._handlers[kind](subject_id)

    def stop(self, timeout_seconds: float) -> None:
        """Nothing to wait for."""
        del timeout_seconds
