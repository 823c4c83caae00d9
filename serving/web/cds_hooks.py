"""CDS Hooks 2.0: the record asks when a patient is opened, we answer with a card, and hear what became of it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Literal, Protocol, TypeVar

from pydantic import AwareDatetime, BaseModel, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ehr_io.results.card import card
from ehr_io.risks import RiskReport
from serving.errors import CaseNotFoundError, DatabaseDownError
from serving.web.bodies import BodyOverLimitError, read_body

_Model = TypeVar("_Model", bound=BaseModel)
SERVICE_ID = "varsel-infection-risk"
MAX_BODY_BYTES = 1024 * 1024
_SERVICE = {
    "hook": "patient-view",
    "id": SERVICE_ID,
    "title": "Varsel: risk of hospital-acquired infection",
    "description": "The newest risk of a hospital-acquired infection of the patient's stay, with its reasons.",
    "prefetch": {"patient": "Patient/{{context.patientId}}"},
}


@dataclass(frozen=True, kw_only=True)
class StoredRisk:
    """A risk as we hold it."""

    #: What is told of it.
    report: RiskReport
    #: Absolute address of its page; empty when there is none.
    page_url: str = ""


class RiskLookup(Protocol):
    """Where the doors find risks."""

    def latest_for_patient(self, patient_id: str) -> StoredRisk | None:
        """The newest risk of the patient's newest stay; None when there is none.

        Raises:
            DatabaseDownError: it cannot be asked.
        """

    def latest_for_stay(self, stay_id: str) -> StoredRisk | None:
        """The newest risk of the stay; None when there is none.

        Raises:
            DatabaseDownError: it cannot be asked.
        """

    def by_id(self, risk_id: str) -> StoredRisk | None:
        """The risk with this id; None when there is none.

        Raises:
            DatabaseDownError: it cannot be asked.
        """


class CardOutcome(Enum):
    """What became of a card (CDS Hooks 2.0, feedback)."""

    #: A suggestion of it was taken up.
    ACCEPTED = "accepted"
    #: It was set aside.
    OVERRIDDEN = "overridden"


@dataclass(frozen=True, kw_only=True)
class CardFeedback:
    """What a clinician did with one card: evidence of human oversight."""

    #: ``ehr_io.results.card.card_uuid`` of the risk's id.
    card_uuid: str
    #: What became of it.
    outcome: CardOutcome
    #: One of ``OVERRIDE_REASONS``; empty when none was given.
    reason_code: str
    #: What the clinician wrote; personal data.
    comment: str
    #: When, UTC.
    at: datetime


class FeedbackSink(Protocol):
    """Who keeps feedback."""

    def keep(self, feedback: CardFeedback) -> None:
        """Keep *feedback*; durable when it returns.

        Raises:
            CaseNotFoundError: we never sent such a card.
            DatabaseDownError: it could not be kept.
        """


class _Context(BaseModel):
    patientId: str = Field(min_length=1, max_length=128)
    userId: str = Field(min_length=1, max_length=256)


class _Call(BaseModel):
    hook: Literal["patient-view"]
    hookInstance: str = Field(min_length=1, max_length=128)
    context: _Context


class _Reason(BaseModel):
    code: str = Field(default="", max_length=64)


class _Override(BaseModel):
    reason: _Reason = _Reason()
    userComment: str = Field(default="", max_length=2000)


class _Feedback(BaseModel):
    card: str = Field(min_length=1, max_length=64)
    outcome: CardOutcome
    overrideReason: _Override = _Override()
    outcomeTimestamp: AwareDatetime


class _FeedbackCall(BaseModel):
    feedback: list[_Feedback] = Field(min_length=1, max_length=100)


def cds_routes(risks: RiskLookup, feedback: FeedbackSink, language: str) -> list[Route]:
    """The routes of the door; cards are in *language* (``da`` or English)."""
    door = _Door(risks, feedback, language)
    base = "/cds-services"
    return [
        Route(base, door.discover, methods=["GET"]),
        Route(f"{base}/{{service_id}}", door.call, methods=["POST"]),
        Route(f"{base}/{{service_id}}/feedback", door.hear, methods=["POST"]),
    ]


class _Door:
    def __init__(self, risks: RiskLookup, feedback: FeedbackSink, language: str) -> None:
        self._risks = risks
        self._feedback = feedback
        self._language = language

    async def discover(self, _: Request) -> Response:
        """``GET /cds-services``."""
        return JSONResponse({"services": [_SERVICE]})

    async def call(self, request: Request) -> Response:
        """``POST /cds-services/{id}``: one card, or none when there is nothing to say."""
        found = await _parsed(request, _Call)
        if isinstance(found, Response):
            return found
        try:
            risk = await run_in_threadpool(self._risks.latest_for_patient, found.context.patientId)
        except DatabaseDownError:
            return _down()
        return JSONResponse({"cards": [] if risk is None else [card(risk.report, self._language, risk.page_url)]})

    async def hear(self, request: Request) -> Response:
        """``POST /cds-services/{id}/feedback``."""
        found = await _parsed(request, _FeedbackCall)
        if isinstance(found, Response):
            return found
        try:
            for item in found.feedback:
                await run_in_threadpool(self._feedback.keep, _card_feedback(item))
        except CaseNotFoundError:
            return _fault(404, "no such card was sent from here; use the uuid of a card that was")
        except DatabaseDownError:
            return _down()
        return JSONResponse({})


async def _parsed(request: Request, model: type[_Model]) -> _Model | Response:
    """The body as *model*, or the answer that says why not."""
    if request.path_params["service_id"] != SERVICE_ID:
        return _fault(404, f"there is no such service; there is '{SERVICE_ID}'")
    try:
        return model.model_validate_json(await read_body(request, MAX_BODY_BYTES))
    except BodyOverLimitError as error:
        return _fault(413, str(error))
    except ValidationError as error:
        # Without the input: it is about a patient.
        wrong = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)]
        return _fault(400, "; ".join(wrong))


def _card_feedback(item: _Feedback) -> CardFeedback:
    return CardFeedback(
        card_uuid=item.card,
        outcome=item.outcome,
        reason_code=item.overrideReason.reason.code,
        comment=item.overrideReason.userComment,
        at=item.outcomeTimestamp.astimezone(UTC),
    )


def _fault(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    content: dict[str, Any] = {"message": message}
    return JSONResponse(content, status_code=status, headers=headers)


def _down() -> Response:
    return _fault(503, "the database does not answer; try again", {"Retry-After": "10"})
