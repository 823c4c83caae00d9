"""The DIMSE door: a Storage SCP with Verification (PS3.4 A and B) that never decodes what it receives.

Storage is served by our own upper layer, because it is what the door does all day: bytes go from the socket to the file
without a stop. Associations that ask for other services are served by pynetdicom (`other_services`).
"""

import contextlib
import logging
import socket
import ssl
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from pynetdicom import evt

from dicom_io.errors import InboxUnavailableError, ProtocolError
from dicom_io.receive.admission import Admission
from dicom_io.receive.association_pdus import (
    HEADER,
    AbortReason,
    AssociateRequest,
    PduType,
    Rejection,
    decode_request,
    encode_abort,
    encode_reject,
)
from dicom_io.receive.inbox import Inbox
from dicom_io.receive.listener import Listener
from dicom_io.receive.neck import Neck, Offer, StoreObserver
from dicom_io.receive.negotiation import VERIFICATION, negotiate
from dicom_io.receive.other_services import ExtraService, OtherServices
from dicom_io.receive.settings import StoreScpSettings
from dicom_io.receive.spool import Spool
from dicom_io.receive.statuses import StoreStatus
from dicom_io.receive.store_association import PeerAbortedError, StoreAssociation
from dicom_io.receive.wire import Wire

__all__ = ["ExtraService", "StoreScp", "StoreScpSettings"]

_log = logging.getLogger(__name__)
#: 128 contexts with all syntaxes that there are need a fifth of it.
_MAXIMUM_REQUEST_BYTES = 2**20


class StoreScp:
    """Listens, answers C-ECHO, and hands each C-STORE to the neck."""

    def __init__(
        self,
        settings: StoreScpSettings,
        inbox: Inbox,
        spool: Spool,
        observer: StoreObserver,
        extra_services: Sequence[ExtraService] = (),
        is_held: Callable[[], bool] = lambda: False,
    ) -> None:
        """Make a door that is still closed; while *is_held*, nobody who wants to store is let in."""
        self._is_held = is_held
        self._settings = settings
        self._inbox = inbox
        self._neck = Neck(inbox, spool, observer, maximum_object_bytes=settings.maximum_object_bytes)
        self._admission = Admission(settings)
        self._others = OtherServices(settings, extra_services, self._handlers())
        self._listener: Listener | None = None
        #: Study Instance UIDs that came in each association that is open.
        self._studies: weakref.WeakKeyDictionary[Any, set[str]] = weakref.WeakKeyDictionary()

    @property
    def port(self) -> int:
        """The TCP port that is listened on; the setting's while the door is closed."""
        return self._listener.port if self._listener else self._settings.port

    def start(self) -> None:
        """Open the door; returns when it listens.

        Raises:
            OSError: the address is taken or not ours.
        """
        self._listener = Listener(self._settings, self._serve)
        _log.info("The DICOM door listens on port %d", self.port, extra={"action": "store_scp_started"})

    def stop(self) -> None:
        """Stop listening, let running associations end within the grace time, then abort the rest."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        listener.stop(self._settings.stop_grace_seconds)
        _log.info("The DICOM door is closed", extra={"action": "store_scp_stopped"})

    def _serve(self, connection: socket.socket) -> None:
        wire = Wire(connection)
        wire.allow(self._settings.acse_timeout_seconds)
        try:
            if isinstance(connection, ssl.SSLSocket):
                connection.settimeout(self._settings.acse_timeout_seconds)
                connection.do_handshake()
            self._associate(connection, wire)
        except PeerAbortedError:
            _log.info("A peer aborted its association", extra={"action": "peer_aborted"})
        except ProtocolError as error:
            _log.warning("An association was aborted: %s", error, extra={"action": "protocol_error"})
            self._abort(wire, AbortReason.INVALID_PARAMETER)
        except OSError as error:
            _log.info("A connection broke: %s", type(error).__name__, extra={"action": "connection_broke"})
            self._abort(wire, AbortReason.NOT_SPECIFIED)

    def _associate(self, connection: socket.socket, wire: Wire) -> None:
        kind, length = wire.header()
        if kind != PduType.ASSOCIATE_RQ:
            raise ProtocolError(f"a connection begins with a PDU of type {kind}; required: a request to associate")
        if length > _MAXIMUM_REQUEST_BYTES:
            raise ProtocolError(f"a request to associate has {length} bytes; at most {_MAXIMUM_REQUEST_BYTES} are read")
        body = wire.read(length)
        request = decode_request(body)
        with self._admission.admitted(request, connection.getpeername()[0]) as turned_away:
            rejection = turned_away or self._hold_back(request)
            if rejection is not None:
                _log.warning(
                    "An association was rejected: %s",
                    rejection.name,
                    extra={"action": "association_rejected", "source_ae": request.calling_ae_title},
                )
                wire.send(encode_reject(rejection))
            elif self._others.abstract_syntaxes.intersection(one.abstract_syntax for one in request.contexts):
                self._others.serve(connection, HEADER.pack(kind, length) + body)
            else:
                self._store(wire, request)

    def _hold_back(self, request: AssociateRequest) -> Rejection | None:
        """Who is in may finish: half a study helps nobody. Who is not keeps the whole of it, and comes again."""
        wanted = {one.abstract_syntax for one in request.contexts}
        wants_to_store = bool(wanted - self._others.abstract_syntaxes - {VERIFICATION})
        return Rejection.LOCAL_LIMIT if wants_to_store and self._is_held() else None

    def _store(self, wire: Wire, request: AssociateRequest) -> None:
        negotiated = negotiate(request, takes_unknown_classes=self._settings.takes_unknown_classes)
        association = StoreAssociation(wire, request, negotiated, self._neck)
        is_released = False
        try:
            association.run(self._settings)
            is_released = True
        finally:
            self._end(request.calling_ae_title, association.studies, aborted=not is_released)

    def _abort(self, wire: Wire, reason: AbortReason) -> None:
        wire.allow(1.0)
        with contextlib.suppress(OSError):
            wire.send(encode_abort(reason))

    def _end(self, source_ae: str, studies: set[str], *, aborted: bool) -> None:
        if not studies:
            return
        try:
            self._inbox.association_ended(source_ae, studies, aborted=aborted)
        except InboxUnavailableError:
            # Only the short wait is lost; the long one, which is already recorded, closes the studies.
            _log.warning("The end of an association was not recorded", extra={"action": "end_not_recorded"})

    # ------------------------------------------------------------------ associations that pynetdicom serves

    def _handlers(self) -> list[tuple[Any, Any]]:
        return [
            (evt.EVT_C_STORE, self._on_store),
            (evt.EVT_RELEASED, self._on_released),
            (evt.EVT_ABORTED, self._on_aborted),
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
        self._end_other(event.assoc, aborted=False)

    def _on_aborted(self, event: Any) -> None:
        self._end_other(event.assoc, aborted=True)

    def _end_other(self, association: Any, *, aborted: bool) -> None:
        studies = self._studies.pop(association, set())
        self._end(association.requestor.ae_title.strip(), studies, aborted=aborted)
