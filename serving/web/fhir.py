"""The FHIR R4 door: Bundles of stays in, RiskAssessments out."""

from datetime import UTC, datetime
from typing import Any, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ehr_io.errors import BodyTooLargeError, NotFhirError
from ehr_io.receive.fhir import MAX_BODY_BYTES, read_bundle
from ehr_io.receive.reading import BundleReading, RefusalCode, ResourceRefusal
from ehr_io.results.risk_assessment import risk_assessment
from serving.errors import DatabaseDownError
from serving.web.bodies import BodyOverLimitError, read_body
from serving.web.cds_hooks import RiskLookup, StoredRisk

_MEDIA_TYPE = "application/fhir+json"
_Json = dict[str, Any]


class StayIntake(Protocol):
    """Who keeps what a Bundle told."""

    def take(self, reading: BundleReading) -> None:
        """Keep *reading*; durable when it returns.

        Raises:
            DatabaseDownError: nothing was kept.
        """


def fhir_routes(intake: StayIntake, risks: RiskLookup, language: str = "da") -> list[Route]:
    """The routes of the door; free text of results is in *language* (``da`` or English)."""
    door = _Door(intake, risks, language)
    return [
        Route("/fhir/metadata", door.metadata, methods=["GET"]),
        Route("/fhir", door.take, methods=["POST"]),
        Route("/fhir/RiskAssessment", door.search, methods=["GET"]),
        Route("/fhir/RiskAssessment/{risk_id}", door.read, methods=["GET"]),
    ]


class _Door:
    def __init__(self, intake: StayIntake, risks: RiskLookup, language: str) -> None:
        self._intake = intake
        self._risks = risks
        self._language = language

    async def metadata(self, _: Request) -> Response:
        """``GET /fhir/metadata`` (R4 3.1.0.9)."""
        return _fhir(_CAPABILITIES)

    async def take(self, request: Request) -> Response:
        """``POST /fhir``: 200 only when all that was taken is durable."""
        try:
            body = await read_body(request, MAX_BODY_BYTES)
            reading = await run_in_threadpool(read_bundle, body, datetime.now(UTC))
            await run_in_threadpool(self._intake.take, reading)
        except (BodyOverLimitError, BodyTooLargeError) as error:
            return _fault(413, "too-costly", str(error))
        except NotFhirError as error:
            return _fault(400, "structure", str(error))
        except DatabaseDownError:
            return _down()
        return _fhir(_response_bundle(reading))

    async def search(self, request: Request) -> Response:
        """``GET /fhir/RiskAssessment?subject=|encounter=``: the newest one, in a searchset."""
        subject, stay = (_logical_id(request, name) for name in ("subject", "encounter"))
        try:
            if stay:
                risk = await run_in_threadpool(self._risks.latest_for_stay, stay)
            elif subject:
                risk = await run_in_threadpool(self._risks.latest_for_patient, subject)
            else:
                return _fault(400, "required", "give 'subject' or 'encounter', as in ?subject=Patient/123")
        except DatabaseDownError:
            return _down()
        is_asked_for = risk is not None and subject in {"", risk.report.patient_id}
        return _fhir(self._search_set([risk] if risk is not None and is_asked_for else []))

    async def read(self, request: Request) -> Response:
        """``GET /fhir/RiskAssessment/{id}``."""
        try:
            risk = await run_in_threadpool(self._risks.by_id, request.path_params["risk_id"])
        except DatabaseDownError:
            return _down()
        if risk is None:
            return _fault(404, "not-found", "there is no RiskAssessment with this id")
        return _fhir(risk_assessment(risk.report, self._language))

    def _search_set(self, risks: list[StoredRisk]) -> _Json:
        entries = [
            {"resource": risk_assessment(risk.report, self._language), "search": {"mode": "match"}} for risk in risks
        ]
        # R4 forbids empty arrays.
        found: _Json = {"resourceType": "Bundle", "type": "searchset", "total": len(risks)}
        return {**found, "entry": entries} if entries else found


def _logical_id(request: Request, name: str) -> str:
    return request.query_params.get(name, "").rpartition("/")[2]


def _response_bundle(reading: BundleReading) -> _Json:
    # Each refusal answers one entry: of a resource that is there twice, the second.
    refusals = {refusal.source: refusal for refusal in reading.refusals}
    is_transaction = reading.bundle_type == "transaction"
    made: _Json = {"resourceType": "Bundle", "type": "transaction-response" if is_transaction else "batch-response"}
    entries = [_response_entry(refusals.get(source)) for source in reading.entries]
    return {**made, "entry": entries} if entries else made


def _response_entry(refusal: ResourceRefusal | None) -> _Json:
    if refusal is None:
        return {"response": {"status": "200 OK"}}
    is_withdrawal = refusal.reason_code is RefusalCode.ENTERED_IN_ERROR
    status = "200 OK" if is_withdrawal else "422 Unprocessable Entity"
    text = f"{refusal.reason_code.value}: {refusal.reason}"
    outcome = _outcome(
        "information" if is_withdrawal else "error", "informational" if is_withdrawal else "invalid", text
    )
    return {"response": {"status": status, "outcome": outcome}}


def _outcome(severity: str, code: str, text: str) -> _Json:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": code, "diagnostics": text}]}


def _fhir(resource: _Json, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(resource, status_code=status, headers=headers, media_type=_MEDIA_TYPE)


def _fault(status: int, code: str, text: str) -> Response:
    return _fhir(_outcome("error", code, text), status)


def _down() -> Response:
    text = "the database does not answer; nothing was taken, send it again"
    return _fhir(_outcome("error", "transient", text), 503, {"Retry-After": "10"})


_CAPABILITIES: _Json = {
    "resourceType": "CapabilityStatement",
    "status": "active",
    "date": "2026-11-22",
    "kind": "instance",
    "software": {"name": "Varsel"},
    "implementation": {"description": "Varsel: clinical AI decision support"},
    "fhirVersion": "4.0.1",
    "format": ["application/fhir+json"],
    "rest": [
        {
            "mode": "server",
            "documentation": "Bundles are taken resource by resource: a refused resource does not keep the others out. "
            "Read are Patient, Encounter, Observation, Procedure, MedicationAdministration and DiagnosticReport.",
            "resource": [
                {
                    "type": "RiskAssessment",
                    "interaction": [{"code": "read"}, {"code": "search-type"}],
                    "searchParam": [
                        {"name": "subject", "type": "reference"},
                        {"name": "encounter", "type": "reference"},
                    ],
                }
            ],
            "interaction": [{"code": "transaction"}, {"code": "batch"}],
        }
    ],
}
