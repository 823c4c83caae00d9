"""Every boundary between durable effects of a running process, found by watching it, and a kill -9 at one of them.

An effect is a commit, a change of a file's name or its sync to disk, or bytes that leave for somebody else. Its name is
what it is and the function of ours that asked for it, so that new code brings its crash points along. The environment
says what to do: ``CRASH_ARMED`` names a file, and only while that exists are effects looked at; ``CRASH_RECORD`` names
a file that the names of the effects are appended to; ``CRASH_AT`` is ``before NAME`` or ``after NAME``, and there the
process kills itself, once.
"""

import functools
import os
import signal
import socket
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

_ROOT = Path(__file__).parents[2]
_OURS = tuple(str(_ROOT / name) for name in ("dicom_io", "ehr_io", "models", "serving"))
#: These do it for others: who asked them is the point.
_SERVANTS = (str(_ROOT / "serving" / "records" / "database.py"), str(_ROOT / "dicom_io" / "receive" / "wire.py"))
_ENGINE = f"{os.sep}dbos{os.sep}"


def install() -> None:
    """Watch this process, when the environment asks for it."""
    armed = os.environ.get("CRASH_ARMED")
    if armed is None:
        return
    record = os.environ.get("CRASH_RECORD")
    watch = _Watch(Path(armed), Path(record) if record else None, os.environ.get("CRASH_AT", ""))
    # Only now: other processes shall not load them for this.
    watch.wrap(import_module("sqlalchemy.engine").Connection, "_commit_impl", "commit")
    watch.wrap(import_module("pynetdicom.association").Association, "send_c_store", "C-STORE")
    watch.wrap(socket.socket, "sendall", "send")
    for name in ("rename", "replace", "fsync", "unlink"):
        watch.wrap(os, name, name)


class _Watch:
    def __init__(self, armed: Path, record: Path | None, at: str) -> None:
        self._armed = armed
        self._record = record
        self._at = at

    def wrap(self, owner: Any, name: str, effect: str) -> None:
        """Let ``owner.name`` be a crash point of the kind *effect*."""
        original: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(original)
        def watched(*arguments: Any, **named: Any) -> Any:
            point = self._point(effect)
            self._pass(f"before {point}", point)
            try:
                return original(*arguments, **named)
            finally:
                self._pass(f"after {point}", point)

        setattr(owner, name, watched)

    def _point(self, effect: str) -> str | None:
        """The name of the effect; None when nobody of ours asked for it."""
        if not self._armed.exists():
            return None
        frame: FrameType | None = sys._getframe(2)
        engine = ""
        while frame is not None:
            path = frame.f_code.co_filename
            if path.startswith(_OURS) and not path.startswith(_SERVANTS):
                return f"{effect} {Path(path).relative_to(_ROOT)}:{frame.f_code.co_name}"
            if _ENGINE in path and effect == "commit":
                engine = engine or f"{effect} dbos:{frame.f_code.co_name}"
            frame = frame.f_back
        return engine or None

    def _pass(self, place: str, point: str | None) -> None:
        if point is None:
            return
        if self._record is not None:
            with self._record.open("a", encoding="utf-8") as record:
                record.write(f"{place}\n")
        if place == self._at:
            os.kill(os.getpid(), signal.SIGKILL)
