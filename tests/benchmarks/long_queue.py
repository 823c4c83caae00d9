"""What a work item costs when few others wait, and when many do."""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from factories.nodes import Node, Site, open_site
from sqlalchemy import Engine, insert, make_url, select
from tables import print_row
from work_node import DESTINATIONS

from serving.records.database import open_database, reading, writing
from serving.records.migrate import migrate
from serving.records.schema import WORK_ITEM
from serving.work.engine import RunKind

_FEW = 100
#: Items of a round that is not timed, and of each that is: rounds with few and with many take turns.
_WARM_UP, _ITEMS, _ROUNDS = 30, 40, 8
#: Rows that are put into the queue in one transaction.
_ROWS = 5000
_SERVERS_OWN = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"


@dataclass(frozen=True, kw_only=True)
class _Round:
    """What one item took, on the average, in ms."""

    elapsed: float
    #: Of this process and of the connections' processes at the server.
    processor: float


@dataclass(kw_only=True)
class _Queue:
    """A site with so many items waiting."""

    site: Site
    row: dict[str, Any]
    numbers: Iterator[int] = field(default_factory=count)
    rounds: list[_Round] = field(default_factory=list)

    def add(self, number: int) -> None:
        """Let *number* more wait."""
        for begin in range(0, number, _ROWS):
            some = [f"{self.row['id']}.{one}" for one in islice(self.numbers, min(_ROWS, number - begin))]
            with writing(self.site.engine) as connection:
                connection.execute(insert(WORK_ITEM), [self.row | {"id": one, "case_id": one} for one in some])

    def work_off(self, number: int) -> _Round:
        """Claim, record and settle *number* of them in this process."""
        (node,) = self.site.nodes
        began, spent, done = time.perf_counter(), _processor_seconds(self.site.engine), 0
        while done < number:
            node.claim()
            while node.runs:
                run = node.runs[0]
                node.go_on(run)
                done += run.kind is RunKind.DELIVER
                if not node.runs:
                    node.starter.start_deliveries()
        used = _processor_seconds(self.site.engine) - spent
        return _Round(elapsed=(time.perf_counter() - began) * 1e3 / done, processor=used * 1e3 / done)


def print_queues(directory: Path, databases: Mapping[str, str], waiting: int) -> None:
    """Few and *waiting* items in turns; medians of the rounds."""
    print_row("claim to done, ms an item", f"{_FEW} waiting", f"{waiting:,} waiting", "ratio", "range of ratios")
    print_row(*["---"] * 5)
    for name, url in databases.items():
        queues = [_queued(directory / f"{name}-{number}", url, number) for number in (_FEW, waiting)]
        for queue in queues * _ROUNDS:
            queue.add(_ITEMS)
            queue.rounds.append(queue.work_off(_ITEMS))
        for what in ("elapsed", "processor"):
            few, many = ([getattr(one, what) for one in queue.rounds] for queue in queues)
            ratios = [large / small for small, large in zip(few, many, strict=True)]
            figures = (f"{median(few):.1f}", f"{median(many):.1f}", f"{median(many) / median(few):.2f}")
            print_row(f"{name}, {what}", *figures, f"{min(ratios):.2f} to {max(ratios):.2f}")
        for queue in queues:
            queue.site.engine.dispose()


def _queued(directory: Path, url: str, number: int) -> _Queue:
    directory.mkdir()
    engine = open_database(_own(url, number) if url else f"sqlite:///{directory / 'varsel.db'}")
    migrate(engine)
    site = open_site(directory, names=(), engine=engine)
    site.destinations = DESTINATIONS
    first = site.queue(f"first-{number}-{os.getpid()}", 1)
    with reading(engine) as connection:
        row = dict(connection.execute(select(WORK_ITEM).where(WORK_ITEM.c.id == first)).mappings().one())
    queue = _Queue(site=site, row=row)
    queue.add(number + _WARM_UP - 1)
    _tidy(engine)
    site.nodes = [Node(site, f"queue-{number}")]
    queue.work_off(_WARM_UP)
    return queue


def _own(url: str, number: int) -> str:
    """An empty database of the queue's own at the server of *url*."""
    engine = open_database(url)
    with reading(engine) as connection:
        connection.exec_driver_sql(f"CREATE DATABASE queue_{number}")
    engine.dispose()
    return make_url(url).set(database=f"queue_{number}").render_as_string(hide_password=False)


def _tidy(engine: Engine) -> None:
    """What the database does by itself in time after so many new rows."""
    connection = engine.raw_connection()
    driver: Any = connection.driver_connection
    connection.detach()
    if engine.dialect.name == "sqlite":
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    else:
        driver.autocommit = True
        driver.execute("VACUUM ANALYZE")
    driver.close()


def _processor_seconds(engine: Engine) -> float:
    processes = [psutil.Process()]
    if engine.dialect.name == "postgresql":
        with reading(engine) as connection:
            processes += [psutil.Process(pid) for pid in connection.exec_driver_sql(_SERVERS_OWN).scalars()]
    return float(sum(sum(process.cpu_times()[:2]) for process in processes))
