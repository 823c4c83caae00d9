"""One way to open the database, SQLite or PostgreSQL."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from serving.errors import DatabaseDownError
from serving.records import fence
from serving.records.ended_connections import renew_ended

#: Makes a transaction as `writing` does.
Transaction = Callable[[Engine], AbstractContextManager[Connection]]
_SQLITE_PRAGMAS = (
    # Readers never wait for the writer, and a commit is on disk before it is acknowledged.
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA busy_timeout=30000",
    "PRAGMA foreign_keys=ON",
)
#: PostgreSQL ends a transaction whose process has gone silent in its midst (frozen, cut off), so that the rows it holds
#: come free; and nobody waits for a row for ever.
_POSTGRESQL_LIMITS = "SET idle_in_transaction_session_timeout = '5s'; SET lock_timeout = '30s'"
#: Who reads needs no transaction on PostgreSQL, where each statement sees the newest state anyway (READ COMMITTED), and
#: its beginning and end are a round trip each. On SQLite all that one reader reads is of one moment.
_READING = {"sqlite": {}, "postgresql": {"isolation_level": "AUTOCOMMIT"}}


def open_database(url: str) -> Engine:
    """An engine on *url*; an SQLite file's directory is made when missing."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        # The connection that was used last knows the most statements by heart.
        engine = create_engine(url, pool_use_lifo=True)
        event.listen(engine, "connect", _prepare_postgresql)
        renew_ended(engine)
        return engine
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
    del record
    # SQLAlchemy shall say BEGIN itself: the driver's own late BEGIN upgrades a read lock in mid-transaction,
    # which fails at once ("database is locked") instead of waiting.
    connection.isolation_level = None
    if connection.execute("PRAGMA page_count").fetchone() == (0,):
        # Can be said to an empty file only: its free pages can then be given back to the disk (`compaction`).
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    for pragma in _SQLITE_PRAGMAS:
        connection.execute(pragma)


def _begin_immediate(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("read_only", False):
        connection.exec_driver_sql("BEGIN")
        return
    # A connection goes from hand to hand; each transaction says for itself whether its commit waits for the disk.
    synchronous = options.get("synchronous", "FULL")
    if connection.info.get("synchronous") != synchronous:
        connection.exec_driver_sql(f"PRAGMA synchronous={synchronous}")
        connection.info["synchronous"] = synchronous
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _prepare_postgresql(connection: Any, record: ConnectionPoolEntry) -> None:
    del record
    connection.execute(_POSTGRESQL_LIMITS)
    connection.commit()


def without_waiting_for_the_disk(engine: Engine) -> Engine:
    """*engine* for rows that can be written again from files after a power cut.

    On SQLite its commits do not wait for the disk; nothing is lost when the process is killed.
    """
    return engine.execution_options(synchronous="NORMAL")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection for reading only; on SQLite it never waits for a writer."""
    options = _READING[engine.dialect.name]
    with translated(engine), engine.connect().execution_options(read_only=True, **options) as connection:
        yield connection


@contextmanager
def reading_in_parts(engine: Engine) -> Iterator[Connection]:
    """As `reading`, for an answer read part by part (``yield_per``): PostgreSQL keeps it while a transaction lasts."""
    with translated(engine), engine.connect().execution_options(read_only=True) as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction: committed when the block ends, rolled back when it raises.

    Raises:
        FencedError: *engine* writes under a lease, and that is lost.
    """
    with translated(engine), engine.begin() as connection:
        fence.demand(connection)
        yield connection


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Turns what the driver of *engine* raises into our own error.

    Raises:
        DatabaseDownError: the database refused or could not be reached.
    """
    try:
        yield
    except DBAPIError as error:
        raise _down(error.orig) from None
    except (engine.dialect.loaded_dbapi.Error, UnicodeEncodeError) as error:
        # Of a `Statement`, which goes to the driver without SQLAlchemy; or a text that no driver can write.
        raise _down(error) from None


def _down(error: BaseException | None) -> DatabaseDownError:
    # The driver's text may quote bound values, which may be a patient's; only its class is passed on.
    kind = type(error).__name__
    return DatabaseDownError(f"the database refused or could not be reached ({kind}); nothing was taken")
