"""Settings of launches from the patient record (SMART App Launch 2.2, EHR launch)."""

from pathlib import Path

from pydantic import Field

from serving.settings.section import Section


class SmartRecord(Section):
    """A record that may launch us, and how we are registered there."""

    #: ``iss``: base URL of its FHIR server, letter for letter, without a slash at its end.
    issuer: str = Field(pattern=r"^https?://[^\s]*[^\s/]$")
    #: Our name there.
    client_id: str = Field(min_length=1, max_length=256)
    #: File with our secret there, read anew for every launch; empty = a public client.
    client_secret_file: Path | None = None
    #: What we ask for.
    scope: str = "launch openid fhirUser"


class Smart(Section):
    """Launches from the patient record; without a record nobody can."""

    records: tuple[SmartRecord, ...] = ()
    #: Longest wait for an answer of the record.
    timeout_seconds: float = Field(default=10.0, gt=0)
    #: The clinician must have come back from the record's sign-on within so long.
    return_seconds: float = Field(default=300.0, gt=0)
