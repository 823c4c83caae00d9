"""The durable engine on DBOS: SQLite file or PostgreSQL, ids only, JSON only.

DBOS keeps each begun run and re-runs it after a crash; our own tables hold the order of work, the attempts and the
ledger (docs/decisions/0002). What a run does must therefore bear being done again.

The commits of DBOS do not wait for the disk. A power cut may take its newest rows back, never an older one and never
one of ours that is older: a claim whose run is forgotten is put back by the dispatcher, and a run whose end is
forgotten finds its work done.
"""

import sqlite3
from collections.abc import Collection, Mapping
from contextvars import Context
from typing import Any

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from serving.errors import DatabaseDownError
from serving.records.ended_connections import renew_ended
from serving.work.engine import Handler, RunKind

#: Raised only when a run of the old number could not be finished by the new code: by default DBOS hashes the
#: source, so that any edit would strand the work in flight.
APPLICATION_VERSION = "1"
#: A run that takes its process down more often than this is given up by the engine and settled by our own counter.
_MAXIMUM_RECOVERIES = 5
#: Connections to PostgreSQL at most: what DBOS itself sets.
_CONNECTIONS = 20


class DbosEngine:
    """Implements ``WorkEngine`` on DBOS; one a process, since DBOS itself is a process-wide singleton."""

    def __init__(self, database_url: str, node: str) -> None:
        """Keep runs in the database at *database_url*; *node* must stay the same over restarts."""
        self._engine = _open_engine(database_url)
        self._config: DBOSConfig = {
            "name": "varsel",
            "system_database_url": database_url,
            "system_database_engine": self._engine,
            "executor_id": node,
            # What a crash cut off goes through a queue of DBOS from which every node of the same version takes. Another
            # than the one that claimed it would do nothing with the run, and its claim wait for it for ever.
            "application_version": f"{APPLICATION_VERSION}@{node}",
            "serializer": DBOSPortableJSONSerializer(),
            "log_level": "WARNING",
            "enable_otlp": False,
        }
        self._workflows: dict[RunKind, Any] = {}
        self._unfinished: Collection[str] = ()

    def start(self, handlers: Mapping[RunKind, Handler]) -> None:
        """Open the engine; runs that a crash cut off are begun again at once."""
        DBOS(config=self._config)
        self._workflows = {kind: _workflow(kind, handler) for kind, handler in handlers.items()}
        DBOS.launch()
        # Runs of another version are not taken up: they are no reason to wait.
        open_runs = DBOS.list_workflows(
            status=["PENDING", "ENQUEUED"],
            executor_id=self._config["executor_id"],
            app_version=self._config["application_version"],
            load_output=False,
        )
        self._unfinished = frozenset(run.workflow_id.split("/")[1] for run in open_runs)

    def unfinished(self) -> Collection[str]:
        """Subject ids that were begun, not finished, and are being taken up again."""
        return self._unfinished

    def run(self, kind: RunKind, run_id: str, subject_id: str) -> None:
        """Begin a run in a thread of its own; the same *run_id* again joins it."""
        try:
            # In a context of its own: begun by another run, it would be written down as a step of that one too.
            Context().run(self._begin, kind, run_id, subject_id)
        except SQLAlchemyError as error:
            raise DatabaseDownError(f"a run could not be begun ({type(error).__name__})") from error

    def _begin(self, kind: RunKind, run_id: str, subject_id: str) -> None:
        with SetWorkflowID(f"{kind.value}/{subject_id}/{run_id}"):
            DBOS.start_workflow(self._workflows[kind], subject_id)

    def stop(self, timeout_seconds: float) -> None:
        """Let running work finish for at most *timeout_seconds*."""
        DBOS.destroy(workflow_completion_timeout_sec=int(timeout_seconds), destroy_registry=True)
        self._engine.dispose()


def _open_engine(database_url: str) -> Engine:
    """As DBOS would open it, but that commits do not wait."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url)
        event.listen(engine, "connect", _prepare_sqlite)
        return engine
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=_CONNECTIONS,
        max_overflow=0,
        pool_use_lifo=True,
        connect_args={"connect_timeout": 10, "application_name": "dbos"},
    )
    event.listen(engine, "connect", _prepare_postgresql)
    renew_ended(engine)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
    del record
    connection.isolation_level = "IMMEDIATE"
    for pragma in ("busy_timeout=30000", "foreign_keys=ON", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}")


def _prepare_postgresql(connection: Any, record: ConnectionPoolEntry) -> None:
    del record
    connection.execute("SET synchronous_commit TO off; SET idle_in_transaction_session_timeout TO '60s'")
    connection.commit()


def _workflow(kind: RunKind, handler: Handler) -> Any:
    """*handler* as a workflow without steps: its end alone tells that it need not be done again.

    A step around it would tell the same, a commit and a look into the database later.
    """

    def run(subject_id: str) -> None:
        # DBOS marks the function it is given, which a bound method does not bear.
        handler(subject_id)

    return DBOS.workflow(name=f"varsel.{kind.value}", max_recovery_attempts=_MAXIMUM_RECOVERIES)(run)
