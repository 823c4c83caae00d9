"""A private PostgreSQL for tests; absent, they skip with words."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from peers import free_ports

_PROGRAMS = Path("/usr/lib/postgresql/15/bin")


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a server with an empty database; PostgreSQL refuses root, so root runs it as ``postgres``."""
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
    _run([*as_user, _PROGRAMS / "pg_ctl", "-D", data, "-l", directory / "log", "-w", "-o", options, "start"])
    try:
        yield f"postgresql+psycopg://varsel@127.0.0.1:{port}/postgres"
    finally:
        _run([*as_user, _PROGRAMS / "pg_ctl", "-D", data, "-m", "immediate", "stop"])
        shutil.rmtree(directory)


def _run(command: list[object]) -> None:
    subprocess.run([str(one) for one in command], check=True, stdout=subprocess.DEVNULL, timeout=60)
