"""Sends a transaction to a FHIR R4 server and reads what became of each entry (R4 3.1.0.11)."""

import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from ehr_io.errors import FhirRefusedError, FhirServerError

_JSON = "application/fhir+json"
#: HTTP statuses that speak of what was sent; any other speaks of the server, which may be mended meanwhile.
_ABOUT_THE_CONTENT = frozenset({400, 405, 409, 410, 412, 413, 415, 422})


@dataclass(frozen=True, kw_only=True)
class FhirAddress:
    """Where a FHIR server answers, and how we show who we are."""

    #: Service base URL, e.g. ``https://fhir.example/r4``.
    url: str
    #: Holds a bearer token, read anew for every request; None sends none.
    token_file: Path | None = None
    #: Certificates of our own; None trusts the system's authorities and shows none.
    tls: ssl.SSLContext | None = None
    #: Longest wait for a connection, or for the next bytes.
    timeout_seconds: float = 30.0


class FhirServer:
    """One FHIR server."""

    def __init__(self, address: FhirAddress) -> None:
        """Speak to *address*."""
        self._address = address

    def transact(self, bundle: bytes) -> None:
        """POST *bundle*, of type transaction; returns when the server took all of it.

        Raises:
            FhirServerError: no answer, or the server is in trouble or does not let us in.
            FhirRefusedError: it will not take the content.
        """
        address = self._address
        try:
            # The environment's proxies are not for what goes to the record.
            with httpx.Client(verify=address.tls or True, timeout=address.timeout_seconds, trust_env=False) as client:
                response = client.post(address.url, content=bundle, headers=self._headers())
        except httpx.HTTPError as error:
            raise FhirServerError(
                f"{address.url} does not answer ({type(error).__name__}); check url, certificates and firewall"
            ) from error
        if response.status_code in _ABOUT_THE_CONTENT:
            raise FhirRefusedError(
                f"{address.url} refused a transaction with HTTP {response.status_code}{_issue(response)}"
            )
        if response.status_code != 200:
            raise FhirServerError(f"{address.url} answered a transaction with HTTP {response.status_code}")
        _check_entries(response, len(json.loads(bundle)["entry"]), address.url)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": _JSON, "Accept": _JSON}
        token_file = self._address.token_file
        if token_file is None:
            return headers
        try:
            return headers | {"Authorization": f"Bearer {token_file.read_text(encoding='ascii').strip()}"}
        except (OSError, UnicodeDecodeError) as error:
            raise FhirServerError(f"'{token_file}' holds no token that can be read ({type(error).__name__})") from error


def _check_entries(response: httpx.Response, sent: int, url: str) -> None:
    """A server that answers 200 must say of each entry that it was done; some proxies answer 200 to anything."""
    try:
        entries = response.json()["entry"]
        done = [str(one["response"]["status"])[:1] == "2" for one in entries]
    except (ValueError, KeyError, TypeError) as error:
        raise FhirServerError(f"{url} answered HTTP 200 without a transaction-response") from error
    if len(done) != sent or not all(done):
        raise FhirServerError(
            f"{url} says that {sum(done)} of {sent} entries were done; a transaction is all or nothing"
        )


def _issue(response: httpx.Response) -> str:
    """The code of the first issue of an OperationOutcome; its text may quote the content."""
    try:
        outcome: Any = response.json()
        return f", issue {outcome['issue'][0]['code']}"
    except (ValueError, KeyError, TypeError, IndexError):
        return ""
