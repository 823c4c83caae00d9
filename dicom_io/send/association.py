"""Opening an association to a peer, with pynetdicom's ways of failing in our own words."""

import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from pynetdicom import AE
from pynetdicom.presentation import PresentationContext

from dicom_io.errors import BusyError, RejectedError, UnreachableError
from dicom_io.file_format import IMPLEMENTATION_CLASS_UID
from dicom_io.receive.vendor import SocketCare, configure_pynetdicom

#: Between two looks of pynetdicom's threads at a connection: its own value, and ours for one that rests.
_LOOK_SECONDS, _RESTING_LOOK_SECONDS = 0.001, 0.02
#: Result of an A-ASSOCIATE-RJ (PS3.8 9.3.4).
_REJECTED_TRANSIENT = 2


@dataclass(frozen=True, kw_only=True)
class DicomAddress:
    """Where a peer listens and how we call ourselves there."""

    #: Host name or address.
    host: str
    #: TCP port.
    port: int
    #: AE title of the peer, at most 16 characters.
    ae_title: str
    #: Our own AE title, at most 16 characters.
    calling_ae_title: str = "VARSEL"
    #: Longest wait for the TCP connection.
    connect_timeout_seconds: float = 10.0
    #: Longest wait for the answer to an association message.
    acse_timeout_seconds: float = 30.0
    #: Longest wait for the answer to one object or query.
    dimse_timeout_seconds: float = 60.0
    #: DICOM TLS (PS3.15 B.12) with the name in the peer's certificate; None speaks in the clear.
    tls: ssl.SSLContext | None = None

    def __str__(self) -> str:
        """As people write it: ``AE_TITLE@host:port``."""
        return f"{self.ae_title}@{self.host}:{self.port}"


@contextmanager
def associated(address: DicomAddress, contexts: Sequence[PresentationContext]) -> Iterator[Any]:
    """An established association with *address*, released at the end of the block, aborted when the block fails.

    Raises:
        UnreachableError: it could not be established.
        RejectedError: the peer accepts none of *contexts*.
    """
    association = associate(address, contexts)
    with held_reactor(association):
        try:
            with AbortedOnFailure(association):
                yield association
        finally:
            # Also when the caller stops early: an orderly end tells the peer that nothing was lost on the way.
            if association.is_established:
                association.release()


class AbortedOnFailure:
    """A block whose failure breaks an association off: what follows of a half-sent message nobody could read."""

    def __init__(self, association: Any) -> None:
        """Watch over *association*."""
        self._association = association

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Abort after an error; a caller that stops early (GeneratorExit) has not failed."""
        if isinstance(error, Exception):
            self._association.abort()


class _Gate:
    """Stands in for pynetdicom's reactor checkpoint and stays shut, whatever `set` and `clear` are called meanwhile."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def wait(self) -> None:
        self.reached.set()
        self.opened.wait()

    def set(self) -> None:
        """Ignored."""

    def clear(self) -> None:
        """Ignored."""


class _Slow:
    """Stands in for pynetdicom's reactor checkpoint and lets the reactor by only now and then, until it is hurried."""

    def __init__(self) -> None:
        self.hurried = threading.Event()

    def wait(self) -> None:
        self.hurried.wait(_RESTING_LOOK_SECONDS)

    def set(self) -> None:
        """Ignored."""

    def clear(self) -> None:
        """Ignored."""


def lay_down(association: Any) -> None:
    """Nothing is sent on *association* for a while: what its peer does is still noticed, a little later."""
    # pynetdicom's two threads look at the connection a thousand times a second, which takes a tenth of a processor from
    # the next case.
    association.dul._run_loop_delay = _RESTING_LOOK_SECONDS  # noqa: SLF001
    association._reactor_checkpoint = _Slow()  # noqa: SLF001


def rouse(association: Any) -> None:
    """Undo `lay_down`; takes as long as one look of a resting association, so it is done before the need."""
    association.dul._run_loop_delay = _LOOK_SECONDS  # noqa: SLF001
    slow = association._reactor_checkpoint  # noqa: SLF001
    if isinstance(slow, _Slow):
        association._reactor_checkpoint = threading.Event()  # noqa: SLF001
        association._reactor_checkpoint.set()  # noqa: SLF001
        slow.hurried.set()


@contextmanager
def held_reactor(association: Any) -> Iterator[None]:
    """Requests are sent on *association* inside this block only."""
    # pynetdicom 3.0.4 lets its reactor thread run between two requests and pauses it by a flag that is still up when
    # the reactor is just waking: then the reactor eats the next response, and the sender waits until its DIMSE timeout
    # (seen once in some hundred queries). So the reactor is held, with a handshake, for as long as we send.
    gate, checkpoint = _Gate(), association._reactor_checkpoint  # noqa: SLF001
    association._reactor_checkpoint = gate  # noqa: SLF001
    try:
        while association.is_alive() and not gate.reached.wait(0.1):
            pass
        yield
    finally:
        association._reactor_checkpoint = checkpoint  # noqa: SLF001
        gate.opened.set()


def associate(
    address: DicomAddress,
    contexts: Sequence[PresentationContext],
    *,
    roles: Sequence[Any] = (),
    handlers: Sequence[tuple[Any, Any]] = (),
) -> Any:
    """An established association with *address*, the caller's to end.

    Args:
        address: who is called.
        contexts: what is proposed.
        roles: role selection items (PS3.7 D.3.3.4).
        handlers: pynetdicom's event handlers.

    Raises:
        UnreachableError: it could not be established.
        RejectedError: the peer accepts none of *contexts*.
    """
    configure_pynetdicom()
    entity = AE(ae_title=address.calling_ae_title)
    entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    entity.connection_timeout = address.connect_timeout_seconds
    entity.acse_timeout = address.acse_timeout_seconds
    entity.dimse_timeout = address.dimse_timeout_seconds
    entity.network_timeout = max(address.dimse_timeout_seconds, address.acse_timeout_seconds)
    association = entity.associate(
        address.host,
        address.port,
        contexts=list(contexts),
        ext_neg=list(roles),
        ae_title=address.ae_title,
        max_pdu=131072,
        tls_args=(address.tls, address.host) if address.tls else None,
        evt_handlers=[*SocketCare().handlers(), *handlers],
    )
    if association.rejected_contexts and not association.accepted_contexts:
        raise RejectedError(
            f"{address} does not accept SOP class {association.rejected_contexts[0].abstract_syntax}, nor any other "
            "proposed to it. Check what it is configured to take."
        )
    if not association.is_established:
        kind = BusyError if _is_busy(association) else UnreachableError
        raise kind(f"No association with {address}: {_why_not(association, address)}")
    return association


def _is_busy(association: Any) -> bool:
    answer = association.acceptor.primitive
    return association.is_rejected and answer is not None and answer.result == _REJECTED_TRANSIENT


def _why_not(association: Any, address: DicomAddress) -> str:
    if association.is_rejected:
        return (
            "it rejected the association. Check that it knows our AE title and address, and that its own AE title "
            "is right."
        )
    also = ", that it speaks TLS, and that each side trusts the other's certificate" if address.tls else ""
    return f"it does not answer there or broke off. Check that it runs, host, port, firewall and AE titles{also}."
