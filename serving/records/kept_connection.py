"""The driver's own connection, for what is written with every object received."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, PoolProxiedConnection

from serving.errors import DatabaseDownError


class KeptConnection:
    """Transactions as `serving.records.database.writing` makes them, on the connection of the driver (PEP 249).

    For `Prepared` statements: what SQLAlchemy puts around a connection takes more of the processor than the two
    statements that an object needs. On SQLite the connection is kept as well, since taking one from the pool and giving
    it back costs as much again; a server may end one at any time, and its pool knows.
    """

    def __init__(self, engine: Engine) -> None:
        """Connect to the database of *engine* when it is first needed."""
        self._engine = engine
        # A text that no driver can write must not end the thread that writes for all.
        self._errors: tuple[type[Exception], ...] = (engine.dialect.loaded_dbapi.Error, UnicodeEncodeError)
        self._is_kept = engine.dialect.name == "sqlite"
        self._lock = threading.Lock()
        self._connection: PoolProxiedConnection | None = None

    @contextmanager
    def writing(self) -> Iterator[Any]:
        """A transaction: committed when the block ends, rolled back when it raises. One at a time.

        Raises:
            DatabaseDownError: the database refused or could not be reached; the next transaction connects anew.
        """
        with self._lock:
            is_over = False
            try:
                driver = self._begin()
                yield driver
                driver.commit()
                is_over = True
            except self._errors as error:
                # Only its class: the driver's text may quote bound values, which may be a patient's.
                raise DatabaseDownError(
                    f"the database refused or could not be reached ({type(error).__name__}); nothing was taken"
                ) from None
            finally:
                if not (is_over and self._is_kept):
                    self._give_back()

    def _begin(self) -> Any:
        if self._connection is None:
            self._connection = self._connect()
        driver: Any = self._connection.driver_connection
        if self._is_kept:
            driver.execute("BEGIN IMMEDIATE")
        return driver

    def _connect(self) -> PoolProxiedConnection:
        connection = self._engine.raw_connection()
        if self._is_kept:
            synchronous = self._engine.get_execution_options().get("synchronous", "FULL")
            driver: Any = connection.driver_connection
            driver.execute(f"PRAGMA synchronous={synchronous}")
            connection.info["synchronous"] = synchronous
        return connection

    def close(self) -> None:
        """Give back what is kept; the next transaction connects anew."""
        with self._lock:
            self._give_back()

    def _give_back(self) -> None:
        # The pool rolls back what was not committed.
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
