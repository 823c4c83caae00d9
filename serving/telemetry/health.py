"""How a process is: asked by systemd's watchdog, by Kubernetes' probes, and by a person with curl."""

import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse

from prometheus_client import CollectorRegistry, make_wsgi_app

#: Says why something is not well; empty when it is.
Check = Callable[[], str]


class Health:
    """Whether this process lives, and whether it can do its work now."""

    def __init__(self) -> None:
        """Not started yet, and nothing to look at."""
        self._started = threading.Event()
        self._stopping = threading.Event()
        self._alive: list[Check] = []
        self._ready: list[Check] = []

    def demand_alive(self, check: Check) -> None:
        """Without this the process is beyond help, and should be started anew."""
        self._alive.append(check)

    def demand_ready(self, check: Check) -> None:
        """Without this the process can do nothing for the moment, and should be given nothing."""
        self._ready.append(check)

    def started(self) -> None:
        """It does its work from now on."""
        self._started.set()

    def stopping(self) -> None:
        """It was told to stop."""
        self._stopping.set()

    def why_not_alive(self) -> str:
        """Empty when it lives."""
        return _first(self._alive)

    def why_not_ready(self) -> str:
        """Empty when it can do its work now."""
        if self._stopping.is_set():
            return "stopping"
        if not self._started.is_set():
            return "starting"
        return _first([*self._alive, *self._ready])


class HealthServer(ThreadingMixIn, WSGIServer):
    """Answers ``/livez``, ``/readyz`` and ``/metrics``, each request in a thread of its own."""

    daemon_threads = True


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  The library's name.
        """Leave no access lines."""


def serve_health(
    registry: CollectorRegistry, health: Health, host: str, port: int
) -> tuple[HealthServer, threading.Thread]:
    """Serve *registry* and *health* on a daemon thread; ``shutdown()`` on the server ends it.

    Raises:
        OSError: the port is taken.
    """
    metrics = make_wsgi_app(registry)
    probes = {"/livez": ("alive", health.why_not_alive), "/readyz": ("ready", health.why_not_ready)}

    def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] not in probes:
            return metrics(environ, start_response)
        word, check = probes[environ["PATH_INFO"]]
        why_not = check()
        start_response("503 Service Unavailable" if why_not else "200 OK", [("Content-Type", "text/plain")])
        return [f"not {word}: {why_not}\n".encode() if why_not else f"{word}\n".encode()]

    server = make_server(host, port, answer, HealthServer, handler_class=_Silent)
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    return server, thread


def _first(checks: Iterable[Check]) -> str:
    return next((why for check in checks if (why := check())), "")
