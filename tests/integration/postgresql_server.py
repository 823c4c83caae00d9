"""A private PostgreSQL for tests; absent, they skip with words."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from peers import free_ports

_PROGRAMS = Path("/usr/lib/postgresql/15/bin")


@dataclass(frozen=True, kw_only=True)
class PostgresqlPeer:
    """A running PostgreSQL."""

    #: Where its empty database is.
    url: str
    #: How it is told to start, stop and so on.
    control: Sequence[object]

    def restart(self) -> None:
        """End it as a crash would, and start it; returns when it takes connections."""
        _run([*self.control, "-m", "immediate", "-w", "restart"])


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a server with an empty database."""
    with running_postgresql() as peer:
        yield peer.url


@contextmanager
def running_postgresql() -> Iterator[PostgresqlPeer]:
    """A server of a test's own; PostgreSQL refuses root, so root runs it as ``postgres``."""
    if not (_PROGRAMS / "initdb").exists():
        pytest.skip("PostgreSQL 15 is not installed (apt-get install postgresql)")
    (port,) = free_ports(1)
    directory = Path("/tmp") / f"varsel-pg-{os.getpid()}-{port}"
    directory.mkdir()
    as_user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(directory, pwd.getpwnam("postgres").pw_uid)
        as_user = ["runuser", "-u", "postgres", "--"]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={directory} -c fsync=off"
    data = directory / "data"
    _run([*as_user, _PROGRAMS / "initdb", "-D", data, "-A", "trust", "-U", "varsel", "--no-sync"])
    control = (*as_user, _PROGRAMS / "pg_ctl", "-D", data, "-l", directory / "log", "-o", options)
    _run([*control, "-w", "start"])
    try:
        yield PostgresqlPeer(url=f"postgresql+psycopg://varsel@127.0.0.1:{port}/postgres", control=control)
    finally:
        _run([*control, "-m", "immediate", "stop"])
        shutil.rmtree(directory)


def _run(command: Sequence[object]) -> None:
    subprocess.run([str(one) for one in command], check=True, stdout=subprocess.DEVNULL, timeout=60)
