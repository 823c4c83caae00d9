"""Opens the archives of the settings."""

from sqlalchemy import Engine

from dicom_io.receive.completion import CompletionPolicy
from dicom_io.receive.neck import Neck, SilentObserver
from dicom_io.receive.retrieve import GetSource, MoveSource
from dicom_io.receive.spool import Spool
from dicom_io.retrieve.source import StudySource
from dicom_io.retrieve.web import WebSource
from dicom_io.send.association import DicomAddress
from dicom_io.send.web_address import WebAddress
from dicom_io.tls import client_context
from serving.records.inbox import DatabaseInbox
from serving.settings.archives import Archive, RetrieveBy
from serving.settings.file import Settings

_MIB = 1024 * 1024


def open_source(settings: Settings, archive: Archive, engine: Engine) -> StudySource:
    """How *archive* is fetched from; objects that do not come by our DICOM node are recorded on *engine*."""
    if archive.by is RetrieveBy.C_MOVE:
        return MoveSource(_dicom_address(archive), settings.receive.ae_title)
    policy = CompletionPolicy(
        quiet_seconds=settings.receive.quiet_seconds,
        quiet_after_release_seconds=settings.receive.quiet_after_release_seconds,
    )
    inbox = DatabaseInbox(engine, policy)
    spool = Spool(settings.spool_dir, minimum_free_bytes=settings.receive.minimum_free_mib * _MIB)
    neck = Neck(inbox, spool, SilentObserver())
    if archive.by is RetrieveBy.C_GET:
        return GetSource(_dicom_address(archive), neck, inbox)
    return WebSource(_web_address(archive), neck, inbox, settings.site.data_dir / "fetched")


def _dicom_address(archive: Archive) -> DicomAddress:
    return DicomAddress(
        host=archive.host,
        port=archive.port,
        ae_title=archive.ae_title,
        calling_ae_title=archive.calling_ae_title,
        dimse_timeout_seconds=archive.timeout_seconds,
        tls=client_context(archive.tls.files) if archive.tls.files else None,
    )


def _web_address(archive: Archive) -> WebAddress:
    return WebAddress(
        url=archive.url,
        token_file=archive.token_file,
        tls=client_context(archive.tls.files) if archive.tls.files else None,
        timeout_seconds=archive.timeout_seconds,
    )
