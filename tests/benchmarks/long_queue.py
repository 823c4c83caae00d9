"""What a work item costs when few others wait, and when many do."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from factories.nodes import Node, Site, open_site
from sqlalchemy import Engine, insert, select
from tables import print_row
from work_node import DESTINATIONS

from serving.records.database import open_database, writing
from serving.records.migrate import migrate
from serving.records.schema import WORK_ITEM

_WARM_UP = 10
#: Items that the time is taken of; as many wait beside them at least.
_ITEMS = 100


def print_queues(directory: Path, databases: Mapping[str, str], waiting: int) -> None:
    """Claim, record and settle a hundred items in this process, with few and with *waiting* others."""
    print_row("ms an item, claim to done", "100 waiting", f"{waiting:,} waiting", "ratio")
    print_row(*["---"] * 4)
    for name, url in databases.items():
        spent = {}
        for number in (_ITEMS, waiting):
            site = _queued(directory / f"{name}-{number}", url, number + _WARM_UP)
            began = time.perf_counter()
            _work_off(site, _ITEMS)
            spent[number] = (time.perf_counter() - began) * 1e3 / _ITEMS
            site.engine.dispose()
        print_row(name, *(f"{one:.1f}" for one in spent.values()), f"{spent[waiting] / spent[_ITEMS]:.2f}")


def _queued(directory: Path, url: str, number: int) -> Site:
    directory.mkdir()
    engine = open_database(url or f"sqlite:///{directory / 'varsel.db'}")
    migrate(engine)
    site = open_site(directory, names=(), engine=engine)
    site.destinations = DESTINATIONS
    first = site.queue(f"first-{number}-{os.getpid()}", 1)
    with writing(engine) as connection:
        row = dict(connection.execute(select(WORK_ITEM).where(WORK_ITEM.c.id == first)).mappings().one())
        more = [row | {"id": f"{first}.{one}", "case_id": f"{first}.{one}"} for one in range(number - 1)]
        connection.execute(insert(WORK_ITEM), more)
    _tidy(engine)
    site.nodes = [Node(site, f"queue-{number}")]
    _work_off(site, _WARM_UP)
    return site


def _tidy(engine: Engine) -> None:
    """What the database does by itself in time after so many rows in one transaction."""
    connection = engine.raw_connection()
    driver: Any = connection.driver_connection
    connection.detach()
    if engine.dialect.name == "sqlite":
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    else:
        driver.autocommit = True
        driver.execute("VACUUM ANALYZE")
    driver.close()


def _work_off(site: Site, number: int) -> None:
    (node,) = site.nodes
    done = 0
    while done < number:
        node.claim()
        done += sum(run.kind.value == "deliver" for run in node.runs)
        for run in list(node.runs):
            node.go_on(run)
