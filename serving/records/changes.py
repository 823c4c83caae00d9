"""Whether anything was committed since the last look, asked as cheaply as the database allows."""

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import PoolProxiedConnection

#: SQLite counts the commits of others; in PostgreSQL a transaction that has written leaves the snapshot when it ends.
_QUESTIONS = {"sqlite": "PRAGMA data_version", "postgresql": "SELECT pg_current_snapshot()::text"}
_EAGER_SECONDS = {"sqlite": 0.001, "postgresql": 0.005}


class ChangeDetector:
    """Asks one question of the database: tens of microseconds on SQLite, some hundred on PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        """Watch the database of *engine* on a connection of its own, from the thread that will look."""
        self._engine = engine
        self._question = _QUESTIONS[engine.dialect.name]
        #: How often it may be asked while something is going on: each answer of PostgreSQL is a round trip.
        self.eager_seconds = _EAGER_SECONDS[engine.dialect.name]
        self._errors = (DBAPIError, engine.dialect.loaded_dbapi.Error)
        self._connection: PoolProxiedConnection | None = None
        self._seen: Any = None

    def changed(self) -> bool:
        """Whether any other connection has committed since the last call; also where that cannot be asked."""
        try:
            if self._connection is None:
                self._connection = self._open()
            driver: Any = self._connection.dbapi_connection
            (answer,) = driver.execute(self._question).fetchone()
        except self._errors:
            # Whoever looks because of this finds out for himself that the database is away.
            self.close()
            return True
        seen, self._seen = self._seen, answer
        return bool(answer != seen)

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> PoolProxiedConnection:
        connection = self._engine.raw_connection()
        # It never goes back to the others: it asks outside of any transaction.
        connection.detach()
        if self._engine.dialect.name == "postgresql":
            driver: Any = connection.dbapi_connection
            driver.autocommit = True
        return connection
