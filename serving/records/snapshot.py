"""The database as one file at one moment, taken while others write, and put back where there is none."""

import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Column, ColumnElement, Engine, String, and_, func, inspect, literal, make_url, select, update

from serving.errors import SnapshotError
from serving.records.database import open_database, reading, translated, writing
from serving.records.schema import INSTANCE, METADATA, REFUSAL, RESULT

_SQLITE_MAGIC = b"SQLite format 3\0"
#: Every column that names a file of the site.
_PATHS = (INSTANCE.c.path, REFUSAL.c.path, RESULT.c.path)


def take_snapshot(url: str, target: Path) -> None:
    """Write the database at *url* to the new file *target*: SQLite's own copy, or a dump of PostgreSQL.

    Both are taken within one read transaction: what others commit meanwhile is in it whole or not at all.

    Raises:
        SnapshotError: the database is not there, or its own tool refused.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        copy_sqlite(Path(parsed.database or ""), target)
    else:
        with _libpq(url) as database:
            _run("pg_dump", ["--format=custom", "--no-owner", f"--file={target}", f"--dbname={database}"])


def copy_sqlite(source: Path, target: Path) -> None:
    """A copy of an SQLite file that others may be writing to, without its log."""
    if not source.is_file():
        raise SnapshotError(f"there is no database at '{source}'; name the settings of a site that has run")
    if not is_sqlite(source):
        raise SnapshotError(f"'{source}' is not an SQLite database; the settings name another file than they should")
    with closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))


def is_sqlite(path: Path) -> bool:
    """Whether the file at *path* begins as SQLite's do (sqlite.org/fileformat.html, 1.3)."""
    with path.open("rb") as file:
        return file.read(len(_SQLITE_MAGIC)) == _SQLITE_MAGIC


def demand_no_tables(url: str) -> None:
    """See that the database at *url* is empty, or not there.

    Raises:
        SnapshotError: it holds something.
        DatabaseDownError: it cannot be reached.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if Path(parsed.database or "").exists():
            raise SnapshotError(f"there is a database at '{parsed.database}' already; restore where there is none")
    elif _has_tables(url):
        raise SnapshotError("the database in the settings has Varsel's tables already; restore into an empty one")


def load_snapshot(url: str, source: Path) -> None:
    """Make the database at *url*, which must be empty, from the file *source*.

    Raises:
        SnapshotError: there is a database already, or its own tool refused.
    """
    demand_no_tables(url)
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        target = Path(parsed.database or "")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        return
    with _libpq(url) as database:
        _run("pg_restore", ["--no-owner", "--single-transaction", f"--dbname={database}", source])


def file_paths(engine: Engine) -> frozenset[str]:
    """Every file that the database says is here, as it is written there; what was cleared away is not."""
    with reading(engine) as connection:
        found = [set(connection.scalars(select(column).where(_is_here(column)))) for column in _PATHS]
    return frozenset().union(*found)


def move_paths(engine: Engine, old_root: str, new_root: str) -> None:
    """Let every path that begins with *old_root* begin with *new_root*."""
    with writing(engine) as connection:
        for column in _PATHS:
            begins = column.startswith(f"{old_root}/", autoescape=True)
            moved = literal(new_root, String).concat(func.substr(column, len(old_root) + 1))
            connection.execute(update(column.table).where(begins).values({column: moved}))


def _is_here(path: Column[str]) -> ColumnElement[bool]:
    return and_(path != "", path.table.c.cleared_at.is_(None))


def _has_tables(url: str) -> bool:
    engine = open_database(url)
    try:
        with translated(engine):
            return not METADATA.tables.keys().isdisjoint(inspect(engine).get_table_names())
    finally:
        engine.dispose()


@contextmanager
def _libpq(url: str) -> Iterator[str]:
    """*url* as PostgreSQL's own programs take it; its password in a file, since every user can list command lines."""
    parsed = make_url(url)
    plain = parsed.set(drivername="postgresql", password=None)
    with tempfile.NamedTemporaryFile("w", prefix="varsel-", encoding="utf-8") as passwords:
        secret = str(parsed.password or "").replace("\\", "\\\\").replace(":", "\\:")
        passwords.write(f"*:*:*:*:{secret}\n")
        passwords.flush()
        yield plain.update_query_dict({"passfile": passwords.name}).render_as_string(hide_password=False)


def _run(program: str, arguments: Sequence[str | Path]) -> None:
    found = shutil.which(program)
    if found is None:
        raise SnapshotError(
            f"'{program}' is not installed; install PostgreSQL's client programs, of the server's version"
        )
    done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)  # own list
    if done.returncode != 0:
        # The program's words may quote a row; its exit code may not.
        raise SnapshotError(f"'{program}' ended with code {done.returncode}; look in the server's log for the reason")
