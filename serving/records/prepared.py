"""Statements made once for one database and handed to its driver as they are."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, CursorResult, Dialect
from sqlalchemy.sql.expression import ClauseElement


class Prepared:
    """A statement whose text and order of values are found once.

    For what runs with every object received: SQLAlchemy finds them anew with each execution, which takes more of the
    processor than SQLite needs to answer (0.20 ms against 0.10).
    """

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        """Make *statement*, which has no expanding parameters, for *dialect*."""
        compiled = dialect.statement_compiler(dialect, statement)
        self._text = str(compiled)
        #: Names by position; none where the driver takes values by name.
        self._order = tuple(compiled.positiontup or ())
        self._own = dict(compiled.params)
        types = {name: compiled.binds[name].type.dialect_impl(dialect) for name in self._own}
        self._converters = {
            name: converter for name, kind in types.items() if (converter := kind.bind_processor(dialect))
        }

    def execute(self, connection: Connection, values: Mapping[str, Any]) -> CursorResult[Any]:
        """Execute it on *connection* with *values* by the names of its parameters."""
        given = {**self._own, **values}
        for name, convert in self._converters.items():
            given[name] = convert(given[name])
        if self._order:
            return connection.exec_driver_sql(self._text, tuple(given[name] for name in self._order))
        return connection.exec_driver_sql(self._text, given)
