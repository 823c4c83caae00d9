"""POSTs a signed event to a webhook by the Standard Webhooks specification 1.0 (standardwebhooks.com)."""

import base64
import binascii
import hashlib
import hmac
import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx

from ehr_io.errors import WebhookError, WebhookRefusedError

_PREFIX = "whsec_"
#: The specification asks for 24 to 64 bytes.
_SHORTEST_SECRET, _LONGEST_SECRET = 24, 64
#: HTTP statuses that speak of what was sent; any other speaks of the receiver, which may be mended meanwhile.
_ABOUT_THE_CONTENT = frozenset({400, 405, 410, 411, 413, 415, 422})


@dataclass(frozen=True, kw_only=True)
class WebhookAddress:
    """Where a webhook listens, and the secret that we share with it."""

    #: Events are POSTed there.
    url: str
    #: Holds ``whsec_`` and 24 to 64 bytes in base64; read anew for every event, so that it can be changed.
    secret_file: Path
    #: Certificates of our own; None trusts the system's authorities and shows none.
    tls: ssl.SSLContext | None = None
    #: Longest wait for a connection, or for the answer.
    timeout_seconds: float = 30.0


class Webhook:
    """One receiver of events."""

    def __init__(self, address: WebhookAddress) -> None:
        """Speak to *address*."""
        self._address = address

    def post(self, event_id: str, body: bytes, now: datetime) -> None:
        """POST *body*, the JSON of the event *event_id*, signed at *now*; returns when the receiver has taken it.

        The same event bears the same id however often it is sent, by which the receiver knows it.

        Raises:
            WebhookError: no answer, the receiver is in trouble or does not let us in, or the secret cannot be read.
            WebhookRefusedError: it will not take the content.
        """
        address = self._address
        headers = {"Content-Type": "application/json"} | signed(event_id, body, now, _secret(address.secret_file))
        try:
            # The environment's proxies are not for what tells of patients; nor is it sent on to wherever is named.
            with httpx.Client(verify=address.tls or True, timeout=address.timeout_seconds, trust_env=False) as client:
                status = client.post(address.url, content=body, headers=headers, follow_redirects=False).status_code
        except httpx.HTTPError as error:
            raise WebhookError(
                f"{address.url} does not answer ({type(error).__name__}); check url, certificates and firewall"
            ) from error
        if status in _ABOUT_THE_CONTENT:
            raise WebhookRefusedError(f"{address.url} refused an event with HTTP {status}")
        if not 200 <= status < 300:
            raise WebhookError(f"{address.url} answered an event with HTTP {status}; required is 2xx")


def signed(event_id: str, body: bytes, now: datetime, secret: bytes) -> dict[str, str]:
    """The headers that prove who sent *body*, and when: HMAC-SHA256 of id, time and body."""
    at = str(int(now.timestamp()))
    mark = hmac.new(secret, b".".join((event_id.encode(), at.encode(), body)), hashlib.sha256).digest()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": at,
        "webhook-signature": f"v1,{base64.b64encode(mark).decode()}",
    }


def _secret(file: Path) -> bytes:
    try:
        written = file.read_text(encoding="ascii").strip()
        secret = base64.b64decode(written.removeprefix(_PREFIX), validate=True)
    except (OSError, UnicodeDecodeError, binascii.Error) as error:
        raise WebhookError(f"'{file}' holds no secret that can be read ({type(error).__name__})") from error
    if not _SHORTEST_SECRET <= len(secret) <= _LONGEST_SECRET:
        raise WebhookError(
            f"'{file}' holds a secret of {len(secret)} bytes; required: whsec_ and 24 to 64 bytes in base64"
        )
    return secret
