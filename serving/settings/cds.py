"""Settings of the CDS Hooks door."""

from pathlib import Path

from pydantic import Field

from serving.settings.section import Section


class CdsClient(Section):
    """A record that may call."""

    #: ``iss`` of its tokens.
    issuer: str = Field(min_length=1, max_length=256)
    #: File with its public keys, a JSON Web Key Set (RFC 7517).
    jwks_file: Path


class Cds(Section):
    """CDS Hooks: who may call, and whom a clinician's answer comes from."""

    #: Whether calls without a token are answered: only where nothing but the record reaches this door.
    allow_without_token: bool = False
    #: Records whose tokens are taken; without one, and without allow_without_token, every call is refused.
    clients: tuple[CdsClient, ...] = ()
    #: A token may be so long-lived, and clocks so far apart.
    maximum_token_seconds: float = Field(default=300.0, gt=0)
    clock_skew_seconds: float = Field(default=30.0, ge=0)
