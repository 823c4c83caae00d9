"""Doors that bring new work say honestly when it should come later."""

from collections.abc import Callable, Sequence

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

#: New images and new work items; the record's own events are small, and late ones would be worth nothing.
_DOORS: Sequence[str] = ("/dicomweb/studies", "/dicomweb/workitems")


class Admission:
    """Answers 503 with Retry-After (RFC 9110 10.2.3) to what would bring new work, while too much waits."""

    def __init__(self, app: ASGIApp, is_held: Callable[[], bool], retry_after_seconds: int) -> None:
        """Wrap *app*; while *is_held*, senders are asked to come back after *retry_after_seconds*."""
        self._app = app
        self._is_held = is_held
        self._retry_after_seconds = retry_after_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer through the wrapped application, or ask to come later before anything of the body is read."""
        if _brings_work(scope) and await run_in_threadpool(self._is_held):
            later = PlainTextResponse(
                "Too much work waits; nothing was taken. Send it again later.\n",
                status_code=503,
                headers={"Retry-After": str(self._retry_after_seconds)},
            )
            await later(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _brings_work(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "POST":
        return False
    path = scope["path"]
    return path in _DOORS or path.startswith("/dicomweb/studies/")
