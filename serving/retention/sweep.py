"""One round of clearing away, over everything that has an end."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, func, select

from serving.records.database import reading
from serving.records.schema import STUDY
from serving.retention.broom import Broom, Clearable, Kind
from serving.retention.images import ImageBroom
from serving.retention.messages import MessageBroom
from serving.retention.refused import RefusedBroom
from serving.retention.results import ResultBroom
from serving.retention.runs import RunBroom
from serving.settings.retention import Retention
from serving.work.ended_runs import EndedRuns

#: So much later than the newest arrival the clock is believed at most: one that jumps ahead shall not empty the site.
_BELIEVED = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where a site keeps what is cleared."""

    #: Our tables.
    engine: Engine
    #: What the work engine keeps.
    runs: EndedRuns
    #: Bytes that were refused.
    refused_dir: Path
    #: Result objects and pictures.
    results_dir: Path


def brooms(places: Places, retention: Retention) -> dict[Kind, Broom]:
    """What clears each kind of thing; a kind that is kept for ever has none."""
    engine = places.engine
    failed = _days(retention.failed_images_days) or None
    made: dict[Kind, tuple[float, Callable[[timedelta], Broom]]] = {
        Kind.IMAGES: (retention.images_days, lambda keep: ImageBroom(engine, keep=keep, keep_failed=failed)),
        Kind.RESULTS: (retention.results_days, lambda keep: ResultBroom(engine, places.results_dir, keep)),
        Kind.REFUSED: (retention.refused_days, lambda keep: RefusedBroom(engine, places.refused_dir, keep)),
        Kind.MESSAGE: (retention.messages_days, lambda keep: MessageBroom(engine, keep)),
        Kind.RUNS: (retention.runs_days, lambda keep: RunBroom(places.runs, keep)),
    }
    return {kind: make(_days(days)) for kind, (days, make) in made.items() if days}


def believed_now(engine: Engine, now: datetime) -> datetime:
    """*now*, or a week after the newest arrival where that is earlier: then nothing new needs the room."""
    with reading(engine) as connection:
        newest = connection.scalar(select(func.max(STUDY.c.last_arrival_at)))
    return now if newest is None else min(now, newest + _BELIEVED)


def find_all(of: Iterable[Broom], now: datetime) -> Iterator[Clearable]:
    """Everything whose time is over at *now*."""
    for broom in of:
        yield from broom.find(now)


def _days(days: float) -> timedelta:
    return timedelta(days=days)
