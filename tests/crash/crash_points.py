"""Every boundary between durable effects of a running process, found by watching it, and a signal at one of them.

An effect is a commit, a change of a file's name or its sync to disk, or bytes that leave for somebody else. Its name is
what it is and the function of ours that asked for it, so that new code brings its crash points along.

Files in a directory say what to do, at any moment of a process's life. While ``record`` is there, the names of the
effects that each process passes are appended to ``places-PROCESS``. ``signal`` holds the number of a signal, a tab,
``PROCESS``, a tab, and ``before NAME`` or ``after NAME``: whoever of the processes called so comes there first takes
the file away and gets the signal. ``hang`` holds ``PROCESS``, a tab, and how a place's name begins: the thread that
comes there first takes the file away and goes no further. ``slow`` holds the seconds that each commit, sync and rename
waits, as on a slow disk.
"""

import functools
import inspect
import os
import socket
import sqlite3.dbapi2
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

_ROOT = Path(__file__).parents[2]
_OURS = tuple(str(_ROOT / name) for name in ("dicom_io", "ehr_io", "models", "serving"))
#: Does it for others: who asked it is the point.
_SERVANTS = (str(_ROOT / "dicom_io" / "receive" / "wire.py"),)
_ENGINE = f"{os.sep}dbos{os.sep}"
#: Effects that wait for the disk.
_ON_DISK = ("commit", "rename", "replace", "fsync", "fdatasync", "unlink")
#: As it is, not as it is watched.
_remove = os.unlink


def install(directory: Path, process: str) -> None:
    """Watch this process under the name *process*; orders lie in *directory*."""
    watch = _Watch(directory, process)
    # At the drivers: not every commit goes by SQLAlchemy. SQLite's own class is not to be changed; one below it is.
    watched = type("Watched", (sqlite3.Connection,), {})
    watch.wrap(watched, "commit", "commit")
    sqlite3.dbapi2.connect = functools.partial(sqlite3.connect, factory=watched)
    watch.wrap(import_module("psycopg").Connection, "commit", "commit")
    watch.wrap(import_module("pynetdicom.association").Association, "send_c_store", "C-STORE")
    watch.wrap(socket.socket, "sendall", "send")
    for name in _ON_DISK[1:]:
        watch.wrap(os, name, name)


def _serves(frame: FrameType) -> bool:
    """Whether it is a block's own way to begin and end, as a transaction's: who wrote the block is the point."""
    return bool(frame.f_code.co_flags & inspect.CO_GENERATOR)


class _Watch:
    def __init__(self, directory: Path, process: str) -> None:
        self._process = process
        self._record = directory / "record"
        self._places = directory / f"places-{process}"
        self._signal = directory / "signal"
        self._hang = directory / "hang"
        self._slow = directory / "slow"

    def wrap(self, owner: Any, name: str, effect: str) -> None:
        """Let ``owner.name`` be a crash point of the kind *effect*."""
        original: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(original)
        def watched(*arguments: Any, **named: Any) -> Any:
            point = self._point(effect)
            self._pass("before", point)
            if effect in _ON_DISK:
                self._wait_for_the_disk()
            try:
                return original(*arguments, **named)
            finally:
                self._pass("after", point)

        setattr(owner, name, watched)

    def _wait_for_the_disk(self) -> None:
        with suppress(FileNotFoundError):
            time.sleep(float(self._slow.read_text()))

    def _point(self, effect: str) -> str | None:
        """The name of the effect; None when nobody of ours asked for it, or nobody wants to know."""
        if not any(order.exists() for order in (self._signal, self._record, self._hang)):
            return None
        frame: FrameType | None = sys._getframe(2)
        engine = ""
        while frame is not None:
            path = frame.f_code.co_filename
            if path.startswith(_OURS) and not path.startswith(_SERVANTS) and not _serves(frame):
                module = ".".join(Path(path).relative_to(_ROOT).with_suffix("").parts)
                return f"{effect} {module}:{frame.f_code.co_name}"
            if _ENGINE in path and effect == "commit":
                engine = engine or f"{effect} dbos:{frame.f_code.co_name}"
            frame = frame.f_back
        return engine or None

    def _pass(self, side: str, point: str | None) -> None:
        if point is None:
            return
        if self._record.exists():
            with self._places.open("a", encoding="utf-8") as places:
                places.write(f"{side} {point}\n")
        with suppress(FileNotFoundError):
            number, where = self._signal.read_text(encoding="utf-8").split("\t", maxsplit=1)
            if where == f"{self._process}\t{side} {point}":
                # Several nodes may be here at once: one of them gets it.
                _remove(self._signal)
                os.kill(os.getpid(), int(number))
        with suppress(FileNotFoundError):
            if f"{self._process}\t{side} {point}".startswith(self._hang.read_text(encoding="utf-8")):
                _remove(self._hang)
                threading.Event().wait()
