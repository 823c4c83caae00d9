"""Errors as pages that say what happened, why, and what to do; to FHIR clients as they read it."""

from collections.abc import Callable, Mapping

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from serving.errors import CaseNotFoundError, DatabaseDownError
from serving.web.fhir_answers import fault
from serving.web.view import View

#: HTTP status -> which words of the table ``error`` tell it.
_WORDS = {400: "bad_request", 404: "not_found", 405: "method", 500: "failed", 503: "database"}
_FHIR = {
    404: "no such type or operation is offered; GET /fhir/metadata says what is",
    405: "it is not offered here; GET /fhir/metadata says what is",
    503: "the database does not answer; try again",
}


def fault_pages(view: View) -> Mapping[type[Exception], Callable[[Request, Exception], Response]]:
    """Error class -> the handler that answers it, for Starlette."""
    log = structlog.get_logger(__name__)

    def http_fault(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        answer = _fault_page(view, request, status)
        # Of a method that is not offered: which are (RFC 9110 15.5.6).
        answer.headers.update((isinstance(error, HTTPException) and error.headers) or {})
        return answer

    def not_known(request: Request, _: Exception) -> Response:
        return _fault_page(view, request, 404)

    def database_down(request: Request, error: Exception) -> Response:
        log.error("The database does not answer.", action="web.database_down", exc_info=error)
        return _fault_page(view, request, 503)

    def broken(request: Request, error: Exception) -> Response:
        log.error("A page broke.", action="web.page_broke", exc_info=error)
        return _fault_page(view, request, 500)

    return {
        HTTPException: http_fault,
        CaseNotFoundError: not_known,
        DatabaseDownError: database_down,
        Exception: broken,
    }


def _fault_page(view: View, request: Request, status: int) -> Response:
    if request.url.path.startswith("/fhir/"):
        # FHIR R4 3.1.0.1.5: errors are OperationOutcomes.
        code = {404: "not-supported", 405: "not-supported", 503: "transient"}.get(status, "exception")
        return fault(status, code, f"HTTP {status}: {_FHIR.get(status, 'it failed here; tell operations')}")
    words = _WORDS.get(status, "bad_request" if status < 500 else "failed")
    return view.page(request, "error.html", {"words": words, "status": status}, status=status)
