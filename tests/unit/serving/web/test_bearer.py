"""The DICOMweb doors behind a token."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from serving.processes.web import build_web
from serving.settings.file import Settings
from serving.web.bearer import behind_token
from serving.web.ups_events import ups_event_routes


async def _echo(request: Request) -> Response:
    return PlainTextResponse(await request.body())


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("s3cret\n")
    return path


@pytest.fixture
def door(token_file: Path, engine: Engine) -> Iterator[TestClient]:
    routes = [
        *behind_token([Route("/dicomweb/studies", _echo, methods=["POST"])], token_file),
        *behind_token(ups_event_routes(engine), token_file),
    ]
    with TestClient(Starlette(routes=routes)) as client:
        yield client


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": token}


@pytest.mark.parametrize("said", ["Bearer s3cret", "bearer s3cret", "Bearer  s3cret "])
def test_the_token_lets_in(door: TestClient, said: str):
    answer = door.post("/dicomweb/studies", content=b"x", headers=bearing(said))
    assert (answer.status_code, answer.content) == (200, b"x")


@pytest.mark.parametrize("said", ["", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3crets", "Basic s3cret", "s3cret"])
def test_anything_else_does_not(door: TestClient, said: str):
    answer = door.post("/dicomweb/studies", content=b"x", headers=bearing(said) if said else {})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="varsel"'


def test_a_new_token_counts_at_once(door: TestClient, token_file: Path):
    token_file.write_text("another")
    assert door.post("/dicomweb/studies", headers=bearing("Bearer s3cret")).status_code == 401
    assert door.post("/dicomweb/studies", headers=bearing("Bearer another")).status_code == 200


@pytest.mark.parametrize("said", ["Bearer ", "Bearer s3cret"])
@pytest.mark.parametrize("content", [None, "", "\n"])
def test_without_a_token_to_compare_nobody_is_let_in(
    door: TestClient, token_file: Path, said: str, content: str | None
):
    token_file.unlink()
    if content is not None:
        token_file.write_text(content)
    answer = door.post("/dicomweb/studies", headers=bearing(said))
    assert answer.status_code == 503
    assert "token_file" in answer.text


def test_the_event_channel_asks_too(door: TestClient):
    path = "/dicomweb/subscribers/READER"
    with pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)), door.websocket_connect(path):
        pass
    with door.websocket_connect(path, headers=bearing("Bearer s3cret")):
        pass


def test_the_setting_guards_every_dicomweb_route_and_no_other(tmp_path: Path, token_file: Path):
    settings = Settings(site={"data_dir": tmp_path / "data"}, dicomweb={"token_file": token_file})
    app = build_web(settings)
    guarded = {route.path: type(route.app).__name__ == "BearerCheck" for route in app.routes if hasattr(route, "path")}
    assert {path for path, is_guarded in guarded.items() if is_guarded} == {
        path for path in guarded if path.startswith("/dicomweb")
    }
    assert any(guarded.values())
