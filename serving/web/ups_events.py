"""The event channel of work items (PS3.18 8.10.4): a WebSocket on which a subscriber hears of changes."""

import asyncio

from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from serving.errors import DatabaseDownError
from serving.records import subscriptions
from serving.records.database import reading, writing

#: How often the table is looked at: events come from other processes.
_LOOK_SECONDS = 0.2
_TRY_AGAIN_LATER = 1013


def ups_event_routes(engine: Engine) -> list[WebSocketRoute]:
    """``GET /ws/subscribers/{aet}`` (11.13) as it was first published, and the path of later editions."""
    channel = _Channel(engine)
    paths = ("/dicomweb/ws/subscribers/{ae_title}", "/dicomweb/subscribers/{ae_title}")
    return [WebSocketRoute(path, channel.open) for path in paths]


class _Channel:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def open(self, websocket: WebSocket) -> None:
        """Tell until the subscriber goes."""
        await websocket.accept()
        telling = asyncio.ensure_future(self._tell(websocket))
        gone = asyncio.ensure_future(_until_gone(websocket))
        done, pending = await asyncio.wait({telling, gone}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        for task in done:
            task.result()

    async def _tell(self, websocket: WebSocket) -> None:
        ae_title = websocket.path_params["ae_title"]
        try:
            while True:
                for report in await run_in_threadpool(self._take, ae_title):
                    await websocket.send_json(report)
                await asyncio.sleep(_LOOK_SECONDS)
        except DatabaseDownError:
            await websocket.close(_TRY_AGAIN_LATER)

    def _take(self, ae_title: str) -> tuple[subscriptions.Json, ...]:
        with reading(self._engine) as connection:
            if not subscriptions.has_events(connection, ae_title):
                return ()
        with writing(self._engine) as connection:
            return subscriptions.take_events(connection, ae_title)


async def _until_gone(websocket: WebSocket) -> None:
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        return
