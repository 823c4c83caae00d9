"""What the engine keeps of runs that have ended; it never forgets by itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from dbos import DBOSClient, DBOSPortableJSONSerializer
from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError

from serving.errors import DatabaseDownError
from serving.records.database import open_database

_ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
_TABLE = "workflow_status"
#: Runs that are forgotten in one transaction.
_BATCH = 500


class EndedRuns:
    """Counts and forgets them; works beside a running engine, and where none has ever run."""

    def __init__(self, database_url: str) -> None:
        """Look in the database at *database_url*; nothing is opened yet."""
        self._database_url = database_url

    def count(self, before: datetime) -> int:
        """How many runs ended before *before*.

        Raises:
            DatabaseDownError: the database cannot be read.
        """
        with self._client() as client:
            return 0 if client is None else len(_ids(client, before, None))

    def forget(self, before: datetime) -> int:
        """Forget the runs that ended before *before*: how many.

        Raises:
            DatabaseDownError: the database cannot be written.
        """
        forgotten = 0
        with self._client() as client:
            while client is not None and (ids := _ids(client, before, _BATCH)):
                client.delete_workflows(ids)
                forgotten += len(ids)
        return forgotten

    @contextmanager
    def _client(self) -> Iterator[DBOSClient | None]:
        """None where no engine has ever made its tables."""
        try:
            if not self._has_tables():
                yield None
                return
            client = DBOSClient(
                system_database_url=self._database_url,
                serializer=DBOSPortableJSONSerializer(),
                retry_connection_errors=False,
            )
            try:
                yield client
            finally:
                client.destroy()
        except SQLAlchemyError as error:
            raise DatabaseDownError(f"ended runs could not be read ({type(error).__name__})") from error

    def _has_tables(self) -> bool:
        engine = open_database(self._database_url)
        try:
            schema = None if engine.dialect.name == "sqlite" else "dbos"
            return inspect(engine).has_table(_TABLE, schema=schema)
        finally:
            engine.dispose()


def _ids(client: DBOSClient, before: datetime, limit: int | None) -> list[str]:
    ended = client.list_workflows(
        status=_ENDED, completed_before=before.isoformat(), limit=limit, load_input=False, load_output=False
    )
    return [run.workflow_id for run in ended]
