"""The settings of the DICOM node."""

from pydantic import Field

from serving.dicom_tls import Tls
from serving.section import AeTitle, Port, Section


class Receive(Section):
    """The DICOM node."""

    host: str = "127.0.0.1"
    port: Port = 11112
    ae_title: AeTitle = "VARSEL"
    #: Only these calling AE titles may send; empty = any.
    allowed_calling_ae_titles: tuple[AeTitle, ...] = ()
    maximum_associations: int = Field(default=25, ge=1)
    #: Below this much free space an object is refused with status A700.
    minimum_free_mib: int = Field(default=1024, ge=0)
    #: A study is complete when nothing came for so long (fallback).
    quiet_seconds: float = Field(default=10.0, ge=0)
    #: ... and for so long once its sender has released the association.
    quiet_after_release_seconds: float = Field(default=1.0, ge=0)
    metrics_port: Port = 9464
    #: DICOM TLS with certificates on both sides; without, the node listens in the clear.
    tls: Tls = Tls()
