"""systemd, Kubernetes and a person with curl are told how a process is."""

import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import create_engine

from serving.processes.lifecycle import demand_database
from serving.processes.notify import Notifier
from serving.telemetry.health import Health, serve_health


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[socket.socket]:
    """What systemd listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(20)
        yield listening


def test_each_word_is_one_datagram(supervisor: socket.socket):
    notifier = Notifier(supervisor.getsockname())

    notifier.ready()
    notifier.alive()
    notifier.stopping()

    assert [supervisor.recv(99) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_an_address_in_linuxs_abstract_name_space_is_reached():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0varsel-test-notify")
        listening.settimeout(5)

        Notifier("@varsel-test-notify").ready()

        assert listening.recv(99) == b"READY=1"


@pytest.mark.parametrize("address", ["", "nobody-listens-here"])
def test_a_process_without_a_supervisor_goes_on(address: str, tmp_path: Path):
    Notifier(address and str(tmp_path / address)).ready()


def test_a_process_says_ready_when_it_is_and_stopping_when_it_was_told(supervisor: socket.socket):
    program = textwrap.dedent("""
        import serving.processes.lifecycle as lifecycle

        class Idle:
            def start(self): pass
            def stop(self): pass

        lifecycle._SIGN_OF_LIFE_SECONDS = 0.01
        lifecycle.run_until_told(Idle())
    """)
    environment = {"NOTIFY_SOCKET": supervisor.getsockname(), "PYTHONPATH": ":".join(sys.path)}
    running = subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.DEVNULL)
    said = [supervisor.recv(99), supervisor.recv(99)]
    running.send_signal(signal.SIGTERM)
    while said[-1] != b"STOPPING=1":
        said.append(supervisor.recv(99))

    assert running.wait(20) == 0
    assert said[:2] == [b"READY=1", b"WATCHDOG=1"]


def test_a_process_with_a_stuck_thread_ends_all_the_same():
    program = textwrap.dedent("""
        import threading
        from serving.processes.lifecycle import end_at_once

        threading.Thread(target=threading.Event().wait).start()
        end_at_once(75)
    """)

    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode == 75


def test_probes_say_what_is_amiss():
    health = Health()
    asked = Probes(health)
    assert asked("/readyz") == (503, "not ready: starting\n")
    assert asked("/livez") == (200, "alive\n")

    health.started()
    assert asked("/readyz") == (200, "ready\n")

    troubles = ["the disk is full", "the dispatcher has not looked for work for 99 seconds"]
    health.demand_ready(lambda: troubles[0])
    assert asked("/readyz") == (503, "not ready: the disk is full\n")
    assert asked("/livez") == (200, "alive\n")

    health.demand_alive(lambda: troubles[1])
    assert asked("/livez") == (503, f"not alive: {troubles[1]}\n")

    health.stopping()
    assert asked("/readyz") == (503, "not ready: stopping\n")
    asked.close()


def test_a_process_whose_database_is_away_is_not_ready_but_alive(tmp_path: Path):
    health = Health()
    health.started()
    demand_database(health, create_engine(f"sqlite:///{tmp_path}/missing/varsel.db"))

    assert "database" in health.why_not_ready()
    assert not health.why_not_alive()


class Probes:
    """Asks the probes of a process."""

    def __init__(self, health: Health) -> None:
        self._server, self._thread = serve_health(CollectorRegistry(), health, "127.0.0.1", 0)

    def __call__(self, path: str) -> tuple[int, str]:
        try:
            with urlopen(f"http://127.0.0.1:{self._server.server_port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
