"""What a request to the FHIR door asks for by its headers and parameters, and what of that is not offered."""

from starlette.requests import Request
from starlette.responses import Response

from ehr_io.receive.fields import is_id
from serving.web.fhir_answers import MEDIA_TYPE, fault

_JSON = {"", "application/fhir+json", "application/json", "application/json+fhir", "text/json"}
#: `fhirVersion` of a media type (R4 3.1.0.1.9); R4B changed nothing of what is read here.
_VERSIONS = {"", "4.0", "4.3"}
_FORMATS = _JSON | {"json"}


def unsupported(request: Request) -> tuple[int, str, str] | None:
    """HTTP status, issue code and reason to refuse another format or version, or a condition that is not looked at."""
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    version = next((one.partition("=")[2] for one in parameters.split(";") if "fhirversion" in one.lower()), "")
    if kind.strip().lower() not in _JSON or version.strip(' "') not in _VERSIONS:
        return 415, "not-supported", f"'Content-Type' is not taken; required {MEDIA_TYPE}, of FHIR 4.0"
    if "if-none-exist" in request.headers:
        return 501, "not-supported", "conditional create is not offered; send it as PUT Type/id instead"
    return None


def not_acceptable(request: Request) -> Response | None:
    """The refusal of an answer in another format than JSON (R4 3.1.0.1.11); None when JSON will do."""
    # A plus sign in an address is a blank.
    asked = request.query_params.get("_format", "").replace(" ", "+")
    accepted = request.headers.get("accept", "")
    is_json = asked in _FORMATS if asked else "json" in accepted or "*" in accepted or not accepted
    # Browsers ask for pages, and are shown JSON.
    if is_json or (not asked and "text/html" in accepted):
        return None
    return fault(406, "not-supported", f"only {MEDIA_TYPE} is offered; ask for it by 'Accept' or '_format=json'")


def asked_for(request: Request) -> tuple[str, str] | Response:
    """Patient and stay that a search names, empty where it names none; the refusal when it names neither."""
    refusal = not_acceptable(request)
    if refusal is not None:
        return refusal
    asked = request.query_params
    patient = _named(asked.get("subject", "") or asked.get("patient", ""), "Patient")
    stay = _named(asked.get("encounter", ""), "Encounter")
    named = [one for one in (patient, stay) if one != ""]
    if patient is None or stay is None or not named or not all(map(is_id, named)):
        return fault(400, "required", "give 'subject', 'patient' or 'encounter', as in ?subject=Patient/123")
    return patient, stay


def _named(reference: str, kind: str) -> str | None:
    """The logical id in *reference*, which may be only that; None when it is one to another type."""
    before, _, logical_id = reference.rpartition("/")
    return logical_id if before.rpartition("/")[2] in {"", kind} else None
