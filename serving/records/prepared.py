"""Statements made once for one database and handed to its driver as they are."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement

from serving.errors import DatabaseDownError


class Prepared:
    """A statement whose text and order of values are found once.

    For what runs with every object received: SQLAlchemy finds them anew with each execution and wraps what comes back,
    which takes more of the processor than SQLite needs to answer.
    """

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        """Make *statement*, which has no expanding parameters, for *dialect*."""
        compiled: SQLCompiler = dialect.statement_compiler(dialect, statement)
        self._text = str(compiled)
        #: Names by position; none where the driver takes values by name.
        self._order = tuple(compiled.positiontup or ())
        self._own = dict(compiled.params)
        types = {name: compiled.binds[name].type.dialect_impl(dialect) for name in self._own}
        self._converters = {
            name: converter for name, kind in types.items() if (converter := kind.bind_processor(dialect))
        }
        self._error: type[Exception] = dialect.loaded_dbapi.Error

    def execute(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """The driver's cursor (PEP 249) after the statement ran on *connection* with *values* by name.

        Raises:
            DatabaseDownError: the database refused or could not be reached.
        """
        given = {**self._own, **values}
        for name, convert in self._converters.items():
            given[name] = convert(given[name])
        try:
            # Both drivers, sqlite3 and psycopg, let a connection execute.
            driver: Any = connection.connection.driver_connection
            return driver.execute(self._text, tuple(given[name] for name in self._order) if self._order else given)
        except self._error as error:
            # The driver's text may quote bound values, which may be a patient's.
            kind = type(error).__name__
            raise DatabaseDownError(f"the database refused or could not be reached ({kind})") from None
