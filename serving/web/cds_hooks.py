"""CDS Hooks 2.0: the record asks when a patient is opened or an order chosen, and hears what we have to say."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ehr_io.results.card import card
from ehr_io.risks import RiskReport
from serving.errors import CaseNotFoundError, DatabaseDownError
from serving.web.bodies import BodyOverLimitError, read_body
from serving.web.cds_calls import CardOutcome, Feedback, FeedbackCall, OrderCall, ViewCall
from serving.web.cds_tokens import Caller, TokenRefusedError

_Model = TypeVar("_Model", bound=BaseModel)
SERVICE_ID = "varsel-infection-risk"
#: Told only when the risk is raised: it interrupts somebody who is ordering.
ORDER_SERVICE_ID = "varsel-infection-risk-order-select"
#: An order-select call bears every draft order of the session.
MAX_BODY_BYTES = 1024 * 1024
_BASE = "/cds-services"
_SERVICES = [
    {
        "hook": "patient-view",
        "id": SERVICE_ID,
        "title": "Varsel: risk of hospital-acquired infection",
        "description": "The newest risk of a hospital-acquired infection of the patient's stay, with its reasons.",
        "prefetch": {"patient": "Patient/{{context.patientId}}"},
    },
    {
        "hook": "order-select",
        "id": ORDER_SERVICE_ID,
        "title": "Varsel: raised risk of infection while ordering",
        "description": "The newest risk of the patient's stay, where it is at or above its alert level.",
    },
]


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


class CallerCheck(Protocol):
    """Who says whether a caller is one of ours."""

    def check(self, authorization: str, path: str) -> Caller:
        """The caller that the header *authorization* names, for the service at *path*.

        Raises:
            TokenRefusedError: it is not one of ours.
            DatabaseDownError: it cannot be asked.
        """


def cds_routes(risks: RiskLookup, feedback: FeedbackSink, callers: CallerCheck, language: str) -> list[Route]:
    """The routes of the door; cards are in *language* (``da`` or English)."""
    door = _Door(risks, feedback, callers, language)
    return [
        Route(_BASE, door.discover, methods=["GET"]),
        Route(f"{_BASE}/{{service_id}}", door.call, methods=["POST"]),
        Route(f"{_BASE}/{{service_id}}/feedback", door.hear, methods=["POST"]),
    ]


class _Door:
    def __init__(self, risks: RiskLookup, feedback: FeedbackSink, callers: CallerCheck, language: str) -> None:
        self._risks = risks
        self._feedback = feedback
        self._callers = callers
        self._language = language

    async def discover(self, request: Request) -> Response:
        """``GET /cds-services``."""
        return await self._refusal(request, _BASE) or JSONResponse({"services": _SERVICES})

    async def call(self, request: Request) -> Response:
        """``POST /cds-services/{id}``: one card, or none when there is nothing to say."""
        service = request.path_params["service_id"]
        refused = await self._refusal(request, f"{_BASE}/{service}")
        if refused is not None:
            return refused
        is_ordering = service == ORDER_SERVICE_ID
        found = await (_parsed(request, OrderCall) if is_ordering else _parsed(request, ViewCall))
        if isinstance(found, Response):
            return found
        try:
            risk = await run_in_threadpool(self._risks.latest_for_patient, found.context.patientId)
        except DatabaseDownError:
            return _down()
        is_told = risk is not None and (risk.report.is_raised or not is_ordering)
        cards = [card(risk.report, self._language, risk.page_url)] if risk is not None and is_told else []
        return JSONResponse({"cards": cards})

    async def hear(self, request: Request) -> Response:
        """``POST /cds-services/{id}/feedback``."""
        refused = await self._refusal(request, f"{_BASE}/{request.path_params['service_id']}/feedback")
        if refused is not None:
            return refused
        found = await _parsed(request, FeedbackCall)
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

    async def _refusal(self, request: Request, path: str) -> Response | None:
        """Why the caller is not answered; None when it is."""
        try:
            await run_in_threadpool(self._callers.check, request.headers.get("authorization", ""), path)
        except TokenRefusedError as error:
            return _fault(401, str(error), {"WWW-Authenticate": "Bearer"})
        except DatabaseDownError:
            return _down()
        return None


async def _parsed(request: Request, model: type[_Model]) -> _Model | Response:
    """The body as *model*, or the answer that says why not."""
    if request.path_params["service_id"] not in {SERVICE_ID, ORDER_SERVICE_ID}:
        return _fault(404, f"there is no such service; there are '{SERVICE_ID}' and '{ORDER_SERVICE_ID}'")
    try:
        return model.model_validate_json(await read_body(request, MAX_BODY_BYTES))
    except BodyOverLimitError as error:
        return _fault(413, str(error))
    except ValidationError as error:
        # Without the input: it is about a patient.
        wrong = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)]
        return _fault(400, "; ".join(wrong))


def _card_feedback(item: Feedback) -> CardFeedback:
    return CardFeedback(
        card_uuid=item.card,
        outcome=item.outcome,
        reason_code=item.overrideReason.reason.code,
        comment=item.overrideReason.userComment,
        at=item.at.astimezone(UTC),
    )


def _fault(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    content: dict[str, Any] = {"message": message}
    return JSONResponse(content, status_code=status, headers=headers)


def _down() -> Response:
    return _fault(503, "the database does not answer; try again", {"Retry-After": "10"})
