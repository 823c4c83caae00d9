"""Where a DICOMweb service answers, and how we show who we are."""

import ssl
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import httpx

from dicom_io.errors import UnreachableError


@dataclass(frozen=True, kw_only=True)
class WebAddress:
    """A DICOMweb service (PS3.18)."""

    #: Root of its resources, e.g. ``https://pacs.example/dicom-web``.
    url: str
    #: Holds a bearer token, read anew for every request, so that it may be renewed while we run; None sends none.
    token_file: Path | None = None
    #: Certificates of our own; None trusts the system's authorities and shows none.
    tls: ssl.SSLContext | None = None
    #: Longest wait for a connection, or for the next bytes.
    timeout_seconds: float = 30.0

    def __str__(self) -> str:
        """As people write it: its URL."""
        return self.url

    def client(self) -> httpx.Client:
        """A client that keeps its connections; the caller closes it."""
        # The environment's proxies are not for what goes to the archive.
        return httpx.Client(
            base_url=self.url.rstrip("/"),
            auth=_Bearer(self.token_file) if self.token_file else None,
            verify=self.tls or True,
            timeout=self.timeout_seconds,
            trust_env=False,
        )


class _Bearer(httpx.Auth):
    """``Authorization: Bearer`` from a file (RFC 6750)."""

    def __init__(self, token_file: Path) -> None:
        self._token_file = token_file

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        try:
            token = self._token_file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UnreachableError(
                f"'{self._token_file}' holds no token that can be read ({type(error).__name__}); required: one line of "
                "ASCII that this process may read."
            ) from error
        request.headers["Authorization"] = f"Bearer {token}"
        yield request
