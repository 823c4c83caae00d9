"""Room that deleted rows leave in the database file goes back to the disk."""

from sqlalchemy import Engine

from serving.records.database import writing

#: Pages given back in one transaction: some milliseconds, so that nobody waits long.
_PAGES = 500


def compact(engine: Engine) -> int:
    """Give free pages of an SQLite file back, a little at a time: how many bytes. PostgreSQL looks after itself.

    A file from before this was begun keeps its pages for later rows until it is compacted as a whole (`compact_whole`).
    """
    if engine.dialect.name != "sqlite":
        return 0
    freed = 0
    while pages := _give_back(engine):
        freed += pages
    return freed


def compact_whole(engine: Engine) -> int:
    """Write an SQLite file anew, without gaps, and able to be compacted from then on: how many bytes became free.

    Others that write meanwhile wait; needs as much free space as the file has.
    """
    if engine.dialect.name != "sqlite":
        return 0
    with engine.connect() as connection:
        # VACUUM works outside a transaction only, which SQLAlchemy always begins.
        raw = connection.connection.driver_connection
        assert raw is not None  # noqa: S101  # a connection that is open has one
        connection.rollback()
        before = _size(raw)
        raw.execute("PRAGMA auto_vacuum=INCREMENTAL")
        raw.execute("VACUUM")
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return before - _size(raw)


def _give_back(engine: Engine) -> int:
    with writing(engine) as connection:
        before = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
        cursor = connection.connection.cursor()
        # Each step gives a page back, and SQLAlchemy takes but one: the rows have no columns.
        cursor.execute(f"PRAGMA incremental_vacuum({_PAGES})")
        cursor.fetchall()
        cursor.close()
        after = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
        size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    return int((before - after) * size)


def _size(raw: object) -> int:
    ((pages,),) = raw.execute("PRAGMA page_count").fetchall()  # type: ignore[attr-defined]  # the driver's own
    ((size,),) = raw.execute("PRAGMA page_size").fetchall()  # type: ignore[attr-defined]  # the driver's own
    return int(pages * size)
