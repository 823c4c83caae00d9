"""Statements made once for one database and handed to its driver as they are."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Dialect, Float
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement


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
        columns = tuple(getattr(statement, "exported_columns", ()))
        #: Names of the columns of what it finds.
        self.columns = tuple(one.key for one in columns)
        # Both drivers give numbers as they are; for psycopg's SQLAlchemy would need the kind that only an answer has.
        kinds = {number: one.type for number, one in enumerate(columns) if not isinstance(one.type, Float)}
        readers = {number: kind.dialect_impl(dialect).result_processor(dialect, None) for number, kind in kinds.items()}
        self._readers = [(number, read) for number, read in readers.items() if read is not None]

    def execute(self, driver: Any, values: Mapping[str, Any]) -> Any:
        """The cursor (PEP 249) after the statement ran on a connection of the *driver* with *values* by name."""
        given = {**self._own, **values}
        for name, convert in self._converters.items():
            given[name] = convert(given[name])
        # Both drivers, sqlite3 and psycopg, let a connection execute.
        return driver.execute(self._text, tuple(map(given.__getitem__, self._order)) if self._order else given)

    def read(self, found: Any) -> list[Any]:
        """The values of *found*, a row of a cursor, as our columns have them."""
        values = list(found)
        for number, read in self._readers:
            values[number] = read(values[number])
        return values
