"""Results told to a RIS and a record on the same ledger as the objects to an archive."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from factories.deliveries import Sending
from sqlalchemy import Engine
from web_peers import WebPeer, web_peer

from dicom_io.errors import RejectedError, UnreachableError
from dicom_io.results.withdrawal import WithdrawalReason
from ehr_io.hl7.acknowledgement import AckCode, Acknowledgement, ErrorCondition, write_acknowledgement
from ehr_io.hl7.message import Message, parse
from ehr_io.hl7.server import MllpServer, MllpSettings
from serving.outlets import Outlets
from serving.settings.destinations import FhirDestination, Hl7Destination
from serving.withdraw import Retraction, Withdrawer


@dataclass
class Ris:
    """A RIS that answers as it is told."""

    port: int = 0
    code: AckCode = AckCode.ACCEPT
    condition: ErrorCondition | None = None
    heard: list[Message] = field(default_factory=list)

    def answer(self, body: bytes) -> bytes:
        message = parse(body)
        self.heard.append(message)
        told = Acknowledgement(code=self.code, control_id=message.control_id, condition=self.condition)
        return write_acknowledgement(told, message, datetime.now(UTC))


@pytest.fixture
def ris() -> Iterator[Ris]:
    ris = Ris()
    server = MllpServer(MllpSettings(port=0), ris.answer)
    server.start()
    ris.port = server.port
    yield ris
    server.stop()


@pytest.fixture
def record() -> Iterator[WebPeer]:
    done = {"response": {"status": "201 Created"}}
    with web_peer(
        POST=(200, {"resourceType": "Bundle", "type": "transaction-response", "entry": [done, done]})
    ) as peer:
        yield peer


@pytest.fixture
def sending(engine: Engine, ris: Ris, record: WebPeer, tmp_path: Path) -> Sending:
    told = {"timeout_seconds": 5}
    destinations = [
        Hl7Destination(name="ris", host="127.0.0.1", port=ris.port, urgent_labels=("opacity",), **told),
        FhirDestination(name="record", url=record.url, patient_system="urn:oid:1.2.208.176.1.2", **told),
    ]
    return Sending(engine=engine, directory=tmp_path, destinations=destinations, outlet_of=Outlets().of)


def test_the_ris_hears_the_finding_as_preliminary_with_its_wish_to_be_read_sooner(sending: Sending, ris: Ris):
    item_id = sending.tell("study-1")

    sending.send("ris")
    sending.send("record")

    (message,) = ris.heard
    assert (message.kind, message.first("OBR").text(25)) == ("ORU^R01", "P")
    assert message.first("TQ1").text(9) == "A"
    assert sending.item(item_id).state == "done"
    assert sending.states("ris") == {"oru": "accepted"}


def test_the_record_hears_the_same_as_a_transaction(sending: Sending, record: WebPeer):
    sending.tell("study-1")

    sending.send("record")

    ((method, _, body),) = record.requests
    told = [one["resource"]["resourceType"] for one in json.loads(body)["entry"]]
    assert (method, told) == ("POST", ["Observation", "DiagnosticReport"])
    assert record.headers["Content-Type"] == "application/fhir+json"


def test_after_a_lost_answer_the_same_message_is_sent_again(sending: Sending, ris: Ris):
    sending.tell("study-1")
    ris.code, ris.condition = AckCode.REJECT, ErrorCondition.INTERNAL
    with pytest.raises(UnreachableError):
        sending.send("ris")
    ris.code, ris.condition = AckCode.ACCEPT, None

    sending.send("ris")

    first, second = ris.heard
    assert first.control_id == second.control_id
    assert sending.history("ris") == [("waiting", "transient"), ("accepted", "")]


@pytest.mark.parametrize("code", [AckCode.ERROR, AckCode.REJECT])
def test_a_message_that_the_ris_refuses_is_put_aside_with_its_code(sending: Sending, ris: Ris, code: AckCode):
    item_id = sending.tell("study-1")
    ris.code, ris.condition = code, ErrorCondition.UNKNOWN_KEY

    with pytest.raises(RejectedError, match=f"{code.value}, ERR-3 204"):
        sending.send("ris")

    assert (sending.delivery("ris").state, sending.item(item_id).state) == ("dead", "failed")


def test_a_later_answer_on_the_same_study_is_told_as_a_correction(sending: Sending, ris: Ris):
    sending.tell("study-1")
    sending.send("ris")

    sending.tell("study-1", generation=2)
    sending.send("ris")

    assert [one.first("OBR").text(25) for one in ris.heard] == ["P", "C"]


def test_a_withdrawal_reaches_both(sending: Sending, ris: Ris, record: WebPeer, engine: Engine, tmp_path: Path):
    item_id = sending.tell("study-1")
    for name in ("ris", "record"):
        sending.send(name)
    words = {"reason": WithdrawalReason.WITHDRAWN, "words": "sides were swapped", "actor": "tester"}

    Withdrawer(engine, tmp_path, "da").withdraw(Retraction(work_item_id=item_id, **words))
    for name in ("ris", "record"):
        sending.send(name)

    assert {one.text(11) for one in ris.heard[-1].all("OBX")} == {"D"}
    assert "trukket tilbage; se bort fra det. sides were swapped" in ris.heard[-1].first("NTE").text(3)
    entries = json.loads(record.requests[-1][2])["entry"]
    assert {one["resource"]["status"] for one in entries} == {"entered-in-error"}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((422, {"resourceType": "OperationOutcome", "issue": [{"code": "invalid"}]}), RejectedError),
        ((503, None), UnreachableError),
        ((401, None), UnreachableError),
        ((200, {"resourceType": "Bundle", "entry": []}), UnreachableError),
        ((200, None), UnreachableError),
    ],
)
def test_a_record_is_believed_only_when_it_says_that_all_was_done(
    sending: Sending, record: WebPeer, answer: tuple[int, Any], error: type[Exception]
):
    sending.tell("study-1")
    record.answers["POST"] = answer

    with pytest.raises(error):
        sending.send("record")
