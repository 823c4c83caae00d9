"""The migrations make the tables that the code expects."""

import threading
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from serving.records.database import open_database
from serving.records.migrate import Tables, migrate, step_back, tables_of
from serving.records.schema import METADATA


def test_the_migrations_end_where_the_schema_stands(tmp_path: Path):
    engine = open_database(f"sqlite:///{tmp_path / 'varsel.db'}")
    migrate(engine)

    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)
    engine.dispose()

    assert differences == []


def test_the_tables_go_back_step_by_step_to_the_first_and_forward_again(tmp_path: Path):
    engine = open_database(f"sqlite:///{tmp_path / 'varsel.db'}")
    migrate(engine)

    steps = list(iter(lambda: step_back(engine), None))
    first = tables_of(engine)
    migrate(engine)
    last = tables_of(engine)
    engine.dispose()

    assert steps == sorted(steps, reverse=True)
    assert steps[-1] == "0001"
    assert (first, last) == (Tables.OLDER, Tables.CURRENT)


def test_processes_that_start_together_migrate_once(tmp_path: Path):
    engines = [open_database(f"sqlite:///{tmp_path / 'varsel.db'}") for _ in range(4)]
    threads = [threading.Thread(target=migrate, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    tables = inspect(engines[0]).get_table_names()
    for engine in engines:
        engine.dispose()

    assert set(METADATA.tables) < set(tables)
