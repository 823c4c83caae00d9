"""Who calls the CDS Hooks door: JSON Web Tokens as CDS Hooks 2.0 asks ("Trusting CDS Clients").

Signed with ES384 or RS384, as the specification recommends; ``iss``, ``aud`` (the address of the service that is
called), ``exp``, ``iat`` and ``jti`` are demanded, and no ``jti`` is taken twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt
from sqlalchemy import Engine, delete, insert, select

from serving.errors import ServingError, SettingsError
from serving.records.database import writing
from serving.records.surveillance_schema import CDS_TOKEN
from serving.settings.cds import Cds, CdsClient

ALGORITHMS = ("ES384", "RS384")
_DEMANDED = ["iss", "aud", "exp", "iat", "jti"]


class TokenRefusedError(ServingError):
    """The call bears no token that is taken here."""


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who a token says it is."""

    #: ``iss``; empty when calls without a token are answered.
    issuer: str


class TokenCheck:
    """Implements ``CallerCheck`` on the keys of the settings and our tables."""

    def __init__(self, engine: Engine, settings: Cds, base_url: str) -> None:
        """Take tokens of the clients of *settings* for the services below *base_url*.

        Raises:
            SettingsError: a key file cannot be read or holds no usable key.
        """
        self._engine = engine
        self._settings = settings
        self._base_url = base_url
        self._keys = {client.issuer: _keys(client) for client in settings.clients}

    def check(self, authorization: str, path: str) -> Caller:
        """The caller that the header *authorization* names, for the service at *path*.

        Raises:
            TokenRefusedError: there is no token, or it is not one for this service now.
            DatabaseDownError: whether it was taken before cannot be asked.
        """
        if self._settings.allow_without_token and not authorization:
            return Caller(issuer="")
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise TokenRefusedError("a Bearer token is required (CDS Hooks 2.0, Trusting CDS Clients)")
        claims = self._claims(token, f"{self._base_url}{path}")
        self._take_once(claims)
        return Caller(issuer=claims["iss"])

    def _claims(self, token: str, audience: str) -> dict[str, Any]:
        skew = self._settings.clock_skew_seconds
        try:
            key = self._key_of(token)
            options: Any = {"require": _DEMANDED}
            claims = jwt.decode(
                token, key, algorithms=list(ALGORITHMS), audience=audience, leeway=skew, options=options
            )
            # PyJWT takes them as texts too.
            claims |= {name: int(claims[name]) for name in ("exp", "iat")}
        except jwt.PyJWTError as error:
            raise TokenRefusedError(f"the token is refused: {type(error).__name__}") from None
        if claims["exp"] - claims["iat"] > self._settings.maximum_token_seconds:
            raise TokenRefusedError(f"the token lives longer than {self._settings.maximum_token_seconds:g} s")
        if not isinstance(claims["jti"], str) or not 1 <= len(claims["jti"]) <= 256:
            raise TokenRefusedError("the token's jti is not a string of 1 to 256 letters")
        return dict(claims)

    def _key_of(self, token: str) -> jwt.PyJWK:
        """The key that the token names, of the issuer that it names; both are believed only once it verifies."""
        header = jwt.get_unverified_header(token)
        issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
        keys = self._keys.get(issuer) if isinstance(issuer, str) else None
        if keys is None:
            raise TokenRefusedError("the token's issuer is not one of 'cds.clients'")
        key = keys.get(header.get("kid", ""))
        if key is None:
            raise TokenRefusedError("the token's key (kid) is not one of its issuer's")
        return key

    def _take_once(self, claims: Mapping[str, Any]) -> None:
        now = datetime.now(UTC)
        expires_at = datetime.fromtimestamp(claims["exp"] + self._settings.clock_skew_seconds, tz=UTC)
        told = {"issuer": claims["iss"], "jti": claims["jti"]}
        with writing(self._engine) as connection:
            connection.execute(delete(CDS_TOKEN).where(CDS_TOKEN.c.expires_at < now))
            if connection.execute(select(CDS_TOKEN.c.jti).filter_by(**told)).first() is not None:
                raise TokenRefusedError("the token was used before (jti)")
            # Of two that come at once the database lets one through; the other is told to try again, and refused then.
            connection.execute(insert(CDS_TOKEN).values(**told, expires_at=expires_at))


def _keys(client: CdsClient) -> dict[str, jwt.PyJWK]:
    """Key id -> key."""
    try:
        found = jwt.PyJWKSet.from_json(client.jwks_file.read_text(encoding="utf-8")).keys
    except (OSError, ValueError, AttributeError, jwt.PyJWTError) as error:
        raise SettingsError(
            f"cds.clients: '{client.jwks_file}' is no JSON Web Key Set ({type(error).__name__}); "
            f"give the public keys of '{client.issuer}' (RFC 7517)"
        ) from error
    return {key.key_id or "": key for key in found}
