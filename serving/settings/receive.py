"""The settings of the DICOM node."""

from pydantic import Field

from serving.settings.dicom_tls import Tls
from serving.settings.section import AeTitle, Port, Section


class Receive(Section):
    """The DICOM node."""

    host: str = "127.0.0.1"
    port: Port = 11112
    ae_title: AeTitle = "VARSEL"
    #: Only these calling AE titles may send; empty = any.
    allowed_calling_ae_titles: tuple[AeTitle, ...] = ()
    maximum_associations: int = Field(default=25, ge=1)
    #: Associations that one sender (address and AE title) may have open at once; 0 = no limit of its own.
    maximum_associations_per_peer: int = Field(default=0, ge=0)
    #: New associations of one sender in a minute; 0 = no limit.
    maximum_associations_per_minute: int = Field(default=0, ge=0)
    #: An association that is silent for so long is aborted.
    idle_seconds: float = Field(default=60.0, gt=0)
    #: Larger objects are refused with status C001.
    maximum_object_mib: int = Field(default=4096, ge=1)
    #: Whether private and future SOP classes are stored too.
    takes_unknown_classes: bool = True
    #: Below this much free space an object is refused with status A700.
    minimum_free_mib: int = Field(default=1024, ge=0)
    #: A study is complete when nothing came for so long (fallback).
    quiet_seconds: float = Field(default=10.0, ge=0, le=3000)
    #: ... and for so long once its sender has released the association.
    quiet_after_release_seconds: float = Field(default=1.0, ge=0)
    metrics_port: Port = 9464
    #: DICOM TLS with certificates on both sides; without, the node listens in the clear.
    tls: Tls = Tls()
