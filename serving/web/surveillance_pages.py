"""The pages of surveillance: overview, one definition, one case, editions side by side, the monthly report."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ehr_io.codes import Words
from ehr_io.definitions.catalogue import IN_FORCE, Definition
from evaluation.surveillance.counts import Case
from evaluation.surveillance.side_by_side import side_by_side
from serving.alerts.reviews import Review, ReviewKind, Subject, keep_review
from serving.records.database import reading, writing
from serving.settings.file import Settings
from serving.surveillance import queries
from serving.surveillance.figures import Figures, Period, coloured, editions_of, figures, find_definition
from serving.surveillance.report import Report, as_csv, as_pdf, monthly_report
from serving.web.review_forms import Answer, read_answer
from serving.web.surveillance_charts import draw_chart, draw_funnel
from serving.web.view import View

#: Why a case is rejected; a closed set, so that a definition's false alarms can be counted.
CASE_REASONS = {
    "contamination": Words(en="Contaminated sample", da="Forurenet prøve"),
    "present-on-admission": Words(en="Present on admission", da="Til stede ved indlæggelsen"),
    "no-infection": Words(en="No clinical infection", da="Ingen klinisk infektion"),
    "wrong-unit": Words(en="Counts to another unit", da="Hører til en anden afdeling"),
    "wrong-record": Words(en="The record is wrong", da="Journalen er forkert"),
}
_KINDS = frozenset({ReviewKind.CONFIRMED, ReviewKind.REJECTED})
_MONTH = re.compile(r"20\d\d-(0[1-9]|1[0-2])")
#: Cases on one page.
_LISTED = 200


@dataclass(frozen=True, kw_only=True)
class SurveillancePages:
    """The handlers."""

    #: Where the rows are.
    engine: Engine
    #: Who is signed on.
    settings: Settings
    #: Renders.
    view: View

    def routes(self) -> list[Route]:
        """Every page with its address."""
        base = "/surveillance"
        return [
            Route(base, self.overview, name="surveillance"),
            Route(f"{base}/report.{{form}}", self.report, name="surveillance_report"),
            Route(f"{base}/cases/{{case_id}}", self.case, name="surveillance_case"),
            Route(f"{base}/cases/{{case_id}}/reviews", self.review, methods=["POST"], name="surveillance_review"),
            Route(f"{base}/{{definition}}", self.definition, name="surveillance_definition"),
            Route(f"{base}/{{definition}}/editions", self.editions, name="surveillance_editions"),
        ]

    def overview(self, request: Request) -> Response:
        """Incidence, the coloured grid and clusters by the definitions in force."""
        period = _period(request)
        with reading(self.engine) as connection:
            told = {one.id: _figures(connection, one, period) for one in IN_FORCE}
            contacts = queries.contacts(connection)
            boxes = {key: coloured(one.cases, contacts, period) for key, one in told.items()}
            values: dict[str, object] = {
                "run": queries.newest_run(connection),
                "told": told,
                "boxes": boxes,
                "units": sorted({unit for of_definition in boxes.values() for unit in of_definition if unit}),
                "clusters": queries.clusters(connection),
                "period": period,
                "titles": {one.id: one.title for one in IN_FORCE},
            }
        return self.view.page(request, "surveillance.html", values)

    def definition(self, request: Request) -> Response:
        """One definition: control chart, funnel, units, cases."""
        definition = _definition(request)
        period, unit = _period(request), request.query_params.get("unit", "")[:64]
        with reading(self.engine) as connection:
            told = _figures(connection, definition, period, unit)
        values: dict[str, object] = {
            "told": told,
            "drawn": draw_chart(told.chart, told.scale),
            "drawn_funnel": draw_funnel(told.funnel, told.scale),
            "editions": editions_of(definition.id),
            "period": period,
            "unit": unit,
            "listed": told.cases[:_LISTED],
        }
        return self.view.page(request, "definition.html", values)

    def case(self, request: Request) -> Response:
        """One case with its reason, and what people said of it."""
        with reading(self.engine) as connection:
            case = queries.kept_case(connection, request.path_params["case_id"])
        header = self.settings.web.user_header
        definition = find_definition(case.definition, case.edition)
        values: dict[str, object] = {
            "case": case,
            "definition": definition,
            "reasons": CASE_REASONS,
            "user": request.headers.get(header, "") if header else "",
        }
        return self.view.page(request, "surveillance_case.html", values)

    def editions(self, request: Request) -> Response:
        """Two editions of one definition on the same samples."""
        both = editions_of(request.path_params["definition"])[:2]
        if len(both) < 2:
            raise HTTPException(404)
        period = _period(request)
        with reading(self.engine) as connection:
            told = [_figures(connection, one, period) for one in both]
        by_sample = [[_by_sample(one) for one in figures_.cases] for figures_ in told]
        sources = {case.source: case for figures_ in told for case in figures_.cases}
        compared = side_by_side(*by_sample)
        values = {"told": told, "compared": compared, "sources": sources, "period": period}
        return self.view.page(request, "editions.html", values)

    def report(self, request: Request) -> Response:
        """The report of one month, as a page, PDF or CSV."""
        form = request.path_params["form"]
        month = request.query_params.get("month") or datetime.now(UTC).strftime("%Y-%m")
        if not _MONTH.fullmatch(month) or form not in {"html", "pdf", "csv"}:
            raise HTTPException(400 if form in {"html", "pdf", "csv"} else 404)
        with reading(self.engine) as connection:
            report = monthly_report(connection, month)
        language = self.view.language(request)
        if form == "html":
            return self.view.page(request, "report.html", {"report": report})
        return _file(report, form, language)

    async def review(self, request: Request) -> Response:
        """``POST``: the infection-control nurse confirms or rejects a case."""
        header = self.settings.web.user_header
        user = request.headers.get(header, "") if header else ""
        answer = await read_answer(request, _KINDS, frozenset(CASE_REASONS), user)
        case_id = request.path_params["case_id"]
        await run_in_threadpool(self._keep, case_id, answer)
        return RedirectResponse(f"/surveillance/cases/{case_id}", status_code=303)

    def _keep(self, case_id: str, answer: Answer) -> None:
        with writing(self.engine) as connection:
            case = queries.kept_case(connection, case_id)
            review = Review(
                at=datetime.now(UTC),
                subject=Subject.CASE,
                subject_id=case.id,
                stay_id=case.stay_id,
                model=f"{case.definition} {case.edition}",
                kind=answer.kind,
                reason_code=answer.reason_code,
                comment=answer.comment,
                reviewer=answer.reviewer,
            )
            keep_review(connection, review)


def _figures(connection: Connection, definition: Definition, period: Period, unit: str = "") -> Figures:
    edition = definition.edition.name
    cases = queries.kept_cases(connection, definition.id, edition)
    return figures(definition, cases, queries.exposures(connection, definition.id, edition), period=period, unit=unit)


def _definition(request: Request) -> Definition:
    found = find_definition(request.path_params["definition"], request.query_params.get("edition", ""))
    if found is None:
        raise HTTPException(404)
    return found


def _period(request: Request) -> Period:
    first, last = (request.query_params.get(name, "") for name in ("from", "to"))
    if any(month and not _MONTH.fullmatch(month) for month in (first, last)):
        raise HTTPException(400)
    return Period(first=first, last=last)


def _by_sample(case: queries.KeptCase) -> Case:
    return Case(id=case.source, unit=case.unit, day=case.sampled_at.date())


def _file(report: Report, form: str, language: str) -> Response:
    body = as_pdf(report, language) if form == "pdf" else as_csv(report, language)
    media_type = "application/pdf" if form == "pdf" else "text/csv; charset=utf-8"
    disposition = f'attachment; filename="varsel-{report.month}.{form}"'
    return Response(body, media_type=media_type, headers={"Content-Disposition": disposition})
