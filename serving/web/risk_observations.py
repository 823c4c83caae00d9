"""``GET /fhir/Observation``: the newest risk of a stay or patient as a number to chart."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ehr_io.results.risk_observation import risk_observation
from serving.errors import DatabaseDownError
from serving.web.cds_hooks import RiskLookup, StoredRisk
from serving.web.fhir_answers import fault, fhir
from serving.web.fhir_requests import asked_for


def observation_routes(risks: RiskLookup, language: str) -> list[Route]:
    """The routes; free text is in *language* (``da`` or English)."""

    async def search(request: Request) -> Response:
        asked = asked_for(request)
        if isinstance(asked, Response):
            return asked
        try:
            found = await run_in_threadpool(_find, risks, *asked)
        except DatabaseDownError:
            return fault(503, "transient", "the database does not answer; try again")
        entries = [{"resource": risk_observation(one.report, language), "search": {"mode": "match"}} for one in found]
        # R4 forbids empty arrays.
        answer = {"resourceType": "Bundle", "type": "searchset", "total": len(entries)}
        return fhir({**answer, "entry": entries} if entries else answer)

    return [Route("/fhir/Observation", search, methods=["GET"])]


def _find(risks: RiskLookup, subject: str, stay: str) -> list[StoredRisk]:
    risk = risks.latest_for_stay(stay) if stay else risks.latest_for_patient(subject)
    return [risk] if risk is not None and subject in {"", risk.report.patient_id} else []
