"""The DIMSE door: a Storage SCP with Verification (PS3.4 A and B) that never decodes what it receives."""

import logging
import ssl
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pynetdicom import AE, evt
from pynetdicom.sop_class import Verification

from dicom_io.file_format import IMPLEMENTATION_CLASS_UID
from dicom_io.receive.inbox import Inbox
from dicom_io.receive.neck import Neck, Offer, StoreObserver
from dicom_io.receive.spool import Spool
from dicom_io.receive.statuses import StoreStatus
from dicom_io.receive.vendor import SocketCare, configure_pynetdicom

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class StoreScpSettings:
    """Where and how the door listens."""

    #: Address to listen on.
    host: str = "127.0.0.1"
    #: TCP port; 0 lets the kernel choose one.
    port: int = 11112
    #: Our AE title, at most 16 characters.
    ae_title: str = "VARSEL"
    #: Calling AE titles that may associate; empty admits all.
    allowed_calling_ae_titles: tuple[str, ...] = ()
    #: Whether callers must name our AE title.
    is_called_ae_title_required: bool = False
    #: Associations at one time; more are rejected with "local limit exceeded" (PS3.8 9.3.4).
    maximum_associations: int = 20
    #: Largest PDU we take. 128 KiB: 25 % faster than 16 KiB with four senders.
    maximum_pdu_bytes: int = 131072
    #: Silence after which an association is aborted.
    network_timeout_seconds: float = 60.0
    #: Longest wait for association messages.
    acse_timeout_seconds: float = 30.0
    #: Longest wait for a DIMSE message that we asked for.
    dimse_timeout_seconds: float = 30.0
    #: How long running associations may go on when the door closes.
    stop_grace_seconds: float = 5.0
    #: DICOM TLS (PS3.15 B.12); None listens in the clear.
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, kw_only=True)
class ExtraService:
    """Another DIMSE service that the same door offers."""

    #: Abstract Syntax UID.
    abstract_syntax_uid: str
    #: pynetdicom's event of a request, e.g. ``evt.EVT_C_FIND``.
    event: Any
    #: Answers the event as pynetdicom's handlers do.
    handler: Callable[[Any], Any]
    #: Whether the caller is the provider of the service and comes to report (role selection, PS3.7 D.3.3.4).
    is_reported_to_us: bool = False


class StoreScp:
    """Listens, answers C-ECHO, and hands each C-STORE to the neck."""

    def __init__(
        self,
        settings: StoreScpSettings,
        inbox: Inbox,
        spool: Spool,
        observer: StoreObserver,
        extra_services: Sequence[ExtraService] = (),
    ) -> None:
        """Make a door that is still closed."""
        self._extra_services = tuple(extra_services)
        self._settings = settings
        self._inbox = inbox
        self._neck = Neck(inbox, spool, observer)
        self._server: Any = None
        #: Study Instance UIDs that came in each association that is open.
        self._studies: weakref.WeakKeyDictionary[Any, set[str]] = weakref.WeakKeyDictionary()

    @property
    def port(self) -> int:
        """The TCP port that is listened on; the setting's while the door is closed."""
        return int(self._server.server_address[1]) if self._server else self._settings.port

    def start(self) -> None:
        """Open the door; returns when it listens.

        Raises:
            OSError: the address is taken or not ours.
        """
        configure_pynetdicom()
        settings = self._settings
        entity = AE(ae_title=settings.ae_title)
        entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        entity.maximum_associations = settings.maximum_associations
        entity.maximum_pdu_size = settings.maximum_pdu_bytes
        entity.network_timeout = settings.network_timeout_seconds
        entity.acse_timeout = settings.acse_timeout_seconds
        entity.dimse_timeout = settings.dimse_timeout_seconds
        entity.require_calling_aet = list(settings.allowed_calling_ae_titles)
        entity.require_called_aet = settings.is_called_ae_title_required
        entity.add_supported_context(Verification)
        for service in self._extra_services:
            role = True if service.is_reported_to_us else None
            entity.add_supported_context(service.abstract_syntax_uid, scu_role=role, scp_role=role)
        self._server = entity.start_server(
            (settings.host, settings.port), block=False, ssl_context=settings.tls, evt_handlers=self._handlers()
        )
        _log.info("The DICOM door listens on port %d", self.port, extra={"action": "store_scp_started"})

    def stop(self) -> None:
        """Stop listening, let running associations end within the grace time, then abort the rest."""
        server, self._server = self._server, None
        if server is None:
            return
        running = server.active_associations
        server.shutdown()
        for association in running:
            association.join(self._settings.stop_grace_seconds)
        for association in running:
            if association.is_alive():
                association.abort()
        _log.info("The DICOM door is closed", extra={"action": "store_scp_stopped"})

    def _handlers(self) -> list[tuple[Any, Any]]:
        return [
            *SocketCare().handlers(),
            (evt.EVT_C_STORE, self._on_store),
            (evt.EVT_RELEASED, self._on_released),
            (evt.EVT_ABORTED, self._on_aborted),
            *((service.event, service.handler) for service in self._extra_services),
        ]

    def _on_store(self, event: Any) -> int:
        request = event.request
        verdict = self._neck.take(
            Offer(
                dataset=request.DataSet.getvalue() if request.DataSet else b"",
                transfer_syntax_uid=str(event.context.transfer_syntax),
                door="dimse",
                source_ae=event.assoc.requestor.ae_title.strip(),
                sop_class_uid=str(request.AffectedSOPClassUID),
                sop_instance_uid=str(request.AffectedSOPInstanceUID),
            )
        )
        if verdict.status is StoreStatus.SUCCESS:
            self._studies.setdefault(event.assoc, set()).add(verdict.study_uid)
        return verdict.status.value

    def _on_released(self, event: Any) -> None:
        self._end(event.assoc, aborted=False)

    def _on_aborted(self, event: Any) -> None:
        self._end(event.assoc, aborted=True)

    def _end(self, association: Any, *, aborted: bool) -> None:
        studies = self._studies.pop(association, None)
        if studies:
            self._inbox.association_ended(association.requestor.ae_title.strip(), studies, aborted=aborted)
