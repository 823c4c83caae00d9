"""The FHIR R4 door: stays in, as Bundles or resource by resource; RiskAssessments out."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import uuid4

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ehr_io.errors import BodyTooLargeError, NotFhirError
from ehr_io.receive.fhir import MAX_BODY_BYTES, READABLE, read_bundle, read_new_resource, read_resource
from ehr_io.receive.fields import is_id
from ehr_io.receive.reading import BundleReading, RefusalCode, ResourceRefusal
from ehr_io.results.risk_assessment import risk_assessment
from serving.errors import DatabaseDownError
from serving.web.bodies import BodyOverLimitError, read_body
from serving.web.cds_hooks import RiskLookup, StoredRisk
from serving.web.fhir_answers import CAPABILITIES, down, fault, fhir, rejection, response_bundle, single
from serving.web.fhir_requests import asked_for, not_acceptable, unsupported

_Json = dict[str, Any]
#: A body of this size is read in less time (about a millisecond) than a thread for it costs.
_READ_AT_ONCE_BYTES = 8_192
#: From a body and the moment it came to what it said.
_Reader = Callable[[bytes, datetime], BundleReading]


class StayIntake(Protocol):
    """Who keeps what a Bundle told."""

    async def take(self, reading: BundleReading) -> Sequence[ResourceRefusal]:
        """Keep *reading*, durable when it returns; what of it named another patient than its stay's.

        Raises:
            DatabaseDownError: nothing was kept.
        """


def fhir_routes(intake: StayIntake, risks: RiskLookup, language: str = "da") -> list[Route]:
    """The routes of the door; free text of results is in *language* (``da`` or English)."""
    door = _Door(intake, risks, language)
    return [
        Route("/fhir/metadata", door.metadata, methods=["GET"]),
        Route("/fhir", door.take, methods=["POST"]),
        *(Route(f"/fhir/{name}", door.create, methods=["POST"]) for name in READABLE),
        *(Route(f"/fhir/{name}/{{logical_id}}", door.change, methods=["PUT", "DELETE"]) for name in READABLE),
        Route("/fhir/RiskAssessment", door.search, methods=["GET"]),
        Route("/fhir/RiskAssessment/{risk_id}", door.read, methods=["GET"]),
    ]


class _Door:
    def __init__(self, intake: StayIntake, risks: RiskLookup, language: str) -> None:
        self._intake = intake
        self._risks = risks
        self._language = language

    async def metadata(self, request: Request) -> Response:
        """``GET /fhir/metadata`` (R4 3.1.0.9)."""
        return not_acceptable(request) or fhir(CAPABILITIES)

    async def take(self, request: Request) -> Response:
        """``POST /fhir``: 200 only when all that was taken is durable; a transaction with a fault leaves nothing."""
        reading = await self._kept(request, read_bundle)
        if isinstance(reading, Response):
            return reading
        is_rejected = reading.bundle_type == "transaction" and reading.rejected
        return rejection(reading) if is_rejected else fhir(response_bundle(reading))

    async def create(self, request: Request) -> Response:
        """``POST /fhir/Type``: 201 with the id that it got."""
        name, logical_id = request.url.path.rpartition("/")[2], str(uuid4())
        reading = await self._kept(request, lambda body, now: read_new_resource(body, name, logical_id, now))
        location = {"Location": f"/fhir/{name}/{logical_id}"}
        return reading if isinstance(reading, Response) else single(reading, 201, location)

    async def change(self, request: Request) -> Response:
        """``PUT`` and ``DELETE /fhir/Type/id``; a PUT of what is not there creates it."""
        source = "/".join(request.url.path.split("/")[-2:])
        if not is_id(request.path_params["logical_id"]):
            return fault(400, "value", "the id is none; required: 1 to 64 letters, digits, dots or dashes")
        if request.method == "DELETE":
            reading = await self._kept(request, lambda _, now: _withdrawal(source, now))
            return reading if isinstance(reading, Response) else Response(status_code=204)
        reading = await self._kept(request, lambda body, now: read_resource(body, source, now))
        return reading if isinstance(reading, Response) else single(reading, 200, {})

    async def _kept(self, request: Request, read: _Reader) -> BundleReading | Response:
        """What *request* said, once it is durable; the answer when it could not even be read."""
        found = unsupported(request)
        if found is not None:
            return await self._refused(*found)
        try:
            body = await read_body(request, MAX_BODY_BYTES)
            now = datetime.now(UTC)
            is_quick = len(body) <= _READ_AT_ONCE_BYTES
            reading = read(body, now) if is_quick else await run_in_threadpool(read, body, now)
            is_rejected = reading.bundle_type == "transaction" and reading.rejected
            denied = await self._intake.take(reading.without_facts() if is_rejected else reading)
        except (BodyOverLimitError, BodyTooLargeError) as error:
            return await self._refused(413, "too-costly", str(error))
        except NotFhirError as error:
            return await self._refused(400, "structure", str(error))
        except DatabaseDownError:
            return down()
        return replace(reading, refusals=(*reading.refusals, *denied)) if denied else reading

    async def _refused(self, status: int, code: str, reason: str) -> Response:
        """The answer to a body that could not be read at all, once that it came is recorded."""
        refusal = ResourceRefusal(source="body", reason_code=RefusalCode.MALFORMED, reason=reason)
        try:
            await self._intake.take(_only(refusal, datetime.now(UTC)))
        except DatabaseDownError:
            return down()
        return fault(status, code, reason)

    async def search(self, request: Request) -> Response:
        """``GET /fhir/RiskAssessment?subject=|patient=|encounter=``: the newest one, in a searchset."""
        asked = asked_for(request)
        if isinstance(asked, Response):
            return asked
        subject, stay = asked
        try:
            if stay:
                risk = await run_in_threadpool(self._risks.latest_for_stay, stay)
            else:
                risk = await run_in_threadpool(self._risks.latest_for_patient, subject)
        except DatabaseDownError:
            return down()
        is_asked_for = risk is not None and subject in {"", risk.report.patient_id}
        return fhir(self._search_set([risk] if risk is not None and is_asked_for else []))

    async def read(self, request: Request) -> Response:
        """``GET /fhir/RiskAssessment/{id}``."""
        try:
            risk = await run_in_threadpool(self._risks.by_id, request.path_params["risk_id"])
        except DatabaseDownError:
            return down()
        if risk is None:
            return fault(404, "not-found", "there is no RiskAssessment with this id")
        return fhir(risk_assessment(risk.report, self._language))

    def _search_set(self, risks: list[StoredRisk]) -> _Json:
        entries = [
            {"resource": risk_assessment(risk.report, self._language), "search": {"mode": "match"}} for risk in risks
        ]
        # R4 forbids empty arrays.
        found: _Json = {"resourceType": "Bundle", "type": "searchset", "total": len(risks)}
        return {**found, "entry": entries} if entries else found


def _withdrawal(source: str, now: datetime) -> BundleReading:
    reason = "the sender deleted it"
    return _only(ResourceRefusal(source=source, reason_code=RefusalCode.ENTERED_IN_ERROR, reason=reason), now)


def _only(refusal: ResourceRefusal, now: datetime) -> BundleReading:
    return BundleReading(
        bundle_type="batch",
        patients=(),
        stays=(),
        events=(),
        refusals=(refusal,),
        entries=(refusal.source,),
        told_at={refusal.source: now},
    )
