"""The pages of cases: the list, one case, its picture, what was refused."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from dicom_io.findings import Outcome
from serving.records.database import reading
from serving.settings.file import Settings
from serving.web import queries, stay_queries
from serving.web.model_cards import ModelCard, card_of
from serving.web.rows import CaseFilter, CaseRow
from serving.web.view import View
from serving.work.item import State

_OUTCOMES = frozenset(outcome.value for outcome in Outcome)
_STATES = tuple(state.value for state in State)


@dataclass(frozen=True, kw_only=True)
class Pages:
    """The handlers; each reads the database in one short transaction."""

    #: Where the rows are.
    engine: Engine
    #: Where pictures and releases lie, and what this node is called.
    settings: Settings
    #: Renders.
    view: View

    def routes(self) -> list[Route]:
        """Every page with its address."""
        return [
            Route("/", self.cases, name="cases"),
            Route("/cases/{work_item_id}", self.case, name="case"),
            Route("/cases/{work_item_id}/picture.jpg", self.picture, name="picture"),
            Route("/refusals", self.refusals, name="refusals"),
        ]

    def cases(self, request: Request) -> Response:
        """The list of cases, or its live part alone when the page asks for that."""
        chosen = _filter(request)
        with reading(self.engine) as connection:
            values = self._case_list(connection, chosen, self.view.language(request))
        live = self.view.render(request, "_cases.html", values)
        seen = hashlib.sha256(live.encode()).hexdigest()[:16]
        if "HX-Request" in request.headers:
            # Nothing new: the page keeps what it has, and whoever reads or tabs through it is not disturbed.
            unchanged = request.query_params.get("seen") == seen
            return Response(status_code=204) if unchanged else HTMLResponse(live.replace("SEEN", seen, 1))
        return self.view.page(request, "cases.html", values | {"live": live.replace("SEEN", seen, 1)})

    def case(self, request: Request) -> Response:
        """One case with everything known of it."""
        language = self.view.language(request)
        with reading(self.engine) as connection:
            row = queries.case(connection, request.path_params["work_item_id"])
            values: dict[str, object] = {
                "others": queries.others_of_case(connection, row),
                "history": queries.history(connection, row.work_item_id),
                "reasons": stay_queries.risk_of(connection, row.work_item_id),
            }
        card = self._card(row, language)
        row = card.translated(row) if card else row
        values |= {"row": row, "card": card, "has_picture": self._picture_path(row).is_file()}
        return self.view.page(request, "case.html", values)

    def picture(self, request: Request) -> Response:
        """The finding drawn on its image, as JPEG."""
        with reading(self.engine) as connection:
            row = queries.case(connection, request.path_params["work_item_id"])
        path = self._picture_path(row)
        if not path.is_file():
            return PlainTextResponse("This case has no picture.\n", status_code=404)
        return FileResponse(path, media_type="image/jpeg")

    def refusals(self, request: Request) -> Response:
        """What was refused at the doors."""
        page = _page_number(request)
        with reading(self.engine) as connection:
            rows = queries.refusals(connection, page)
        return self.view.page(request, "refusals.html", {"rows": rows, "page": page, "page_size": queries.PAGE_SIZE})

    def _case_list(self, connection: Connection, chosen: CaseFilter, language: str) -> dict[str, object]:
        first_and_all = chosen == CaseFilter()
        carded = [(row, self._card(row, language)) for row in queries.cases(connection, chosen)]
        return {
            "rows": [card.translated(row) if card else row for row, card in carded],
            "matching": queries.count_cases(connection, chosen),
            "arriving": queries.arriving(connection) if first_and_all else (),
            "tally": queries.tally(connection),
            "chosen": chosen,
            "states": _STATES,
            "page_size": queries.PAGE_SIZE,
            "receive": self.settings.receive,
            "web": self.settings.web,
        }

    def _picture_path(self, row: CaseRow) -> Path:
        return self.settings.results_dir / row.work_item_id / "picture.jpg"

    def _card(self, row: CaseRow, language: str) -> ModelCard | None:
        return card_of(self.settings.store_dir, row.model, row.release_digest, language) if row.model else None


def _filter(request: Request) -> CaseFilter:
    asked = request.query_params
    outcome, state = asked.get("outcome", ""), asked.get("state", "")
    if (outcome and outcome not in _OUTCOMES) or (state and state not in _STATES):
        raise HTTPException(400)
    return CaseFilter(outcome=outcome, state=state, text=asked.get("q", "").strip()[:64], page=_page_number(request))


def _page_number(request: Request) -> int:
    text = request.query_params.get("page", "1")
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 1_000_000):
        raise HTTPException(400)
    return int(text[:9])
