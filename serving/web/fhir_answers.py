"""What the FHIR door answers: OperationOutcomes, response Bundles, the capability statement."""

from typing import Any

from starlette.responses import JSONResponse, Response

from ehr_io.receive.fhir import READABLE
from ehr_io.receive.reading import NO_FAULT, BundleReading, RefusalCode, ResourceRefusal

MEDIA_TYPE = "application/fhir+json"
Json = dict[str, Any]
_CODES = {RefusalCode.ENTERED_IN_ERROR: "deleted", RefusalCode.UNSUPPORTED_TYPE: "not-supported"}
_CODES |= {RefusalCode.UNKNOWN_CODE: "code-invalid", RefusalCode.NOT_DONE: "informational"}
_CODES |= {RefusalCode.DUPLICATE: "duplicate", RefusalCode.NO_REFERENCE: "not-found"}


def fhir(resource: Json, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """*resource* as an answer."""
    return JSONResponse(resource, status_code=status, headers=headers, media_type=MEDIA_TYPE)


def fault(status: int, code: str, text: str) -> Response:
    """An error with one issue."""
    return fhir(_outcome([_issue("error", code, text)]), status)


def down() -> Response:
    """Nothing could be kept."""
    text = "the database does not answer; nothing was taken, send it again"
    return fhir(_outcome([_issue("error", "transient", text)]), 503, {"Retry-After": "10"})


def rejection(reading: BundleReading) -> Response:
    """A transaction of which nothing was taken, with every reason (R4 3.1.0.11.2)."""
    places = {source: f"Bundle.entry[{n}]" for n, source in enumerate(reading.entries)}
    issues = [{**_told(refusal), "expression": [places.get(refusal.source, "Bundle")]} for refusal in reading.rejected]
    return fhir(_outcome(issues), 422)


def single(reading: BundleReading, status: int, headers: dict[str, str]) -> Response:
    """The answer to one resource: taken, taken without telling us anything, or refused."""
    issues = [_told(refusal) for refusal in reading.refusals] or [_issue("information", "informational", "taken")]
    return fhir(_outcome(issues), 422 if reading.rejected else status, {} if reading.rejected else headers)


def response_bundle(reading: BundleReading) -> Json:
    """The answer to a Bundle, entry by entry."""
    # Each refusal answers one entry: of a resource that is there twice, the second.
    refusals = {refusal.source: refusal for refusal in reading.refusals}
    is_transaction = reading.bundle_type == "transaction"
    made: Json = {"resourceType": "Bundle", "type": "transaction-response" if is_transaction else "batch-response"}
    entries = [_response_entry(refusals.get(source)) for source in reading.entries]
    return {**made, "entry": entries} if entries else made


def _response_entry(refusal: ResourceRefusal | None) -> Json:
    if refusal is None:
        return {"response": {"status": "200 OK"}}
    status = "200 OK" if refusal.reason_code in NO_FAULT else "422 Unprocessable Entity"
    return {"response": {"status": status, "outcome": _outcome([_told(refusal)])}}


def _told(refusal: ResourceRefusal) -> Json:
    code = refusal.reason_code
    severity = "error" if code not in NO_FAULT else "information" if code is RefusalCode.ENTERED_IN_ERROR else "warning"
    return _issue(severity, _CODES.get(code, "invalid"), f"{code.value}: {refusal.reason}")


def _issue(severity: str, code: str, text: str) -> Json:
    return {"severity": severity, "code": code, "diagnostics": text}


def _outcome(issues: list[Json]) -> Json:
    return {"resourceType": "OperationOutcome", "issue": issues}


def _written(name: str) -> Json:
    return {
        "type": name,
        "interaction": [{"code": "create"}, {"code": "update"}, {"code": "delete"}],
        "updateCreate": True,
        "versioning": "no-version",
        "conditionalCreate": False,
        "conditionalUpdate": False,
    }


_WHOSE: list[Json] = [{"name": name, "type": "reference"} for name in ("subject", "patient", "encounter")]
_RISKS: Json = {
    "type": "RiskAssessment",
    "interaction": [{"code": "read"}, {"code": "search-type"}],
    "searchParam": _WHOSE,
}


def _observations() -> Json:
    """What is written as any other type, and searched: the newest risk, as a number to chart."""
    written = _written("Observation")
    documentation = "The search gives the newest risk that was computed, not what was written here."
    searched = [*written["interaction"], {"code": "search-type", "documentation": documentation}]
    return {**written, "interaction": searched, "searchParam": _WHOSE}


CAPABILITIES: Json = {
    "resourceType": "CapabilityStatement",
    "status": "active",
    "date": "2026-11-22",
    "kind": "instance",
    "software": {"name": "Varsel"},
    "implementation": {"description": "Varsel: clinical AI decision support"},
    "fhirVersion": "4.0.1",
    "format": [MEDIA_TYPE],
    "rest": [
        {
            "mode": "server",
            "documentation": "What is written is read into facts of stays and not kept as a resource, so it cannot "
            "be read back. A transaction is taken as a whole or not at all; of a batch, each entry for itself. A code "
            "that is not known here, or a type that is not read, is a warning and no error.",
            "resource": [
                *(_written(name) for name in READABLE if name != "Observation"),
                _observations(),
                _RISKS,
            ],
            "interaction": [{"code": "transaction"}, {"code": "batch"}],
        }
    ],
}
