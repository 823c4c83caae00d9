"""Runs a command that ends when the process that started it ends, however that one ended.

``python -m varsel.attached PARENT_PID COMMAND...`` becomes COMMAND. On Linux the kernel then sends it SIGTERM when its
parent dies (PR_SET_PDEATHSIG, prctl(2)), so that nothing is left behind by a supervisor that was killed. Elsewhere it
just becomes COMMAND.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

_PR_SET_PDEATHSIG = 1


def attached(command: Sequence[str]) -> list[str]:
    """*command*, bound to the life of this process. Start it from a thread that lives as long as it should."""
    return [sys.executable, "-m", "varsel.attached", str(os.getpid()), *command]


def _become(parent_pid: int, command: Sequence[str]) -> NoReturn:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent_pid:
        # It died between starting us and the line above.
        sys.exit(0)
    os.execvp(command[0], list(command))  # noqa: S606  no shell wanted


if __name__ == "__main__":
    _become(int(sys.argv[1]), sys.argv[2:])
