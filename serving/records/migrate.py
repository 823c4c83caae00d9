"""Brings the database to the tables of this version; safe when several processes start at once."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from serving.errors import NewerTablesError
from serving.records.database import reading, translated

_MIGRATIONS = Path(__file__).parent / "migrations"
#: Any number will do, as long as every version uses the same.
_POSTGRESQL_LOCK = 8_214_773


class Tables(Enum):
    """What a database's tables are to this version."""

    #: There are none.
    ABSENT = "absent"
    #: An earlier version made them; `migrate` brings them up to date.
    OLDER = "older"
    #: They are this version's.
    CURRENT = "current"
    #: A later version made or changed them.
    NEWER = "newer"


def migrate(engine: Engine) -> None:
    """Upgrade the database of *engine* to the newest revision; one process at a time.

    Raises:
        DatabaseDownError: it refused or could not be reached.
        NewerTablesError: a later version has upgraded it.
    """
    with translated(engine), _alone(engine), engine.connect() as connection:
        _hold_server_lock(connection)
        demand_no_newer(_tables_in(connection))
        command.upgrade(_config(connection), "head")
        connection.commit()


def step_back(engine: Engine) -> str | None:
    """Take the tables of *engine* one step back; what only the newer ones can hold is lost.

    Returns:
        The step whose tables they are now; None when none stands before theirs, and they are as they were.

    Raises:
        DatabaseDownError: it refused or could not be reached.
        NewerTablesError: a later version has upgraded it, and only that knows the way back.
    """
    with translated(engine), _alone(engine), engine.connect() as connection:
        _hold_server_lock(connection)
        demand_no_newer(_tables_in(connection))
        earlier = _earlier(connection)
        if earlier is not None:
            command.downgrade(_config(connection), earlier)
            connection.commit()
    return earlier


def tables_of(engine: Engine) -> Tables:
    """What the tables of *engine* are to this version; changes nothing."""
    with reading(engine) as connection:
        return _tables_in(connection)


def demand_no_newer(tables: Tables) -> None:
    """Refuse *tables* that this version does not know.

    Raises:
        NewerTablesError: a later version made them.
    """
    if tables is Tables.NEWER:
        raise NewerTablesError


def _tables_in(connection: Connection) -> Tables:
    scripts = ScriptDirectory(str(_MIGRATIONS))
    found = MigrationContext.configure(connection).get_current_revision()
    if found is None:
        return Tables.ABSENT
    if found == scripts.get_current_head():
        return Tables.CURRENT
    return Tables.OLDER if found in {script.revision for script in scripts.walk_revisions()} else Tables.NEWER


def _earlier(connection: Connection) -> str | None:
    found = MigrationContext.configure(connection).get_current_revision()
    before = found and ScriptDirectory(str(_MIGRATIONS)).get_revision(found).down_revision
    return before if isinstance(before, str) else None


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """On SQLite a lock file beside the database: the schema check and the CREATEs are not one statement."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        yield
        return
    with Path(f"{engine.url.database}.migrate.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _hold_server_lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRESQL_LOCK})
