"""A small UPS-RS manager for tests: in memory, strict about PS3.18 11, and written apart from Varsel's own."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from peers import free_ports
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

_STATE, _TRANSACTION, _PERFORMED = "00741000", "00081195", "00741216"


@dataclass(kw_only=True)
class UpsServer:
    """Its work items, and who did what."""

    url: str = ""
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    claims: dict[str, str] = field(default_factory=dict)
    #: (work item, state) in the order of the changes.
    moves: list[tuple[str, str]] = field(default_factory=list)
    #: (work item, AE title).
    subscribers: set[tuple[str, str]] = field(default_factory=set)
    #: Answer the next claim with an error after it was made.
    lose_next_claim: bool = False
    #: Answer 503 to everything.
    is_down: bool = False
    channels: list[WebSocket] = field(default_factory=list)
    loop: asyncio.AbstractEventLoop | None = None

    def state(self, uid: str) -> str:
        return str(self.items[uid][_STATE]["Value"][0])

    async def create(self, request: Request) -> Response:
        (item,) = json.loads(await request.body())
        uid = request.url.query or item["00080018"]["Value"][0]
        if uid in self.items:
            return Response(status_code=409)
        self.items[uid] = item | {"00080018": {"vr": "UI", "Value": [uid]}}
        return Response(status_code=201, headers={"Location": f"{self.url}/workitems/{uid}"})

    async def search(self, request: Request) -> Response:
        if self.is_down:
            return Response(status_code=503)
        wanted = request.query_params.get("ProcedureStepState")
        found = [item for uid, item in self.items.items() if wanted in (None, self.state(uid))]
        return JSONResponse(found, media_type="application/dicom+json") if found else Response(status_code=204)

    async def read(self, request: Request) -> Response:
        item = self.items.get(request.path_params["uid"])
        return Response(status_code=404) if item is None else JSONResponse([item], media_type="application/dicom+json")

    async def update(self, request: Request) -> Response:
        uid = request.path_params["uid"]
        if self.is_down:
            return Response(status_code=503)
        if self.state(uid) != "IN PROGRESS" or self.claims.get(uid) != request.url.query:
            return Response(status_code=409)
        (changes,) = json.loads(await request.body())
        if _STATE in changes or _TRANSACTION in changes:
            return Response(status_code=400)
        self.items[uid] |= changes
        return Response(status_code=200)

    async def move(self, request: Request) -> Response:
        uid = request.path_params["uid"]
        (said,) = json.loads(await request.body())
        wanted, transaction = said[_STATE]["Value"][0], said[_TRANSACTION]["Value"][0]
        before = self.state(uid)
        if before in ("COMPLETED", "CANCELED") or (before == "SCHEDULED") is not (wanted == "IN PROGRESS"):
            return Response(status_code=409)
        if before == "IN PROGRESS" and self.claims[uid] != transaction:
            return Response(status_code=409)
        if wanted == "COMPLETED" and not self.items[uid].get(_PERFORMED, {}).get("Value"):
            return Response(status_code=409)
        self.claims[uid] = transaction
        self.items[uid][_STATE] = {"vr": "CS", "Value": [wanted]}
        self.moves.append((uid, wanted))
        if self.lose_next_claim:
            self.lose_next_claim = False
            return Response(status_code=502)
        return Response(status_code=200)

    async def cancel(self, request: Request) -> Response:
        uid = request.path_params["uid"]
        if self.state(uid) == "SCHEDULED":
            self.items[uid][_STATE] = {"vr": "CS", "Value": ["CANCELED"]}
        event = {"00001000": {"vr": "UI", "Value": [uid]}, "00001002": {"vr": "US", "Value": [2]}}
        for channel in self.channels:
            await channel.send_text(json.dumps(event))
        return Response(status_code=202)

    async def subscribe(self, request: Request) -> Response:
        ae_title = request.path_params["aet"]
        self.subscribers.add((request.path_params["uid"], ae_title))
        place = f"{self.url.replace('http', 'ws')}/ws/subscribers/{ae_title}"
        return Response(status_code=201, headers={"Content-Location": place})

    async def channel(self, websocket: WebSocket) -> None:
        await websocket.accept()
        self.channels.append(websocket)
        try:
            while True:
                await websocket.receive_text()
        except WebSocketDisconnect:
            self.channels.remove(websocket)

    def app(self) -> Starlette:
        one = "/workitems/{uid}"
        return Starlette(
            routes=[
                Route("/workitems", self.create, methods=["POST"]),
                Route("/workitems", self.search, methods=["GET"]),
                Route(one, self.read, methods=["GET"]),
                Route(one, self.update, methods=["POST"]),
                Route(f"{one}/state", self.move, methods=["PUT"]),
                Route(f"{one}/cancelrequest", self.cancel, methods=["POST"]),
                Route(f"{one}/subscribers/{{aet}}", self.subscribe, methods=["POST"]),
                WebSocketRoute("/ws/subscribers/{aet}", self.channel),
            ]
        )


@contextmanager
def running_ups_server() -> Iterator[UpsServer]:
    """The manager on a port of its own."""
    server = UpsServer()
    with serving_app(server.app()) as url:
        server.url = url
        yield server


@contextmanager
def serving_app(app: Starlette) -> Iterator[str]:
    """*app* behind a real socket; its root URL."""
    (port,) = free_ports(1)
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False, ws="wsproto")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive(), "the server did not start"
    yield f"http://127.0.0.1:{port}"
    server.should_exit = server.force_exit = True
    thread.join(10)
