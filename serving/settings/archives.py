"""Sections of the settings for the archives that studies are fetched from, and for the door that takes them by HTTP."""

from enum import Enum
from pathlib import Path

from pydantic import Field, model_validator

from serving.settings.dicom_tls import Tls
from serving.settings.section import AeTitle, Port, Section


class RetrieveBy(Enum):
    """How an archive gives out studies."""

    #: The archive sends them to our DICOM node, which it must know by AE title.
    C_MOVE = "c-move"
    #: On the association that asks.
    C_GET = "c-get"
    #: QIDO-RS and WADO-RS.
    DICOMWEB = "dicomweb"


class Archive(Section):
    """One archive that studies are fetched from."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    #: ``c-move``, ``c-get`` or ``dicomweb``.
    by: RetrieveBy = RetrieveBy.C_MOVE
    #: Host of its DICOM node; not for ``dicomweb``.
    host: str = ""
    port: Port = 104
    #: Called AE title; also how work items name it.
    ae_title: AeTitle = "PACS"
    #: How we call ourselves there.
    calling_ae_title: AeTitle = "VARSEL"
    #: Root of its DICOMweb services; for ``dicomweb``.
    url: str = Field(default="", pattern=r"^(https?://\S+)?$")
    #: File with the bearer token for DICOMweb.
    token_file: Path | None = None
    #: Longest wait for an answer, or for the next object.
    timeout_seconds: float = Field(default=60.0, gt=0)
    #: At most so many studies are asked for a minute; 0 = no limit.
    studies_per_minute: float = Field(default=30.0, ge=0)
    #: TLS with certificates on both sides.
    tls: Tls = Tls()

    @model_validator(mode="after")
    def _says_where(self) -> "Archive":
        wanted = "url" if self.by is RetrieveBy.DICOMWEB else "host"
        if not getattr(self, wanted):
            raise ValueError(f"'{wanted}' is empty; an archive fetched from by {self.by.value} needs it")
        return self


class DicomwebDoor(Section):
    """The DICOMweb doors of the web process: STOW-RS, and for its token UPS-RS too."""

    #: Larger objects are refused.
    maximum_object_mib: int = Field(default=4096, ge=1)
    #: More objects in one request are refused.
    maximum_objects: int = Field(default=20_000, ge=1)
    #: A request that sends nothing for so long is given up.
    stall_seconds: float = Field(default=60.0, gt=0)
    #: File with the bearer token that callers of STOW-RS and UPS-RS must show; empty = none is asked for.
    token_file: Path | None = None
