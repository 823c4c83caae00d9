"""Runs one process until it is told to stop."""

import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn, Protocol

import structlog
from sqlalchemy import Engine, select

from serving.allocator import give_back_freed, settle_names
from serving.errors import DatabaseDownError
from serving.processes.notify import Notifier
from serving.records.database import open_database, reading
from serving.records.migrate import migrate
from serving.records.schema import STUDY
from serving.settings.file import Settings
from serving.settings.supervision import notify_address
from serving.telemetry.health import Health

_LOG = structlog.get_logger(__name__)
#: How often systemd hears that all is well; WatchdogSec is many times that.
_SIGN_OF_LIFE_SECONDS = 5.0


class Process(Protocol):
    """Something that runs in the background between its two verbs."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End, letting running work finish within a limit."""


def run_until_told(process: Process, health: Health | None = None) -> None:
    """Run *process* until SIGTERM or SIGINT; *health* is told how far it is, and systemd how it is."""
    told_to_stop = threading.Event()
    health, notifier = health or Health(), Notifier(notify_address())

    def on_signal(number: int, frame: FrameType | None) -> None:
        del number, frame
        told_to_stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    process.start()
    settle_names()
    health.started()
    notifier.ready()
    _LOG.info("Ready.", action="ready")
    while not told_to_stop.wait(_SIGN_OF_LIFE_SECONDS):
        give_back_freed()
        # Only who is well says so: systemd starts anew who falls silent.
        if not health.why_not_alive():
            notifier.alive()
    health.stopping()
    notifier.stopping()
    _LOG.info("Stopping.", action="stopping")
    process.stop()


def end_at_once(code: int) -> NoReturn:
    """End this process although threads of it are stuck, which Python itself would wait for."""
    _LOG.error("Work that will not end is left behind.", action="left_behind", status=code)
    sys.stderr.flush()
    os._exit(code)


def demand_database(health: Health, engine: Engine) -> None:
    """Without its database this process can do nothing."""

    def check() -> str:
        try:
            with reading(engine) as connection:
                connection.execute(select(STUDY.c.study_uid).limit(1))
        except DatabaseDownError as error:
            return str(error)
        return ""

    health.demand_ready(check)


def stop_this_process() -> None:
    """Stop as on SIGTERM, from any thread; whoever supervises begins a new process."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


def open_own_database(settings: Settings) -> Engine:
    """The site's database, with the tables of this version."""
    engine = open_database(settings.database_url)
    migrate(engine)
    return engine
