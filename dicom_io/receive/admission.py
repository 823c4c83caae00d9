"""Who may associate, and how many at a time."""

import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager

from dicom_io.receive.association_pdus import AssociateRequest, Rejection, is_dicom
from dicom_io.receive.settings import StoreScpSettings

#: Address and calling AE title.
Peer = tuple[str, str]
_MINUTE_SECONDS = 60.0


class Admission:
    """Counts associations; asked once for each request."""

    def __init__(self, settings: StoreScpSettings) -> None:
        """Admit by *settings*."""
        self._settings = settings
        self._lock = threading.Lock()
        self._open: Counter[Peer] = Counter()
        self._recent: dict[Peer, deque[float]] = {}

    @contextmanager
    def admitted(self, request: AssociateRequest, address: str) -> Iterator[Rejection | None]:
        """Why *request* from *address* is rejected; None admits it for as long as the block lasts."""
        peer = (address, request.calling_ae_title)
        rejection = self._why_unwanted(request) or self._enter(peer, time.monotonic())
        try:
            yield rejection
        finally:
            if rejection is None:
                self._leave(peer)

    def _why_unwanted(self, request: AssociateRequest) -> Rejection | None:
        settings = self._settings
        if not request.protocol_version & 1:
            return Rejection.PROTOCOL_VERSION
        if not is_dicom(request):
            return Rejection.APPLICATION_CONTEXT
        if settings.allowed_calling_ae_titles and request.calling_ae_title not in settings.allowed_calling_ae_titles:
            return Rejection.CALLING_AE_TITLE
        if settings.is_called_ae_title_required and request.called_ae_title != settings.ae_title:
            return Rejection.CALLED_AE_TITLE
        return None

    def _enter(self, peer: Peer, now: float) -> Rejection | None:
        settings = self._settings
        with self._lock:
            if self._open.total() >= settings.maximum_associations:
                return Rejection.LOCAL_LIMIT
            if 0 < settings.maximum_associations_per_peer <= self._open[peer]:
                return Rejection.LOCAL_LIMIT
            if self._comes_too_often(peer, now):
                return Rejection.CONGESTION
            self._open[peer] += 1
        return None

    def _comes_too_often(self, peer: Peer, now: float) -> bool:
        allowed = self._settings.maximum_associations_per_minute
        if not allowed:
            return False
        # Peers that have been quiet for a minute are forgotten: titles are the callers' to invent.
        self._recent = {one: times for one, times in self._recent.items() if now - times[-1] < _MINUTE_SECONDS}
        times = self._recent.setdefault(peer, deque(maxlen=allowed))
        if len(times) == allowed and now - times[0] < _MINUTE_SECONDS:
            return True
        times.append(now)
        return False

    def _leave(self, peer: Peer) -> None:
        with self._lock:
            self._open[peer] -= 1
            if not self._open[peer]:
                del self._open[peer]
