"""When too much waits, senders are told honestly to come later, and are let in again when there is room."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage, Verification
from sqlalchemy import Engine, delete, insert
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from dicom_io.receive.inbox import MemoryInbox
from dicom_io.receive.neck import SilentObserver
from dicom_io.receive.settings import StoreScpSettings
from dicom_io.receive.spool import Spool
from dicom_io.receive.store_scp import StoreScp
from serving.records.database import open_database, writing
from serving.records.pressure import Pressure
from serving.records.schema import METADATA, WORK_ITEM
from serving.web.admission import Admission

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'varsel.db'}")
    METADATA.create_all(engine)
    yield engine
    engine.dispose()


def queue(engine: Engine, ids: range, state: str = "queued") -> None:
    row = {"kind": "imaging", "case_id": "1", "generation": 1, "rule": "r", "model": "m", "model_version": "1"}
    times = dict.fromkeys(("not_before", "created_at", "input_at"), NOW)
    more = {"release_digest": "d", "priority": 2, "state": state}
    with writing(engine) as connection:
        connection.execute(insert(WORK_ITEM), [row | more | times | {"id": str(one)} for one in ids])


def test_senders_are_held_from_the_limit_on_until_a_tenth_is_done(engine: Engine):
    now = [0.0]
    pressure = Pressure(engine, 10, clock=lambda: now[0])

    def later() -> bool:
        now[0] += 1
        return pressure.is_high()

    queue(engine, range(9))
    assert not later()
    queue(engine, range(9, 10))
    assert later()
    with writing(engine) as connection:
        connection.execute(delete(WORK_ITEM).where(WORK_ITEM.c.id == "0"))
    assert later()
    with writing(engine) as connection:
        connection.execute(delete(WORK_ITEM).where(WORK_ITEM.c.id == "1"))
    assert not later()


def test_what_runs_or_is_done_does_not_wait(engine: Engine):
    queue(engine, range(20), state="running")

    assert not Pressure(engine, 10).is_high()


def test_the_database_is_asked_once_a_second_however_many_ask_us(engine: Engine):
    now = [0.0]
    pressure = Pressure(engine, 1, clock=lambda: now[0])
    assert not pressure.is_high()
    queue(engine, range(1))

    assert not pressure.is_high()
    now[0] = 1.0
    assert pressure.is_high()


def test_zero_holds_nobody(engine: Engine):
    queue(engine, range(5))

    assert not Pressure(engine, 0).is_high()


def test_a_held_http_door_says_when_to_come_back_and_others_stay_open():
    async def taken(_: Request) -> PlainTextResponse:
        return PlainTextResponse("taken")

    paths = ("/dicomweb/studies", "/dicomweb/studies/1.2", "/dicomweb/workitems", "/fhir", "/stays/1/reviews")
    held = [True]
    app = Starlette(routes=[Route(path, taken, methods=["GET", "POST"]) for path in paths])
    app.add_middleware(Admission, is_held=lambda: held[0], retry_after_seconds=30)
    client = TestClient(app)

    answers = {path: client.post(path) for path in paths}
    assert [answers[path].status_code for path in paths] == [503, 503, 503, 200, 200]
    assert answers["/dicomweb/studies"].headers["Retry-After"] == "30"
    assert client.get("/dicomweb/workitems").status_code == 200

    held[0] = False
    assert client.post("/dicomweb/studies").status_code == 200


def test_a_held_dicom_door_turns_new_senders_away_with_local_limit_exceeded(tmp_path: Path):
    """PS3.8 9.3.4: rejected-transient, service provider (presentation), local-limit-exceeded; C-ECHO is answered."""
    held = [False]
    settings = StoreScpSettings(port=0)
    scp = StoreScp(settings, MemoryInbox(), Spool(tmp_path), SilentObserver(), is_held=lambda: held[0])
    scp.start()
    try:
        inside = _associate(scp.port, CTImageStorage)
        held[0] = True
        outside = _associate(scp.port, CTImageStorage)
        echo = _associate(scp.port, Verification)

        primitive = outside.acceptor.primitive
        assert (primitive.result, primitive.result_source, primitive.diagnostic) == (2, 3, 2)
        assert inside.is_established
        assert echo.send_c_echo().Status == 0
        inside.release()
        echo.release()
    finally:
        scp.stop()


def _associate(port: int, syntax: str) -> Any:
    entity = AE("MODALITY")
    entity.add_requested_context(syntax)
    return entity.associate("127.0.0.1", port)
