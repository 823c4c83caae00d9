"""Sections of the settings for everything that results are sent to."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from dicom_io.results.kinds import ResultKind
from serving.settings.dicom_tls import Tls
from serving.settings.section import AeTitle, Port, Section


class Receiver(Section):
    """What every destination has."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    #: Deliveries that are sent at once.
    concurrency: int = Field(default=1, ge=1)
    #: At most so many objects a minute; 0 = no limit.
    maximum_per_minute: int = Field(default=0, ge=0)
    #: Longest wait for an answer.
    timeout_seconds: float = Field(default=30.0, gt=0)
    #: TLS with certificates on both sides.
    tls: Tls = Tls()


class Destination(Receiver):
    """One archive that results are sent to by C-STORE."""

    host: str
    port: Port
    #: Called AE title.
    ae_title: AeTitle
    #: How we call ourselves there.
    calling_ae_title: AeTitle = "VARSEL"
    #: Objects this archive takes.
    profile: tuple[ResultKind, ...] = (ResultKind.SR, ResultKind.SEG, ResultKind.SC)
    #: Objects that will do where it refuses others of its profile; empty = a refusal puts the delivery aside.
    fallback: tuple[ResultKind, ...] = (ResultKind.SC,)
    #: Whether the archive answers C-FIND at IMAGE level, asked before anything is sent again.
    can_query: bool = True
    #: Whether the archive is asked to take responsibility for what it accepted (storage commitment).
    storage_commitment: bool = False
    #: Wait for the report of a storage commitment before the archive is asked anew.
    commitment_seconds: float = Field(default=600.0, gt=0)
    #: An association is kept open for so long after a delivery, so that the next one need not open its own; 0 = one
    #: association a delivery, for all its objects.
    keep_open_seconds: float = Field(default=2.0, ge=0)


class DicomwebDestination(Receiver):
    """One archive that results are sent to by STOW-RS."""

    #: Root of its DICOMweb services.
    url: str = Field(pattern=r"^https?://")
    #: File with a bearer token.
    token_file: Path | None = None
    #: Objects this archive takes.
    profile: tuple[ResultKind, ...] = (ResultKind.SR, ResultKind.SEG, ResultKind.SC)
    #: Objects that will do where it refuses others of its profile; empty = a refusal puts the delivery aside.
    fallback: tuple[ResultKind, ...] = (ResultKind.SC,)
    #: Whether the archive answers QIDO-RS, asked after a success and before anything is sent again.
    can_query: bool = True
    #: DICOMweb has no storage commitment.
    storage_commitment: ClassVar[bool] = False


class _Messages(Receiver):
    """A destination that gets messages, not objects."""

    profile: ClassVar[tuple[ResultKind, ...]] = ()
    fallback: ClassVar[tuple[ResultKind, ...]] = ()
    can_query: ClassVar[bool] = False
    storage_commitment: ClassVar[bool] = False


class Hl7Destination(_Messages):
    """One RIS that results are told by HL7 v2 ORU^R01 over MLLP."""

    host: str
    port: Port
    #: MSH-3 to MSH-6.
    sending_application: str = "VARSEL"
    sending_facility: str = ""
    receiving_application: str = ""
    receiving_facility: str = ""
    #: Label keys of findings for which the study is wished to be read sooner (TQ1); priority is only ever raised.
    urgent_labels: tuple[str, ...] = ()
    #: Hours after which that wish is void.
    urgent_hours: float = Field(default=4.0, gt=0)


class FhirDestination(_Messages):
    """One record that results are told by FHIR R4 DiagnosticReport."""

    #: Service base URL.
    url: str = Field(pattern=r"^https?://")
    #: File with a bearer token.
    token_file: Path | None = None
    #: URI of the system that patient numbers belong to; empty leaves it out.
    patient_system: str = ""


class WebhookDestination(_Messages):
    """One receiver that is told of live alerts by signed HTTP requests (Standard Webhooks)."""

    #: Events are POSTed there.
    url: str = Field(pattern=r"^https?://")
    #: File with the shared secret, ``whsec_...``, read anew for every event.
    secret_file: Path


#: Anything that results are sent to.
AnyDestination = Destination | DicomwebDestination | Hl7Destination | FhirDestination | WebhookDestination
