"""``GET /fhir/Observation``: the newest risk of a stay or patient as a number to chart."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ehr_io.results.risk_observation import risk_observation
from serving.errors import DatabaseDownError
from serving.web.cds_hooks import RiskLookup, StoredRisk

_MEDIA_TYPE = "application/fhir+json"


def observation_routes(risks: RiskLookup, language: str) -> list[Route]:
    """The routes; free text is in *language* (``da`` or English)."""

    async def search(request: Request) -> Response:
        subject, stay = (request.query_params.get(name, "").rpartition("/")[2] for name in ("subject", "encounter"))
        if not (subject or stay):
            return _fault(400, "required", "give 'subject' or 'encounter', as in ?encounter=Encounter/123")
        try:
            found = await run_in_threadpool(_find, risks, subject, stay)
        except DatabaseDownError:
            return _fault(503, "transient", "the database does not answer; try again")
        entries = [{"resource": risk_observation(one.report, language), "search": {"mode": "match"}} for one in found]
        # R4 forbids empty arrays.
        answer = {"resourceType": "Bundle", "type": "searchset", "total": len(entries)}
        return JSONResponse({**answer, "entry": entries} if entries else answer, media_type=_MEDIA_TYPE)

    return [Route("/fhir/Observation", search, methods=["GET"])]


def _find(risks: RiskLookup, subject: str, stay: str) -> list[StoredRisk]:
    risk = risks.latest_for_stay(stay) if stay else risks.latest_for_patient(subject)
    return [risk] if risk is not None and subject in {"", risk.report.patient_id} else []


def _fault(status: int, code: str, text: str) -> Response:
    issue = {"severity": "error", "code": code, "diagnostics": text}
    return JSONResponse(
        {"resourceType": "OperationOutcome", "issue": [issue]}, status_code=status, media_type=_MEDIA_TYPE
    )
