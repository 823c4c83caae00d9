"""The client's half of a SMART App Launch 2.2 from the record: discovery, code with PKCE, token, ID token."""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import jwt

from ehr_io.errors import SmartError

#: OpenID Connect as SMART profiles it: RS256 is required, ES384 and RS384 allowed.
_ALGORITHMS = ["RS256", "RS384", "ES256", "ES384"]
_CLOCK_SKEW_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Registration:
    """How we are known to one record."""

    #: Base URL of its FHIR server.
    issuer: str
    #: Our name there.
    client_id: str
    #: Our secret there; empty for a public client.
    client_secret: str
    #: What we ask for.
    scope: str
    #: It sends the clinician back to this address of ours.
    redirect_uri: str
    #: Longest wait for an answer.
    timeout_seconds: float


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """What ``/.well-known/smart-configuration`` names."""

    #: The clinician's browser is sent there.
    authorization: str
    #: Codes are changed for tokens there.
    token: str
    #: ``iss`` of its ID tokens, and the address of the keys that sign them; empty where it gives none.
    openid_issuer: str
    keys: str


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """What ties the answer of one launch to its question; drawn anew for each."""

    #: Comes back with the code.
    state: str
    #: Comes back in the ID token.
    nonce: str
    #: RFC 7636: shown only to the token endpoint.
    verifier: str


@dataclass(frozen=True, kw_only=True)
class LaunchContext:
    """Who the record says that the clinician looks at; personal data."""

    #: Logical id of the Patient; empty when not told.
    patient_id: str
    #: Logical id of the Encounter; empty when not told.
    encounter_id: str
    #: ``fhirUser``, else ``sub``, of a verified ID token; empty without one.
    user: str


def draw_challenge() -> Challenge:
    """Three secrets of 256 bits."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    return Challenge(state=state, nonce=nonce, verifier=verifier)


def discover(registration: Registration) -> Endpoints:
    """Where *registration*'s record authorizes.

    Raises:
        SmartError: it does not answer, or cannot do what we need.
    """
    told = _json("GET", f"{registration.issuer}/.well-known/smart-configuration", registration)
    if "S256" not in _texts(told.get("code_challenge_methods_supported")):
        raise SmartError("the record does not offer PKCE with S256, which SMART App Launch 2 demands")
    found = Endpoints(
        authorization=_text(told, "authorization_endpoint"),
        token=_text(told, "token_endpoint"),
        openid_issuer=_text(told, "issuer"),
        keys=_text(told, "jwks_uri"),
    )
    scheme = urlsplit(registration.issuer).scheme
    for name, url in (("authorization", found.authorization), ("token", found.token)):
        if urlsplit(url).scheme not in {"https", scheme}:
            raise SmartError(f"the record names no {name} endpoint that is reached as safely as itself")
    return found


def authorization_url(registration: Registration, endpoints: Endpoints, launch: str, challenge: Challenge) -> str:
    """Where the clinician's browser is sent with the record's *launch* handle."""
    digest = hashlib.sha256(challenge.verifier.encode()).digest()
    asked = {
        "response_type": "code",
        "client_id": registration.client_id,
        "redirect_uri": registration.redirect_uri,
        "launch": launch,
        "scope": registration.scope,
        "state": challenge.state,
        "aud": registration.issuer,
        "nonce": challenge.nonce,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    sign = "&" if urlsplit(endpoints.authorization).query else "?"
    return f"{endpoints.authorization}{sign}{urlencode(asked)}"


def exchange(registration: Registration, endpoints: Endpoints, code: str, challenge: Challenge) -> LaunchContext:
    """Change *code* for the context of the launch.

    Raises:
        SmartError: the record refuses the code, or its ID token is not one for us and this launch.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": registration.redirect_uri,
        "code_verifier": challenge.verifier,
    }
    auth = (registration.client_id, registration.client_secret) if registration.client_secret else None
    told = _json(
        "POST",
        endpoints.token,
        registration,
        data=form if auth else form | {"client_id": registration.client_id},
        auth=auth,
    )
    if _text(told, "token_type").lower() != "bearer" or not _text(told, "access_token"):
        raise SmartError("the record's token answer holds no bearer token")
    return LaunchContext(
        patient_id=_text(told, "patient"),
        encounter_id=_text(told, "encounter"),
        user=_user(registration, endpoints, told, challenge),
    )


def _user(registration: Registration, endpoints: Endpoints, told: Mapping[str, Any], challenge: Challenge) -> str:
    """Who signed on; empty where we did not ask."""
    if "openid" not in registration.scope.split():
        return ""
    try:
        keys = jwt.PyJWKSet.from_dict(dict(_json("GET", endpoints.keys, registration))).keys
        token = _text(told, "id_token")
        named = jwt.get_unverified_header(token).get("kid")
        key = next((one for one in keys if one.key_id == named), None)
        if key is None:
            raise SmartError("the key of the ID token is none of the record's")
        claims = jwt.decode(
            token,
            key,
            algorithms=_ALGORITHMS,
            audience=registration.client_id,
            issuer=endpoints.openid_issuer,
            leeway=_CLOCK_SKEW_SECONDS,
            options={"require": ["iss", "aud", "exp", "iat", "sub"]},
        )
    except jwt.PyJWTError as error:
        raise SmartError(f"the record's ID token is refused: {type(error).__name__}") from None
    if not secrets.compare_digest(str(claims.get("nonce", "")), challenge.nonce):
        raise SmartError("the record's ID token is of another launch (nonce)")
    return str(claims.get("fhirUser") or claims["sub"])


def _json(method: str, url: str, registration: Registration, **sent: Any) -> Mapping[str, Any]:
    where = urlsplit(url).netloc
    try:
        with httpx.Client(timeout=registration.timeout_seconds, trust_env=False) as client:
            answer = client.request(method, url, headers={"Accept": "application/json"}, **sent)
        told = answer.json() if answer.status_code == httpx.codes.OK else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise SmartError(f"{where} gives no answer that can be read ({type(error).__name__})") from None
    if not isinstance(told, dict):
        raise SmartError(f"{where} answered with HTTP {answer.status_code}; required is 200 with a JSON object")
    return told


def _text(told: Mapping[str, Any], name: str) -> str:
    found = told.get(name, "")
    return found if isinstance(found, str) else ""


def _texts(found: object) -> list[str]:
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
