"""Statements about many rows, put to the driver several at a time."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    Column,
    ColumnElement,
    Dialect,
    Integer,
    Select,
    SelectLabelStyle,
    String,
    Table,
    Text,
    any_,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    null,
    select,
    union_all,
)
from sqlalchemy.sql.expression import ClauseElement
from sqlalchemy.types import TypeEngine

from serving.records.prepared import Prepared

_NOTHING: ColumnElement[Any] = literal_column("NULL")
#: A row by the names of its columns.
Row = dict[str, Any]


def at_once(driver: Any) -> AbstractContextManager[Any]:
    """A block whose statements go to the server together; what they answer can be read after it.

    psycopg does not wait for one answer before it sends the next (libpq's pipeline mode); SQLite has no server.
    """
    return driver.pipeline() if hasattr(driver, "pipeline") else nullcontext()


def is_among(key: Column[Any], name: str, dialect: Dialect) -> ColumnElement[bool]:
    """That *key* is one of a list, which is the value *name*: one text however long the list, so it is made once."""
    if dialect.name == "postgresql":
        return key == any_(bindparam(name, type_=ARRAY(String)))
    listed = func.json_each(bindparam(name, type_=JSON)).table_valued("value")
    return key.in_(select(listed.c.value))


@dataclass(frozen=True, kw_only=True)
class _Part:
    """Where the columns of one table lie in a row of a `Question`'s answer."""

    table: str
    names: Sequence[str]
    where: slice
    #: What makes values of the driver ours, by name.
    readers: Sequence[tuple[str, Callable[[Any], Any]]]

    def row(self, found: Sequence[Any]) -> Row:
        row = dict(zip(self.names, found[self.where], strict=True))
        for name, read in self.readers:
            row[name] = read(row[name])
        return row


class Question(Prepared):
    """Queries for all columns of one table each, put to the database as one.

    Each is about a few rows, and a statement more costs the driver and the database as much as those.
    """

    def __init__(self, queries: Sequence[tuple[Table, Select[Any]]], dialect: Dialect) -> None:
        """Make *queries*, each of a table, for *dialect*."""
        self._tables = list(dict.fromkeys(table for table, _ in queries))
        widened = [self._widened(*one, is_first=number == 0) for number, one in enumerate(queries)]
        super().__init__(union_all(*widened), dialect)
        self._parts = [self._part(number) for number in range(len(self._tables))]

    def rows(self, cursor: Any) -> dict[str, list[Row]]:
        """What *cursor*, the answer to it, found, by the name of the table."""
        found: dict[str, list[Row]] = {table.name: [] for table in self._tables}
        for values in cursor.fetchall():
            part = self._parts[values[0]]
            found[part.table].append(part.row(values))
        return found

    def _widened(self, table: Table, query: Select[Any], *, is_first: bool) -> Select[Any]:
        """*query* with the number of its table before its columns, and nothing in those of the others."""
        columns = [
            column if one is table else cast(null(), column.type) if is_first else _NOTHING
            for one in self._tables
            for column in one.c
        ]
        number = literal_column(str(self._tables.index(table)), Integer)
        # No names, and kinds only once: psycopg reads a text of more than 4,096 letters anew each time.
        return query.with_only_columns(number, *columns).set_label_style(SelectLabelStyle.LABEL_STYLE_NONE)

    def _part(self, number: int) -> _Part:
        table, before = self._tables[number], 1 + sum(len(one.c) for one in self._tables[:number])
        names = table.c.keys()
        readers = [(names[place - before], read) for place, read in self._readers if 0 <= place - before < len(names)]
        return _Part(table=table.name, names=names, where=slice(before, before + len(names)), readers=readers)


#: Makes a statement about one row, or about many, from what stands for the row's values by name.
StatementOf = Callable[[Mapping[str, ColumnElement[Any]]], ClauseElement]


class Order:
    """A statement that is made once for one database and done for many rows.

    PostgreSQL takes all rows as one JSON value and does it once: a statement a row costs it and psycopg five times as
    much. SQLite does it row by row, in this process.
    """

    def __init__(self, statement_of: StatementOf, columns: Mapping[str, TypeEngine[Any]], dialect: Dialect) -> None:
        """Make it for *dialect*; a row has *columns* by name."""
        self._takes_json = dialect.name == "postgresql"
        values = _columns_of_json(columns) if self._takes_json else _bound(columns)
        self._statement = _OfManyRows(statement_of(values), dialect)
        self._names = tuple(columns)

    def execute_many(self, driver: Any, rows: Sequence[Mapping[str, Any]]) -> None:
        """Do it for each of *rows* on a connection of the *driver*; for none, nothing."""
        if not rows:
            return
        if self._takes_json:
            wanted = [{name: row[name] for name in self._names} for row in rows]
            self._statement.execute(driver, {"rows": json.dumps(wanted, default=_written)})
        else:
            self._statement.execute_many(driver, rows)


class _OfManyRows(Prepared):
    def execute_many(self, driver: Any, rows: Sequence[Mapping[str, Any]]) -> None:
        driver.executemany(self._text, [self._values(row) for row in rows])

    def _values(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        converters = self._converters
        return tuple(converters[name](row[name]) if name in converters else row[name] for name in self._order)


def _bound(columns: Mapping[str, TypeEngine[Any]]) -> dict[str, ColumnElement[Any]]:
    return {name: bindparam(name, type_=kind) for name, kind in columns.items()}


def _columns_of_json(columns: Mapping[str, TypeEngine[Any]]) -> dict[str, ColumnElement[Any]]:
    rows = func.json_to_recordset(cast(bindparam("rows", type_=Text), JSON))
    given = rows.table_valued(*(column(name, kind) for name, kind in columns.items()))
    return dict(given.render_derived(with_types=True).c)


def _written(value: date) -> str:
    """A day, or a moment as `UtcDateTime` keeps it."""
    if not isinstance(value, datetime):
        return value.isoformat()
    if value.tzinfo is None:
        raise ValueError("a moment without a time zone was given; an aware datetime is required")
    # PostgreSQL overlooks the offset where none is asked for, and in UTC there is nothing to overlook.
    return (value if value.tzinfo is UTC else value.astimezone(UTC)).isoformat()
