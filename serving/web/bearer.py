"""Who may use the DICOMweb doors: callers that bear the site's token (RFC 6750)."""

import hmac
from collections.abc import Sequence
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

#: WebSocket close code for a broken rule (RFC 6455 7.4.1); before the handshake it is answered as 403.
_POLICY_VIOLATION = 1008
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="varsel"'}


def behind_token(
    routes: Sequence[Route] | Sequence[WebSocketRoute], token_file: Path | None
) -> Sequence[Route] | Sequence[WebSocketRoute]:
    """*routes*, each answering only to the token in *token_file*; to everyone where there is no such file."""
    if token_file is not None:
        for route in routes:
            route.app = BearerCheck(route.app, token_file)
    return routes


class BearerCheck:
    """Lets a request through that bears the token; the file is read each time, so that a new token counts at once."""

    def __init__(self, app: ASGIApp, token_file: Path) -> None:
        """Wrap *app*."""
        self._app = app
        self._token_file = token_file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer through the wrapped application, or refuse."""
        token = await run_in_threadpool(self._token)
        said = Headers(scope=scope).get("authorization", "").encode("latin-1")
        scheme, _, given = said.partition(b" ")
        if token and scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), token):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        elif token:
            await PlainTextResponse("the door's bearer token is required", 401, _CHALLENGE)(scope, receive, send)
        else:
            text = "dicomweb.token_file holds no token that can be read; nobody is let in until it does"
            await PlainTextResponse(text, 503)(scope, receive, send)

    def _token(self) -> bytes:
        """The token; empty where the file cannot be read."""
        try:
            return self._token_file.read_bytes().strip()
        except OSError:
            return b""
