"""The CDS Hooks door: discovery, one card or none, feedback; every fault as JSON without patient data."""

from datetime import UTC, datetime

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ehr_io.codes import Coding, Words
from ehr_io.risks import ModelIdentity, RiskReport
from serving.errors import CaseNotFoundError, DatabaseDownError
from serving.web.cds_calls import CardOutcome
from serving.web.cds_hooks import CardFeedback, StoredRisk, cds_routes
from serving.web.cds_tokens import Caller, TokenRefusedError

CALL = {"hook": "patient-view", "hookInstance": "h-1", "context": {"patientId": "p1", "userId": "Practitioner/1"}}
FEEDBACK = {"card": "c-1", "outcome": "accepted", "outcomeTimestamp": "2026-03-09T12:00:00+01:00"}
PATH = "/cds-services/varsel-infection-risk"


def risk() -> StoredRisk:
    report = RiskReport(
        id="risk-1",
        patient_id="p1",
        stay_id="e1",
        as_of=datetime(2026, 3, 9, 11, tzinfo=UTC),
        horizon_hours=48,
        outcome=Coding(system="http://snomed.info/sct", code="68566005"),
        outcome_text=Words(en="Urinary tract infection", da="Urinvejsinfektion"),
        probability=0.2,
        threshold=0.15,
        reasons=(),
        model=ModelIdentity(name="m", version="1", digest="ab" * 32, demonstration=True),
    )
    return StoredRisk(report=report, page_url="https://varsel.example/e1")


class Risks:
    def __init__(self, found: StoredRisk | None = None, *, is_down: bool = False) -> None:
        self.found, self.is_down = found, is_down

    def latest_for_patient(self, patient_id: str) -> StoredRisk | None:
        if self.is_down:
            raise DatabaseDownError
        return self.found if self.found and self.found.report.patient_id == patient_id else None

    latest_for_stay = by_id = latest_for_patient


class Sink:
    def __init__(self) -> None:
        self.kept: list[CardFeedback] = []

    def keep(self, feedback: CardFeedback) -> None:
        if feedback.card_uuid == "unknown":
            raise CaseNotFoundError
        self.kept.append(feedback)


class Callers:
    """Takes every caller, or none."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.refuses = refuses

    def check(self, authorization: str, path: str) -> Caller:
        if self.refuses:
            raise TokenRefusedError("no token")
        return Caller(issuer="")


def client(risks: Risks, sink: Sink | None = None, callers: Callers | None = None) -> TestClient:
    return TestClient(Starlette(routes=cds_routes(risks, sink or Sink(), callers or Callers(), "da")))


def test_discovery_names_the_service():
    service, _ = client(Risks()).get("/cds-services").json()["services"]
    assert (service["hook"], service["id"]) == ("patient-view", "varsel-infection-risk")
    assert service["prefetch"] == {"patient": "Patient/{{context.patientId}}"}


def test_a_patient_with_a_risk_gets_one_card():
    (card,) = client(Risks(risk())).post(PATH, json=CALL).json()["cards"]
    assert card["indicator"] == "warning"
    assert card["summary"].startswith("20 % risiko")
    assert card["links"][0]["url"] == "https://varsel.example/e1"


def test_a_patient_without_a_risk_gets_no_card():
    assert client(Risks()).post(PATH, json=CALL).json() == {"cards": []}


def test_another_service_is_not_found():
    assert client(Risks()).post("/cds-services/other", json=CALL).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        "no json",
        "[]",
        '{"hook": "order-sign", "hookInstance": "h", "context": {"patientId": "p1", "userId": "u"}}',
        '{"hook": "patient-view", "hookInstance": "h", "context": {"userId": "u"}}',
        '{"hook": "patient-view", "hookInstance": "h", "context": {"patientId": ["p"], "userId": "u"}}',
        '{"hook": "patient-view", "context": {"patientId": "SECRET", "userId": "u"}}',
    ],
)
def test_a_faulty_call_is_told_what_is_wrong_without_its_values(body: str):
    answer = client(Risks(risk())).post(PATH, content=body)
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert "SECRET" not in answer.text


def test_a_body_over_the_limit_is_refused():
    assert client(Risks()).post(PATH, content=b" " * (1024 * 1024 + 1)).status_code == 413


def test_a_database_that_is_down_is_told_as_such():
    answer = client(Risks(is_down=True)).post(PATH, json=CALL)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")


def test_feedback_is_kept_with_reason_and_comment():
    sink = Sink()
    override = {"reason": {"code": "already-treated", "system": "s"}, "userComment": "given"}
    told = FEEDBACK | {"outcome": "overridden", "overrideReason": override}
    assert client(Risks(), sink).post(f"{PATH}/feedback", json={"feedback": [told]}).status_code == 200
    assert sink.kept == [
        CardFeedback(
            card_uuid="c-1",
            outcome=CardOutcome.OVERRIDDEN,
            reason_code="already-treated",
            comment="given",
            at=datetime(2026, 3, 9, 11, tzinfo=UTC),
        )
    ]


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ([], 400),
        ([FEEDBACK | {"outcome": "liked"}], 400),
        ([FEEDBACK | {"outcomeTimestamp": "2026-03-09T12:00:00"}], 400),
        ([FEEDBACK | {"card": "unknown"}], 404),
    ],
)
def test_faulty_feedback_is_refused(told: list[object], status: int):
    assert client(Risks()).post(f"{PATH}/feedback", json={"feedback": told}).status_code == status


@pytest.mark.parametrize("path", ["/cds-services", PATH, f"{PATH}/feedback"])
def test_a_caller_that_is_refused_learns_nothing(path: str):
    asked = client(Risks(risk()), callers=Callers(refuses=True))
    answer = asked.get(path) if path == "/cds-services" else asked.post(path, json=CALL)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json() == {"message": "no token"}
