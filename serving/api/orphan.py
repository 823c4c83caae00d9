"""Ends a worker whose supervising process was killed: it would go on holding the port, out of anybody's reach."""

import os
import signal
import threading

#: Seconds between two looks at the parent.
_LOOK_SECONDS = 1.0


def end_with_parent() -> None:
    """From now on, send this process SIGTERM once its parent is gone."""
    watch = threading.Thread(target=_watch, args=(os.getppid(),), name="end-with-parent", daemon=True)
    watch.start()


def _watch(parent: int) -> None:
    pause = threading.Event()
    # An orphan gets another parent: init, or the nearest subreaper.
    while os.getppid() == parent:
        pause.wait(_LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
