"""The ward list and the page of a stay, with what people answer to a risk; live by server-sent events."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from serving.alerts.reviews import Review, ReviewKind, Subject, keep_review
from serving.errors import CaseNotFoundError, DatabaseDownError
from serving.records.database import reading, writing
from serving.settings.file import Settings
from serving.web import stay_queries
from serving.web.model_cards import ModelCard, card_of
from serving.web.reasons import grouped
from serving.web.review_forms import RISK_REASONS, SNOOZE_HOURS, Answer, read_answer
from serving.web.rows import RiskRow
from serving.web.stay_rows import ScoreRow, StayView
from serving.web.timeline import Lane, timeline
from serving.web.view import View

#: How often a live list looks for something new, and for how long one connection does: browsers come again.
_LOOK_SECONDS, _STREAM_SECONDS = 2.0, 300.0
_KINDS = frozenset({ReviewKind.ACKNOWLEDGED, ReviewKind.SNOOZED, ReviewKind.REJECTED})


@dataclass(frozen=True, kw_only=True)
class StayPages:
    """The handlers."""

    #: Where the rows are.
    engine: Engine
    #: Where releases lie, and who is signed on.
    settings: Settings
    #: Renders.
    view: View

    def routes(self) -> list[Route]:
        """Every page with its address."""
        return [
            Route("/stays", self.stays, name="stays"),
            Route("/stays/live", self.live, name="stays_live"),
            Route("/stays/{stay_id}", self.stay, name="stay"),
            Route("/stays/{stay_id}/reviews", self.review, methods=["POST"], name="stay_review"),
        ]

    def stays(self, request: Request) -> Response:
        """The ward list."""
        ward = request.query_params.get("ward", "")[:64]
        with reading(self.engine) as connection:
            rows = stay_queries.ward_list(connection, ward)
            values: dict[str, object] = {
                "rows": rows,
                "not_scored": stay_queries.not_scored(connection, ward),
                "wards": stay_queries.wards(connection),
                "ward": ward,
                "is_cut": len(rows) == stay_queries.LIST_SIZE,
            }
        language = self.view.language(request)
        cards = {row.risk.work_item_id: self._card(row.risk, language) for row in rows}
        values |= {"cards": cards, "now": datetime.now(UTC), "stale_hours": self.settings.stays.stale_hours}
        values |= {"web": self.settings.web} | self._form_values(request)
        return self.view.page(request, "stays.html", values | {"grouped": grouped})

    def stay(self, request: Request) -> Response:
        """One stay as it is, or as it was known at ``?at=``."""
        with reading(self.engine) as connection:
            view = stay_queries.stay_view(connection, request.path_params["stay_id"])
        now = datetime.now(UTC)
        asked = _moment(request, self.view.zone)
        is_past = asked is not None and asked < now
        moment = asked if asked is not None and is_past else view.newest
        model = _model(request, view)
        language = self.view.language(request)
        scores = [score for score in view.scores if score.model == model]
        shown = max((score for score in scores if score.as_of <= moment), key=lambda one: one.as_of, default=None)
        values: dict[str, object] = {
            "stay": view,
            "drawn": timeline(view, moment, model, self.view.zone),
            "lanes": tuple(Lane),
            "moment": moment,
            "is_past": is_past,
            "model": model,
            "models": tuple(sorted({score.model for score in view.scores})),
            "shown": shown,
            "card": None if shown is None else self._card(shown, language),
            "scores": tuple(reversed(scores)),
            "known": view.known_at(moment),
            "later": view.known_later(moment),
            "now": now,
            "grouped": grouped,
        }
        return self.view.page(request, "stay.html", values | self._form_values(request))

    async def review(self, request: Request) -> Response:
        """``POST``: acknowledge, snooze or reject the newest risk of a stay."""
        user = request.headers.get(self.settings.web.user_header, "") if self.settings.web.user_header else ""
        answer = await read_answer(request, _KINDS, frozenset(RISK_REASONS), user)
        stay_id = request.path_params["stay_id"]
        await run_in_threadpool(self._keep, stay_id, request.query_params.get("risk", ""), answer)
        back = (
            f"/stays#stay-{quote(stay_id)}" if "list" in request.query_params else f"/stays/{quote(stay_id, safe='')}"
        )
        return RedirectResponse(back, status_code=303)

    async def live(self, request: Request) -> Response:
        """Server-sent events: ``change`` whenever a risk, an alert or a review has come."""
        return StreamingResponse(self._changes(request), media_type="text/event-stream")

    async def _changes(self, request: Request) -> AsyncIterator[str]:
        seen = ""
        for _ in range(int(_STREAM_SECONDS / _LOOK_SECONDS)):
            if await request.is_disconnected():
                return
            told = await run_in_threadpool(self._newest_change)
            # The first line tells the browser that it is connected; what it holds is new by then.
            yield ": here\n\n" if told in {seen, ""} or not seen else f"event: change\ndata: {told}\n\n"
            seen = told or seen
            await asyncio.sleep(_LOOK_SECONDS)

    def _newest_change(self) -> str:
        try:
            with reading(self.engine) as connection:
                return hashlib.sha256(stay_queries.newest_change(connection).encode()).hexdigest()[:16]
        except DatabaseDownError:
            return ""

    def _keep(self, stay_id: str, risk_id: str, answer: Answer) -> None:
        with writing(self.engine) as connection:
            score = stay_queries.score_of(connection, stay_id, risk_id)
            if score is None:
                raise CaseNotFoundError(f"stay '{stay_id}' has no risk '{risk_id}'")
            review = Review(
                at=datetime.now(UTC),
                subject=Subject.RISK,
                subject_id=risk_id,
                stay_id=stay_id,
                model=score,
                kind=answer.kind,
                reason_code=answer.reason_code,
                comment=answer.comment,
                reviewer=answer.reviewer,
                until=answer.until,
            )
            keep_review(connection, review)

    def _form_values(self, request: Request) -> dict[str, object]:
        header = self.settings.web.user_header
        return {
            "user": request.headers.get(header, "") if header else "",
            "snooze_hours": SNOOZE_HOURS,
            "risk_reasons": RISK_REASONS,
        }

    def _card(self, row: ScoreRow | RiskRow, language: str) -> ModelCard | None:
        return card_of(self.settings.store_dir, row.model, row.release_digest, language)


def _moment(request: Request, zone: ZoneInfo) -> datetime | None:
    """The moment asked for, UTC; None when none is. Without an offset the clock of *zone* is meant: the ward's."""
    told = request.query_params.get("at", "")
    if not told:
        return None
    try:
        moment = datetime.fromisoformat(told)
        # A browser's own field gives no zone.
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise HTTPException(400) from None


def _model(request: Request, view: StayView) -> str:
    """The model looked at: the one asked for, else that of the newest score."""
    asked = request.query_params.get("model", "")
    known = [score.model for score in view.scores]
    return asked if asked in known else (known[-1] if known else "")
