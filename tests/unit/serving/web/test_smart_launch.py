"""The record launches us, and the clinician comes to the stay; whatever is amiss is said and leads nowhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from smart_record import SmartServer, smart_server
from sqlalchemy import Engine, insert, select
from starlette.applications import Starlette
from starlette.testclient import TestClient

from serving.records.database import open_database, reading, writing
from serving.records.migrate import migrate
from serving.records.schema import AUDIT, STAY
from serving.settings.smart import Smart
from serving.web.smart_launch import SmartLaunch
from serving.web.view import open_view
from tests.factories.wards import NOW

PUBLIC = "http://testserver"


@pytest.fixture
def record() -> Iterator[SmartServer]:
    with smart_server() as running:
        yield running


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_database(f"sqlite:///{tmp_path / 'varsel.db'}")
    migrate(made)
    with writing(made) as connection:
        for stay, patient in (("E1", "P1"), ("E2", "P2")):
            connection.execute(insert(STAY).values(stay_id=stay, patient_id=patient, known_until=NOW))
    yield made
    made.dispose()


def browser(engine: Engine, record: SmartServer, **changes: Any) -> TestClient:
    """A clinician's browser on a site where *record* may launch; it follows nothing by itself."""
    known = {"issuer": record.url, "client_id": "varsel"} | changes
    settings = Smart.model_validate({"records": [known], "timeout_seconds": 5})
    launch = SmartLaunch(engine, settings, PUBLIC, open_view("en", ZoneInfo("UTC")))
    return TestClient(Starlette(routes=launch.routes()), follow_redirects=False)


def begin(at: TestClient, record: SmartServer) -> str:
    """Launch from *record*; the address at which its sign-on sends the browser back to us."""
    sent = at.get("/launch", params={"iss": record.url, "launch": record.launch})
    assert sent.status_code == 303
    back = httpx.get(sent.headers["location"], trust_env=False)
    assert back.status_code == 302
    return back.headers["location"]


def launched(at: TestClient, record: SmartServer) -> httpx.Response:
    return at.get(begin(at, record))


def test_a_launch_leads_to_the_stay_that_is_open_in_the_record(engine: Engine, record: SmartServer):
    at = browser(engine, record)
    answer = launched(at, record)
    assert (answer.status_code, answer.headers["location"]) == (303, "/stays/E1")
    with reading(engine) as connection:
        row = connection.execute(select(AUDIT).where(AUDIT.c.action == "launched")).one()
    assert (row.subject, row.detail["user"]) == ("E1", f"{record.url}/Practitioner/u7")


def test_a_patient_without_an_encounter_leads_to_his_newest_stay(engine: Engine, record: SmartServer):
    record.context = {"patient": "P2"}
    assert launched(browser(engine, record), record).headers["location"] == "/stays/E2"


def test_a_client_with_a_secret_shows_it(engine: Engine, record: SmartServer, tmp_path: Path):
    record.client_secret = "s3cret"
    (tmp_path / "secret").write_text("s3cret\n")
    at = browser(engine, record, client_secret_file=tmp_path / "secret")
    assert launched(at, record).status_code == 303
    (tmp_path / "secret").write_text("another")
    assert launched(at, record).status_code == 502


@pytest.mark.parametrize("iss", ["https://evil.example/fhir", "", "http://127.0.0.1:1/fhir"])
def test_only_a_record_of_the_settings_may_launch(engine: Engine, record: SmartServer, iss: str):
    answer = browser(engine, record).get("/launch", params={"iss": iss, "launch": "x"})
    assert (answer.status_code, "may not launch" in answer.text) == (400, True)


def test_what_is_asked_for_is_bound_to_this_launch(engine: Engine, record: SmartServer):
    at = browser(engine, record)
    asked = [
        dict(
            parse_qsl(urlsplit(at.get("/launch", params={"iss": record.url, "launch": "l"}).headers["location"]).query)
        )
        for _ in range(2)
    ]
    assert asked[0]["aud"] == record.url
    assert asked[0]["redirect_uri"] == f"{PUBLIC}/launch/return"
    assert all(asked[0][name] != asked[1][name] for name in ("state", "nonce", "code_challenge"))


def test_a_launch_is_taken_once(engine: Engine, record: SmartServer):
    at = browser(engine, record)
    back = begin(at, record)
    assert at.get(back).status_code == 303
    assert "not known any more" in at.get(back).text


def test_another_browser_cannot_end_it(engine: Engine, record: SmartServer):
    back = begin(browser(engine, record), record)
    assert browser(engine, record).get(back).status_code == 400


def test_a_refusal_of_the_record_is_told(engine: Engine, record: SmartServer):
    at = browser(engine, record)
    state = dict(parse_qsl(urlsplit(begin(at, record)).query))["state"]
    answer = at.get("/launch/return", params={"error": "access_denied", "state": state})
    assert (answer.status_code, "did not allow" in answer.text) == (403, True)


@pytest.mark.parametrize(
    "claims",
    [{"nonce": "another"}, {"aud": "another"}, {"iss": "https://evil.example"}, {"exp": 1_700_000_000}, {"sub": None}],
)
def test_an_id_token_that_is_not_ours_is_refused(engine: Engine, record: SmartServer, claims: dict[str, Any]):
    record.claims = claims
    answer = launched(browser(engine, record), record)
    assert (answer.status_code, "is not taken" in answer.text) == (502, True)


def test_an_id_token_signed_by_another_key_is_refused(engine: Engine, record: SmartServer):
    record.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert launched(browser(engine, record), record).status_code == 502


@pytest.mark.parametrize(
    "configuration",
    [
        {"code_challenge_methods_supported": ["plain"]},
        {"token_endpoint": "ftp://127.0.0.1/token"},
        {"authorization_endpoint": 7},
    ],
)
def test_a_record_that_cannot_do_it_safely_is_refused(
    engine: Engine, record: SmartServer, configuration: dict[str, Any]
):
    record.configuration = configuration
    answer = browser(engine, record).get("/launch", params={"iss": record.url, "launch": record.launch})
    assert answer.status_code == 502


def test_a_record_that_is_down_is_told(engine: Engine, record: SmartServer):
    at = browser(engine, record, issuer="http://127.0.0.1:9/fhir")
    answer = at.get("/launch", params={"iss": "http://127.0.0.1:9/fhir", "launch": "x"})
    assert (answer.status_code, "could not be reached" in answer.text) == (502, True)


@pytest.mark.parametrize("context", [{"patient": "P9", "encounter": "E9"}, {"patient": "P2", "encounter": "E1"}, {}])
def test_a_stay_that_is_not_known_or_another_patients_opens_no_page(
    engine: Engine, record: SmartServer, context: dict[str, Any]
):
    record.context = context
    assert launched(browser(engine, record), record).status_code == 404


def test_a_launch_that_took_too_long_is_over(engine: Engine, record: SmartServer):
    settings = Smart.model_validate(
        {"records": [{"issuer": record.url, "client_id": "varsel"}], "return_seconds": 1e-9}
    )
    launch = SmartLaunch(engine, settings, PUBLIC, open_view("da", ZoneInfo("UTC")))
    at = TestClient(Starlette(routes=launch.routes()), follow_redirects=False)
    assert launched(at, record).status_code == 400
