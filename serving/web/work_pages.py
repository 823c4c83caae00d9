"""The pages of work: what is not done, one item with all that happened to it, and a person's hand on it.

They do what ``varsel work list | show | retry | cancel | withdraw`` do, by the same functions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from sqlalchemy import Connection, Engine
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from dicom_io.results.withdrawal import WithdrawalReason
from serving.errors import NotWithdrawnError
from serving.records.cancel import cancel
from serving.records.database import reading, writing
from serving.records.retry import retry
from serving.records.work_detail import read_work
from serving.settings.file import Settings
from serving.web.review_forms import refuse_other_sites
from serving.web.view import View
from serving.web.work_queries import PAGE_SIZE, WorkFilter, open_work
from serving.withdraw import Retraction, Withdrawer
from serving.work.item import State

_STATES = tuple(state.value for state in State)
_MAX_FORM_FIELDS = 4
_MAX_BODY_BYTES = 16 * 1024
_LONGEST_ACTOR = 64
_LONGEST_WORDS = 200


class Deed(Enum):
    """What a person may do to work."""

    #: Try again what failed.
    RETRY = "retry"
    #: Call off what has not begun.
    CANCEL = "cancel"
    #: Take back what was said.
    WITHDRAW = "withdraw"


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a form asked for."""

    #: Which.
    deed: Deed
    #: Who.
    actor: str
    #: Why, where something is taken back.
    words: str
    #: Whether it must not be used for this patient.
    is_for_safety: bool


@dataclass(frozen=True, kw_only=True)
class WorkPages:
    """The handlers."""

    #: Where the rows are.
    engine: Engine
    #: Where results lie, and who is signed on.
    settings: Settings
    #: Renders.
    view: View

    def routes(self) -> list[Route]:
        """Every page with its address."""
        return [
            Route("/queue", self.listed, name="work"),
            Route("/queue/{work_item_id}", self.shown, name="work_item"),
            Route("/queue/{work_item_id}/{deed}", self.done, methods=["POST"], name="work_deed"),
        ]

    def listed(self, request: Request) -> Response:
        """What is not done, or what a state or a destination has."""
        chosen = self._filter(request)
        with reading(self.engine) as connection:
            rows = open_work(connection, chosen)
        values: dict[str, object] = {
            "rows": rows,
            "chosen": chosen,
            "states": _STATES,
            "destinations": self._destinations,
            "page_size": PAGE_SIZE,
        }
        return self.view.page(request, "work.html", values)

    def shown(self, request: Request) -> Response:
        """One work item: every object at every destination, all that happened, and what can be done."""
        return self._page(request, "", 200)

    async def done(self, request: Request) -> Response:
        """``POST``: try again, call off, or take back."""
        order = await _read_order(request, self._user(request))
        refusal = await run_in_threadpool(self._carry_out, request.path_params["work_item_id"], order)
        if refusal:
            return await run_in_threadpool(self._page, request, refusal, 409)
        return RedirectResponse(f"/queue/{request.path_params['work_item_id']}", status_code=303)

    def _page(self, request: Request, refusal: str, status: int) -> Response:
        detail = read_work(self.engine, request.path_params["work_item_id"])
        values: dict[str, object] = {
            "detail": detail,
            "history": [(datetime.fromisoformat(one.at), one) for one in detail.history],
            "user": self._user(request),
            "refusal": refusal,
            "longest": _LONGEST_WORDS,
        }
        return self.view.page(request, "work_item.html", values, status=status)

    def _carry_out(self, work_item_id: str, order: Order) -> str:
        """Which words of the table ``work`` tell why it was not done; empty when it was."""
        if order.deed is Deed.WITHDRAW:
            return self._withdraw(work_item_id, order)
        does: Callable[[Connection, str, str, datetime], bool] = retry if order.deed is Deed.RETRY else cancel
        with writing(self.engine) as connection:
            was_done = does(connection, work_item_id, order.actor, datetime.now(UTC))
        return "" if was_done else f"no_{order.deed.value}"

    def _withdraw(self, work_item_id: str, order: Order) -> str:
        reason = WithdrawalReason.PATIENT_SAFETY if order.is_for_safety else WithdrawalReason.WITHDRAWN
        retraction = Retraction(work_item_id=work_item_id, reason=reason, words=order.words, actor=order.actor)
        try:
            Withdrawer(self.engine, self.settings.results_dir, self.settings.site.language).withdraw(retraction)
        except NotWithdrawnError:
            return "no_withdraw"
        return ""

    def _filter(self, request: Request) -> WorkFilter:
        asked = request.query_params
        state, destination, page = asked.get("state", ""), asked.get("destination", ""), asked.get("page", "1")
        is_page = page.isascii() and page.isdigit() and 1 <= int(page[:6]) <= 100_000
        known = {"", *_STATES}
        if state not in known or destination not in {"", *self._destinations} or not is_page:
            raise HTTPException(400)
        return WorkFilter(state=state, destination=destination, page=int(page[:6]))

    def _user(self, request: Request) -> str:
        header = self.settings.web.user_header
        return request.headers.get(header, "") if header else ""

    @property
    def _destinations(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.settings.all_destinations)


async def _read_order(request: Request, user: str) -> Order:
    """What the form of *request* asks for.

    Raises:
        HTTPException: 400 when a field is missing or impossible, 403 when the form is not one of our own pages.
    """
    refuse_other_sites(request)
    deed = next((one for one in Deed if one.value == request.path_params["deed"]), None)
    if deed is None:
        raise HTTPException(404)
    if int(request.headers.get("content-length") or 0) > _MAX_BODY_BYTES:
        raise HTTPException(413)
    async with request.form(max_files=0, max_fields=_MAX_FORM_FIELDS) as form:
        actor, words = (str(form.get(name, "")).strip() for name in ("actor", "words"))
        is_for_safety = form.get("safety") == "yes"
    actor = user or actor
    lacks_words = deed is Deed.WITHDRAW and not words
    if not actor or lacks_words or len(actor) > _LONGEST_ACTOR or len(words) > _LONGEST_WORDS:
        raise HTTPException(400)
    return Order(deed=deed, actor=actor, words=words, is_for_safety=is_for_safety)
