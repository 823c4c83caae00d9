"""A program that runs beside us: how it is started, when it is ready, what it last said."""

import json
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

#: Lines of a log that are repeated when a program does not start.
_LAST_LINES = 5
_LONGEST_LINE = 300
#: Keys of our own log lines that people can use; the writer of the line has already left patients out.
_TOLD_KEYS = ("event", "error", "place")
#: Ten digits as a Danish civil registration number is written; a foreign program's line is not ours to trust.
_CIVIL_NUMBER = re.compile(r"\b\d{6}-?\d{4}\b")


@dataclass(frozen=True, kw_only=True)
class Program:
    """One child process and what is expected of it."""

    #: What people call it, e.g. ``receive``.
    name: str
    #: Program and arguments.
    command: tuple[str, ...]
    #: Standard output and error are added to this file.
    log: Path
    #: Whether it can be used now; asked again and again until it says yes.
    is_ready: Callable[[], bool]
    #: Longer than this to become ready is a failure.
    ready_within_seconds: float = 60.0
    #: Longer than this to stop and it is killed.
    stop_within_seconds: float = 30.0


def accepts_connections(host: str, port: int) -> Callable[[], bool]:
    """Ready when something listens on *port* of *host*."""

    def is_ready() -> bool:
        try:
            with socket.create_connection((host, port), timeout=1):
                return True
        except OSError:
            return False

    return is_ready


def answers(url: str) -> Callable[[], bool]:
    """Ready when *url* is answered with success."""
    import httpx

    def is_ready() -> bool:
        try:
            return httpx.get(url, timeout=2, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    return is_ready


def last_words(log: Path) -> str:
    """The last lines of *log* that help, without personal data; empty when there are none."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join(_told(line) for line in lines[-_LAST_LINES:] if line.strip())


def _told(line: str) -> str:
    try:
        said = json.loads(line)
    except json.JSONDecodeError:
        said = None
    if isinstance(said, dict):
        line = " ".join(str(said[key]) for key in _TOLD_KEYS if key in said)
    return _CIVIL_NUMBER.sub("[removed]", line)[:_LONGEST_LINE]
