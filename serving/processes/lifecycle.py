"""Runs one process until it is told to stop."""

import signal
import threading
from types import FrameType
from typing import Protocol

import structlog
from sqlalchemy import Engine

from serving.records.database import open_database
from serving.records.migrate import migrate
from serving.settings.file import Settings

_LOG = structlog.get_logger(__name__)


class Process(Protocol):
    """Something that runs in the background between its two verbs."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End, letting running work finish within a limit."""


def run_until_told(process: Process) -> None:
    """Run *process* until SIGTERM or SIGINT."""
    told_to_stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        del number, frame
        told_to_stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    process.start()
    _LOG.info("Ready.", action="ready")
    told_to_stop.wait()
    _LOG.info("Stopping.", action="stopping")
    process.stop()


def stop_this_process() -> None:
    """Stop as on SIGTERM, from any thread; whoever supervises begins a new process."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


def open_own_database(settings: Settings) -> Engine:
    """The site's database, with the tables of this version."""
    engine = open_database(settings.database_url)
    migrate(engine)
    return engine
