"""The supervisor, with trivial children: none is left behind, whatever happens."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from peers import free_ports

from varsel.errors import NotStartedError
from varsel.programs import Program, accepts_connections, last_words
from varsel.supervisor import Supervisor, leaving_on_signals

SLEEPS = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
)


def program(directory: Path, code: str, *, name: str = "child", **values: object) -> Program:
    defaults = {"is_ready": lambda: True, "ready_within_seconds": 20.0, "stop_within_seconds": 10.0}
    command = (sys.executable, "-c", code)
    return Program(name=name, command=command, log=directory / f"{name}.log", **{**defaults, **values})  # type: ignore[arg-type]


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_programs_run_until_they_are_stopped(tmp_path: Path):
    supervisor = Supervisor([program(tmp_path, SLEEPS)], lambda _: None)
    supervisor.start()
    (pid,) = supervisor.process_ids().values()
    assert psutil.pid_exists(pid)
    supervisor.stop()
    assert not psutil.pid_exists(pid)


def test_a_program_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path):
    code = """print('{"event": "The port is taken.", "action": "x"}'); raise SystemExit(3)"""
    supervisor = Supervisor([program(tmp_path, code, is_ready=lambda: False)], lambda _: None)
    with pytest.raises(NotStartedError, match=r"(?s)'child' ended with code 3.*The port is taken\."):
        supervisor.start()


def test_a_program_that_is_never_ready_is_stopped_and_told(tmp_path: Path):
    supervisor = Supervisor(
        [program(tmp_path, SLEEPS, is_ready=lambda: False, ready_within_seconds=0.5)], lambda _: None
    )
    with pytest.raises(NotStartedError, match=r"not ready within 0\.5 seconds"):
        supervisor.start()
    assert supervisor.process_ids() == {}


def test_when_one_does_not_start_the_others_are_stopped(tmp_path: Path):
    good = program(tmp_path, f"import os; print(os.getpid(), flush=True); {SLEEPS}", name="good")
    bad = program(tmp_path, "raise SystemExit(1)", name="bad", is_ready=lambda: False)
    with pytest.raises(NotStartedError, match="'bad'"):
        Supervisor([good, bad], lambda _: None).start()
    said = (tmp_path / "good.log").read_text()
    assert not said or not psutil.pid_exists(int(said))


def test_ready_means_that_it_listens(tmp_path: Path):
    (port,) = free_ports(1)
    code = f"import socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(600)"
    supervisor = Supervisor([program(tmp_path, code, is_ready=accepts_connections("127.0.0.1", port))], lambda _: None)
    supervisor.start()
    assert accepts_connections("127.0.0.1", port)()
    supervisor.stop()
    assert not accepts_connections("127.0.0.1", port)()


def test_a_program_that_dies_is_started_again_and_told(tmp_path: Path):
    events: list[str] = []
    supervisor = Supervisor([program(tmp_path, SLEEPS)], events.append)
    supervisor.start()
    try:
        first = supervisor.process_ids()["child"]
        os.kill(first, signal.SIGKILL)

        def is_back() -> bool:
            supervisor.turn()
            return supervisor.process_ids().get("child", first) != first

        wait_until(is_back)
    finally:
        supervisor.stop()
    assert events[0].startswith("child ended with code -9; starting it again in 0.5 s")
    assert events[1].startswith("child was started again")


def test_programs_stop_in_the_opposite_order(tmp_path: Path):
    order = tmp_path / "order"
    code = (
        "import signal, sys, time\n"
        "def stop(*_):\n    open({order!r}, 'a').write({name!r}); sys.exit()\n"
        "signal.signal(signal.SIGTERM, stop); open({ready!r}, 'w'); time.sleep(600)"
    )
    programs = []
    for name in ("a", "b", "c"):
        ready = tmp_path / f"{name}.ready"
        text = code.format(order=str(order), name=name, ready=str(ready))
        programs.append(program(tmp_path, text, name=name, is_ready=ready.exists))
    supervisor = Supervisor(programs, lambda _: None)
    supervisor.start()
    supervisor.stop()
    assert order.read_text() == "cba"


def test_a_program_that_does_not_stop_is_killed_and_told(tmp_path: Path):
    events: list[str] = []
    log = tmp_path / "child.log"
    deaf = program(
        tmp_path, STUBBORN, stop_within_seconds=0.2, is_ready=lambda: log.exists() and "deaf" in log.read_text()
    )
    supervisor = Supervisor([deaf], events.append)
    supervisor.start()
    (pid,) = supervisor.process_ids().values()
    supervisor.stop()
    assert not psutil.pid_exists(pid)
    assert "was killed" in events[0]


def test_children_of_a_program_go_with_it(tmp_path: Path):
    grandchild = tmp_path / "pid"
    code = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {SLEEPS!r}])\n"
        f"open({str(grandchild)!r}, 'w').write(str(child.pid)); time.sleep(600)"
    )
    ready = lambda: grandchild.exists() and grandchild.read_text() != ""  # noqa: E731
    supervisor = Supervisor([program(tmp_path, code, is_ready=ready)], lambda _: None)
    supervisor.start()
    supervisor.stop()
    wait_until(lambda: _is_gone(int(grandchild.read_text())))


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux")
def test_a_killed_supervisor_leaves_nothing_behind(tmp_path: Path):
    pids = tmp_path / "pids"
    code = f"""
import sys
from pathlib import Path
from varsel.programs import Program
from varsel.supervisor import Supervisor
command = (sys.executable, "-c", {SLEEPS!r})
one = Program(name="c", command=command, log=Path({str(tmp_path / "c.log")!r}), is_ready=lambda: True)
supervisor = Supervisor([one], print)
supervisor.start()
Path({str(pids)!r}).write_text(str(supervisor.process_ids()["c"]))
supervisor.watch()
"""
    parent = subprocess.Popen([sys.executable, "-c", code])
    wait_until(lambda: pids.exists() and pids.read_text() != "")
    pid = int(pids.read_text())
    # It has become its command, so the kernel has been told.
    wait_until(lambda: SLEEPS in psutil.Process(pid).cmdline())
    parent.kill()
    parent.wait()
    wait_until(lambda: _is_gone(pid))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_watch(tmp_path: Path, number: signal.Signals):
    supervisor = Supervisor([program(tmp_path, SLEEPS)], lambda _: None)
    with leaving_on_signals(supervisor):
        supervisor.start()
        threading.Timer(0.2, os.kill, (os.getpid(), number)).start()
        supervisor.watch()
        supervisor.stop()
    assert supervisor.is_leaving


def test_last_words_hold_no_civil_number_and_no_rest_of_a_record(tmp_path: Path):
    log = tmp_path / "x.log"
    log.write_text('{"event": "Broke.", "patient": "Hansen"}\nplain 010203-1234 text\n')
    assert last_words(log) == "Broke.\nplain [removed] text"


def _is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
