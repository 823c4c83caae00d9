"""What the work engine keeps of ended runs; our own tables tell what came of them."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from serving.retention.broom import Clearable, Kind
from serving.work.ended_runs import EndedRuns


class RunBroom:
    """Lets the engine forget."""

    def __init__(self, runs: EndedRuns, keep: timedelta) -> None:
        """Keep what *runs* knows for *keep*."""
        self._runs = runs
        self._keep = keep

    def find(self, now: datetime) -> Iterable[Clearable]:
        """All of them as one; see `Broom.find`."""
        before = now - self._keep
        count = self._runs.count(before)
        if count:
            why = f"ended {self._keep.total_seconds() / 86400:g} days ago or earlier"
            yield Clearable(kind=Kind.RUNS, subject="ended runs", count=count, size_bytes=0, since=before, why=why)

    def clear(self, found: Clearable, now: datetime) -> int:
        """Forget them; see `Broom.clear`."""
        del found
        self._runs.forget(now - self._keep)
        return 0
