"""An association that stays open for a little while, since opening one and releasing it cost 10 ms each."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pynetdicom.presentation import PresentationContext

from dicom_io.errors import BusyError
from dicom_io.send.association import AbortedOnFailure, DicomAddress, associate, held_reactor, lay_down, rouse

#: Between tries to open another association right after a release: an archive that takes one at a time needs a moment.
_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)


class KeptAssociation:
    """One association with one peer, opened when it is needed and released when nobody used it for a while.

    While it rests, its reactor runs, slowly: a release, an abort or a closed connection of the peer is noticed, and the
    next use opens another. One user at a time.
    """

    def __init__(self, address: DicomAddress, keep_open_seconds: float) -> None:
        """Call *address*; release after *keep_open_seconds* of rest, 0 = at once."""
        self._address = address
        self._keep_open_seconds = keep_open_seconds
        self._lock = threading.Lock()
        self._association: Any = None
        self._contexts: dict[tuple[str, str], PresentationContext] = {}
        self._timer: threading.Timer | None = None

    @contextmanager
    def open(self, contexts: Sequence[PresentationContext]) -> Iterator[Any]:
        """The association with at least these *contexts* proposed; aborted when the block fails.

        Raises:
            UnreachableError: it could not be established.
            RejectedError: the peer accepts none of *contexts*.
        """
        with self._lock:
            association = self._fitting(contexts)
            with held_reactor(association):
                try:
                    with AbortedOnFailure(association):
                        yield association
                finally:
                    if not association.is_established:
                        self._association = None
            if self._rest():
                lay_down(association)

    def prepare(self, contexts: Sequence[PresentationContext]) -> None:
        """Have it open with *contexts* for the next use within its time of rest.

        Raises:
            UnreachableError: it could not be established.
            RejectedError: the peer accepts none of the contexts.
        """
        if self._keep_open_seconds > 0:
            with self._lock:
                self._fitting(contexts)
                self._rest()

    def reopen(self) -> None:
        """Have it open as it was last, unless it never was; at once when somebody is using or opening it.

        Raises:
            UnreachableError: it could not be established.
            RejectedError: the peer accepts none of the contexts any more.
        """
        # Not waited for: behind an archive that does not answer, those who wait would become more and more.
        if self._keep_open_seconds > 0 and self._contexts and self._lock.acquire(blocking=False):
            try:
                self._fitting(())
                self._rest()
            finally:
                self._lock.release()

    def close(self) -> None:
        """Release it now."""
        with self._lock:
            self._release()

    def _fitting(self, contexts: Sequence[PresentationContext]) -> Any:
        if self._timer is not None:
            self._timer.cancel()
        wanted = {_key(context): context for context in contexts}
        if self._association is None or not self._association.is_established or wanted.keys() - self._contexts.keys():
            released = self._release()
            # What was proposed before is proposed again, so that one association soon fits every delivery. A peer
            # takes 128 contexts at most (PS3.8 9.3.2.2).
            together = self._contexts | wanted
            self._contexts = together if len(together) <= 128 else wanted
            self._association = self._opened(patiently=released)
        rouse(self._association)
        return self._association

    def _opened(self, *, patiently: bool) -> Any:
        """Another association; *patiently* where the peer may not have noticed yet that the one before is over."""
        contexts = list(self._contexts.values())
        for seconds in _PAUSES if patiently else ():
            try:
                return associate(self._address, contexts)
            except BusyError:
                time.sleep(seconds)
        return associate(self._address, contexts)

    def _rest(self) -> bool:
        """Release it when its time has come; whether it stays open until then."""
        if self._keep_open_seconds <= 0:
            self._release()
            return False
        self._timer = threading.Timer(self._keep_open_seconds, self._release_when_still, [self._association])
        self._timer.daemon = True
        self._timer.start()
        return True

    def _release_when_still(self, association: Any) -> None:
        with self._lock:
            # Between the timer's end and this line another user may have taken it up: then its own timer runs.
            if self._timer is threading.current_thread() and self._association is association:
                self._release()

    def _release(self) -> bool:
        """Release it where it is open; whether it was."""
        association, self._association = self._association, None
        if association is None or not association.is_established:
            return False
        rouse(association)
        with held_reactor(association):
            association.release()
        return True


def _key(context: PresentationContext) -> tuple[str, str]:
    return str(context.abstract_syntax), ",".join(map(str, context.transfer_syntax))
