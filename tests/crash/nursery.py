"""Processes of Varsel, born in a moment: forked from one that has imported everything and begun nothing.

An import of all that a worker needs takes seconds of a processor, and a crash laboratory starts workers by the hundred.
What is forked here runs the very command line, in a process group of its own, with its own log.
"""

import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
#: Where a process finds its orders; see `crash_points`.
ORDERS = "CRASH_ORDERS"
_LONGEST_ORDER = 1 << 16


class Child:
    """A forked process, as far as `subprocess.Popen` would tell of it."""

    def __init__(self, pid: int, handle: int) -> None:
        """Follow *pid* by its pidfd *handle*, which no later process of that number can be taken for."""
        self.pid = pid
        self._handle = handle
        self._poll = select.poll()
        self._poll.register(handle, select.POLLIN)

    @property
    def returncode(self) -> int | None:
        """How it ended is known to its parent alone: -9 stands for every end."""
        return self.poll()

    def poll(self) -> int | None:
        """None while it lives."""
        return -signal.SIGKILL if self._poll.poll(0) else None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        if not self._poll.poll(None if timeout is None else timeout * 1000):
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return -signal.SIGKILL

    def terminate(self) -> None:
        """SIGTERM, when it still lives."""
        if self.poll() is None:
            signal.pidfd_send_signal(self._handle, signal.SIGTERM)


class Nursery:
    """The process that others are forked from."""

    def __init__(self) -> None:
        """Start it; what it has to import takes some seconds, which the first birth waits for."""
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {**os.environ, "PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1"}
        with theirs:
            command = [sys.executable, __file__, str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment)

    def launch(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Child:
        """Run ``varsel`` with *arguments*, *environment* on top of ours, and its output at the end of *log*."""
        log.touch()
        order = {"arguments": list(arguments), "environment": dict(environment), "log": str(log)}
        self._socket.sendall(json.dumps(order).encode())
        told, handles, _, _ = socket.recv_fds(self._socket, 64, 1)
        return Child(int(told), handles[0])

    def close(self) -> None:
        """End it; its children live on."""
        self._socket.close()
        self._process.wait(30)


def main(orders: socket.socket) -> None:
    """Fork a process for each order; returns when there are no more, and in each child when its work is done."""
    import serving.processes.receive  # noqa: PLC0415
    import serving.processes.work  # noqa: F401, PLC0415
    from varsel.cli import app  # noqa: PLC0415  The nursery's user needs none of this.

    gc.freeze()
    # Nobody asks how a child ended.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while order := orders.recv(_LONGEST_ORDER):
        # A child waits until it is followed, or it could be gone before.
        gate, opener = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(opener)
            os.read(gate, 1)
            orders.close()
            _become(json.loads(order))
            app(json.loads(order)["arguments"])
            return
        handle = os.pidfd_open(pid)
        socket.send_fds(orders, [str(pid).encode()], [handle])
        for descriptor in (gate, opener, handle):
            os.close(descriptor)


def _become(order: Mapping[str, Any]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setpgid(0, 0)
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(order["environment"])
    if ORDERS in os.environ:
        from crash_points import install  # noqa: PLC0415  Beside this file, for those alone that are watched.

        install(Path(os.environ[ORDERS]), order["arguments"][-1])


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
