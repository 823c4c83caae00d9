"""Small HTTP servers on ports of the kernel's own, which answer as a test tells them."""

import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(kw_only=True)
class WebPeer:
    """A server that keeps what it is sent."""

    #: Its root.
    url: str = ""
    #: (method, path, body) in order.
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)
    #: Headers of the newest request.
    headers: dict[str, str] = field(default_factory=dict)
    #: (status, JSON body or None) by method; what a method is not told is answered with 204.
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)


@contextlib.contextmanager
def web_peer(tls: ssl.SSLContext | None = None, **answers: tuple[int, Any]) -> Iterator[WebPeer]:
    """A server that gives *answers* by method (``GET=(200, [...])``), over *tls* where that is given."""
    peer = WebPeer(answers=dict(answers))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            peer.requests.append((self.command, self.path, body))
            peer.headers = dict(self.headers)
            status, said = peer.answers.get(self.command, (204, None))
            content = b"" if said is None else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _answer

        def log_message(self, *arguments: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    peer.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    try:
        yield peer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
