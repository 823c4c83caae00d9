"""Statements of the line, made once and run in a transaction of SQLAlchemy by the driver below it."""

from collections import namedtuple
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from sqlalchemy import BindParameter, Column, ColumnElement, Connection, Table, bindparam, or_
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.expression import ClauseElement

from serving.records.prepared import Prepared


class Statement:
    """A statement whose text is found when it first runs on a kind of database; its values are given by name.

    SQLAlchemy puts a statement together anew each time, which takes 0.3 to 0.5 ms of the processor. The clause has no
    expanding parameters (``in_`` of a list): their number is part of the text.
    """

    def __init__(self, clause: ClauseElement) -> None:
        """Run *clause*."""
        #: What it does, as SQLAlchemy says it.
        self.clause = clause
        columns = getattr(clause, "exported_columns", ())
        self._row: Any = namedtuple("Row", [one.key for one in columns])  # type: ignore[misc]  # noqa: PYI024
        self._made: dict[str, Prepared] = {}

    def run(self, connection: Connection, **values: Any) -> int:
        """Do it: how many rows it concerned."""
        return int(self._execute(connection, values)[1].rowcount)

    def rows(self, connection: Connection, **values: Any) -> list[Any]:
        """What it found, with the names of the columns as attributes."""
        made, cursor = self._execute(connection, values)
        return [self._row(*made.read(found)) for found in cursor.fetchall()]

    def first(self, connection: Connection, **values: Any) -> Any:
        """The first row it found; None when it found none."""
        made, cursor = self._execute(connection, values)
        found = cursor.fetchone()
        return None if found is None else self._row(*made.read(found))

    def _execute(self, connection: Connection, values: dict[str, Any]) -> tuple[Prepared, Any]:
        made = self._made.get(connection.dialect.name)
        if made is None:
            made = self._made[connection.dialect.name] = Prepared(self.clause, connection.dialect)
        driver = connection.connection.driver_connection
        return made, made.execute(driver, values)


class Insertion(Statement):
    """Adds one row to a table; the number of a numbered row is left to the database."""

    def __init__(self, table: Table, *, unless_there: bool = False) -> None:
        """Add to *table*; a row whose key is taken is left out if *unless_there*, else an error."""
        columns = [one for one in table.columns if one is not table.autoincrement_column]
        # SQLite understands the same words.
        clause = postgresql.insert(table).values(setting(table, [one.name for one in columns]))
        super().__init__(clause.on_conflict_do_nothing() if unless_there else clause)
        self._names = frozenset(one.name for one in columns)
        self._defaults = {one.name: one.default for one in columns if one.default is not None}

    def add(self, connection: Connection, **values: Any) -> bool:
        """Add a row of *values*; where none is given, the default of the column, else NULL.

        False when it was left out.
        """
        if unknown := values.keys() - self._names:
            raise TypeError(f"no such columns: {sorted(unknown)}")
        given = {name: _value(default) for name, default in self._defaults.items()} | values
        return self.run(connection, **new_values(given)) > 0


def setting(table: Table, names: Iterable[str]) -> dict[Column[Any], BindParameter[Any]]:
    """For ``update(table).values(...)``: each column of *names* becomes the value of that name in `new_values`."""
    return {table.c[name]: bindparam(_new(name), type_=table.c[name].type) for name in names}


def new_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """*values* by column, under the names that `setting` gave them: SQLAlchemy keeps the columns' own to itself."""
    return {_new(name): value for name, value in values.items()}


def given(column: Column[Any], name: str = "") -> BindParameter[Any]:
    """A value of the kind of *column*, given as *name*, or as the column is named."""
    return bindparam(name or f"the_{column.name}", type_=column.type)


def is_one_of(column: Column[Any], members: Iterable[Enum]) -> ColumnElement[bool]:
    """That *column* holds the value of one of *members*, which are fixed."""
    return or_(*(column == one.value for one in members))


def _new(name: str) -> str:
    return f"new_{name}"


def _value(default: Any) -> Any:
    return default.arg(None) if default.is_callable else default.arg
