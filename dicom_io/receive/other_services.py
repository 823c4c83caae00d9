"""Associations that ask for more than storage are given to pynetdicom, from their first byte on."""

import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification
from pynetdicom.transport import AddressInformation, AssociationSocket

from dicom_io.file_format import IMPLEMENTATION_CLASS_UID
from dicom_io.receive.negotiation import best_transfer_syntax
from dicom_io.receive.settings import StoreScpSettings
from dicom_io.receive.vendor import SocketCare, configure_pynetdicom


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


class OtherServices:
    """Serves one association after another with pynetdicom, each in the thread that calls."""

    def __init__(
        self, settings: StoreScpSettings, services: Iterable[ExtraService], handlers: Iterable[tuple[Any, Any]]
    ) -> None:
        """Offer *services* by *settings*; *handlers* hear what else happens, C-STORE included."""
        services = tuple(services)
        #: Abstract Syntax UIDs that an association is given to pynetdicom for.
        self.abstract_syntaxes = frozenset(service.abstract_syntax_uid for service in services)
        self._settings = settings
        self._entity = self._application_entity(services)
        self._handlers = (
            *handlers,
            *((service.event, service.handler) for service in services),
            (evt.EVT_REQUESTED, _prefer_our_syntaxes),
        )

    def serve(self, connection: socket.socket, first_bytes: bytes) -> None:
        """Serve the association that *first_bytes*, already read from *connection*, ask for, until it ends."""
        association = Association(self._entity, "acceptor")
        association.set_socket(_Replaying(association, connection, first_bytes))
        acceptor = association.acceptor
        acceptor.maximum_length = self._settings.maximum_pdu_bytes
        acceptor.ae_title = self._settings.ae_title
        acceptor.address_info = AddressInformation.from_tuple(connection.getsockname())
        acceptor.implementation_class_uid = self._entity.implementation_class_uid
        acceptor.supported_contexts = self._entity.supported_contexts
        association.requestor.address_info = AddressInformation.from_tuple(connection.getpeername())
        for event, handler in (*SocketCare().handlers(), *self._handlers):
            association.bind(event, handler)
        association.start()
        association.join()

    def _application_entity(self, services: tuple[ExtraService, ...]) -> AE:
        configure_pynetdicom()
        settings = self._settings
        entity = AE(ae_title=settings.ae_title)
        entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        # Counted and admitted before the association comes here.
        entity.maximum_associations = settings.maximum_connections
        entity.maximum_pdu_size = settings.maximum_pdu_bytes
        entity.network_timeout = settings.network_timeout_seconds
        entity.acse_timeout = settings.acse_timeout_seconds
        entity.dimse_timeout = settings.dimse_timeout_seconds
        entity.add_supported_context(Verification)
        for service in services:
            role = True if service.is_reported_to_us else None
            entity.add_supported_context(service.abstract_syntax_uid, scu_role=role, scp_role=role)
        return entity


class _Replaying(AssociationSocket):
    """A connection whose first bytes were read before pynetdicom got it."""

    def __init__(self, association: Any, connection: socket.socket, first_bytes: bytes) -> None:
        self._first_bytes = first_bytes
        super().__init__(association, client_socket=connection)

    @property
    def ready(self) -> bool:
        return bool(self._first_bytes) or bool(super().ready)

    def recv(self, nr_bytes: int) -> bytearray:
        taken, self._first_bytes = self._first_bytes[:nr_bytes], self._first_bytes[nr_bytes:]
        return bytearray(taken) + super().recv(nr_bytes - len(taken))


def _prefer_our_syntaxes(event: Any) -> None:
    # pynetdicom takes the caller's first transfer syntax for storage; ours is the choice (PS3.8 7.1.1.13).
    for context in event.assoc.requestor.primitive.presentation_context_definition_list:
        best = best_transfer_syntax(tuple(map(str, context.transfer_syntax)))
        context.transfer_syntax = [best] if best else context.transfer_syntax
