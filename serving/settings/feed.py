"""The settings of the HL7 feed."""

from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from serving.settings.dicom_tls import Tls
from serving.settings.section import Port, Section


class Feed(Section):
    """The HL7 v2 feed of the patient record."""

    #: Whether ``varsel up`` runs it.
    enabled: bool = False
    host: str = "127.0.0.1"
    port: Port = 2575
    #: The hospital's clock: zone of times that bear no offset, and of all times on the pages.
    time_zone: str = "Europe/Copenhagen"
    #: MSH-11 that are taken: P production, T training, D debugging.
    processing_ids: tuple[Literal["P", "T", "D"], ...] = ("P",)
    maximum_connections: int = Field(default=64, ge=1)
    #: A connection on which nothing came for so long is closed.
    idle_seconds: float = Field(default=3600.0, gt=0)
    #: A message must be whole, and its answer read, within so long.
    message_seconds: float = Field(default=30.0, gt=0)
    maximum_message_mib: int = Field(default=16, ge=1)
    metrics_port: Port = 9466
    #: TLS with certificates on both sides; without, the feed listens in the clear.
    tls: Tls = Tls()

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"'{name}' is no time zone; required e.g. Europe/Copenhagen") from error
        return name
