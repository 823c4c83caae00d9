"""A live alert reaches the webhook, signed as the Standard Webhooks specification says, and is sent until taken."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from factories.deliveries import NODE, Sending
from factories.hl7 import message, visit
from factories.releases import make_release
from sqlalchemy import Engine, select
from standardwebhooks.webhooks import Webhook
from web_peers import WebPeer, web_peer

from dicom_io.errors import RejectedError, UnreachableError
from ehr_io.hl7.message import parse
from ehr_io.hl7.reader import ReaderSettings, read_message
from models.folder_store import FolderStore
from models.manifest import Task
from models.onnx_runtime import open_runtime
from models.provider import ExecutionProvider
from serving.alerts.policy import AlertPolicy, Mode
from serving.analyse import Analyser, Site
from serving.intake import Intake
from serving.outlets import Outlets
from serving.records import work
from serving.records.database import reading, writing
from serving.records.stay_intake import keep_told
from serving.records.surveillance_schema import ALERT
from serving.settings.destinations import WebhookDestination
from serving.settings.file import Rule

NOW = datetime.now(UTC).replace(microsecond=0)
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdefghijklmnopqrstuv").decode()
MODEL = "infection_urinary"


@pytest.fixture
def receiver() -> Iterator[WebPeer]:
    with web_peer() as peer:
        yield peer


@pytest.fixture
def sending(engine: Engine, receiver: WebPeer, tmp_path: Path) -> Sending:
    secret_file = tmp_path / "secret"
    secret_file.write_text(SECRET + "\n")
    to = WebhookDestination(name="ward-phone", url=f"{receiver.url}/hook", secret_file=secret_file, timeout_seconds=5)
    return Sending(engine=engine, directory=tmp_path, destinations=[to], outlet_of=Outlets().of)


def score(sending: Sending, mode: Mode) -> str:
    """Let a stay come in and be scored under a policy of *mode* that alerts at any risk; the id of its work item."""
    store = FolderStore(sending.directory / "store")
    make_release(sending.directory / "store", Task.STAY_RISK)
    _tell(sending.engine)
    Intake(sending.engine, store, [Rule(name="stays", model=MODEL, kind="stay")]).take_due()
    with writing(sending.engine) as connection:
        (item,) = work.claim_items(connection, NODE, 9, datetime.now(UTC))
    site = Site(
        destinations=sending.destinations,
        language="da",
        results_dir=sending.directory / "results",
        alert_policies=[AlertPolicy(name="p", version="2", model=MODEL, threshold=1e-9, mode=mode)],
        public_url="https://varsel.example",
    )
    Analyser(sending.engine, store, lambda one: open_runtime(one, provider=ExecutionProvider.CPU, threads=1), site).run(
        item
    )
    return item.id


def _tell(engine: Engine) -> None:
    sent, taken = (f"{NOW - timedelta(minutes=back):%Y%m%d%H%M%S}+0000" for back in (0, 60))
    codes = {"8310-5": ("39.5", "Cel"), "8867-4": ("120", "/min"), "9279-1": ("25", "/min"), "8480-6": ("95", "mm[Hg]")}
    codes |= {"1988-5": ("180", "mg/L"), "6690-2": ("14", "10*9/L")}
    found = [
        f"OBX|{n}|NM|{code}^T^LN||{value}|{unit}|||||F" for n, (code, (value, unit)) in enumerate(codes.items(), 1)
    ]
    came = message("ADT^A01", visit(admitted=taken), sent=sent)
    measured = message("ORU^R01", visit(admitted=taken), f"OBR|1||F1|v^v^L|||{taken}", *found, sent=sent)
    settings = ReaderSettings(zone=ZoneInfo("UTC"))
    told = [read_message(parse(body), NOW, settings).told for body in (came, measured)]
    with writing(engine) as connection:
        keep_told(connection, told, NOW)


def notified_at(engine: Engine) -> datetime | None:
    with reading(engine) as connection:
        return connection.scalar(select(ALERT.c.notified_at))


def test_a_live_alert_is_told_with_a_signature_that_an_outside_library_accepts(sending: Sending, receiver: WebPeer):
    item_id = score(sending, Mode.LIVE)
    assert sending.item(item_id).state == "delivering"

    sending.send("ward-phone")

    ((method, path, body),) = receiver.requests
    event = Webhook(SECRET).verify(body, {name.lower(): value for name, value in receiver.headers.items()})
    assert (method, path, event["type"]) == ("POST", "/hook", "varsel.risk_alert")
    assert (event["data"]["stay"], event["data"]["ward"]) == ("SYN-E-1", "MED-1")
    assert event["data"]["policy"]["version"] == "2"
    assert event["data"]["links"]["page"] == "https://varsel.example/stays/SYN-E-1"
    assert (sending.item(item_id).state, notified_at(sending.engine) is None) == ("done", False)


def test_a_silent_policy_tells_nobody(sending: Sending):
    item_id = score(sending, Mode.SILENT)
    assert (sending.item(item_id).state, sending.delivery("ward-phone")) == ("done", None)


def test_the_event_says_nothing_of_who_the_patient_is(sending: Sending, receiver: WebPeer):
    score(sending, Mode.LIVE)
    sending.send("ward-phone")
    assert b"SYN-P-1" not in receiver.requests[0][2]
    assert b"Karen" not in receiver.requests[0][2]


@pytest.mark.parametrize("status", [302, 401, 404, 429, 500])
def test_what_a_receiver_in_trouble_does_not_take_is_sent_again_with_the_same_id(
    sending: Sending, receiver: WebPeer, status: int
):
    score(sending, Mode.LIVE)
    receiver.answers["POST"] = (status, None)
    with pytest.raises(UnreachableError, match=str(status)):
        sending.send("ward-phone")
    first = receiver.headers["webhook-id"]
    assert notified_at(sending.engine) is None

    receiver.answers["POST"] = (200, None)
    sending.send("ward-phone")

    assert (receiver.headers["webhook-id"], len(receiver.requests)) == (first, 2)
    assert json.loads(receiver.requests[0][2]) == json.loads(receiver.requests[1][2])


def test_what_a_receiver_will_never_take_is_put_down(sending: Sending, receiver: WebPeer):
    score(sending, Mode.LIVE)
    receiver.answers["POST"] = (410, None)
    with pytest.raises(RejectedError, match="410"):
        sending.send("ward-phone")


@pytest.mark.parametrize("written", ["", "whsec_c2hvcnQ=", "whsec_%%%"])
def test_an_event_does_not_leave_without_a_good_secret(sending: Sending, receiver: WebPeer, written: str):
    score(sending, Mode.LIVE)
    (sending.directory / "secret").write_text(written)
    with pytest.raises(UnreachableError, match="secret"):
        sending.send("ward-phone")
    assert receiver.requests == []
