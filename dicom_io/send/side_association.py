"""A second association with an archive, for what may go beside the rest."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from pynetdicom.presentation import PresentationContext

from dicom_io.errors import SendError
from dicom_io.send.association import DicomAddress
from dicom_io.send.kept_association import KeptAssociation

#: Longest wait for it: an archive that serves one association after another answers only once the first has ended.
_LONGEST_WAIT_SECONDS = 1.0
#: An archive that took no second association is not asked for one for so long.
_PATIENCE_SECONDS = 600.0


class SideAssociation:
    """Open where the archive takes it and associations are kept open at all; nobody depends on it."""

    def __init__(
        self, address: DicomAddress, keep_open_seconds: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Call *address*; release after *keep_open_seconds* of rest; *clock* counts seconds."""
        wait = min(_LONGEST_WAIT_SECONDS, address.connect_timeout_seconds, address.acse_timeout_seconds)
        impatient = replace(address, connect_timeout_seconds=wait, acse_timeout_seconds=wait)
        #: What objects are sent over while it `is_open`.
        self.kept = KeptAssociation(impatient, keep_open_seconds)
        self._is_wanted = keep_open_seconds > 0
        self._clock = clock
        self._not_before = 0.0

    def is_open(self, contexts: Sequence[PresentationContext]) -> bool:
        """Whether it is open for *contexts*; opened when it was not."""
        return self._succeeds(lambda: self.kept.prepare(contexts))

    def reopen(self) -> None:
        """Have it open as it was last, where the archive takes it."""
        self._succeeds(self.kept.reopen)

    def _succeeds(self, opening: Callable[[], None]) -> bool:
        if not self._is_wanted or self._clock() < self._not_before:
            return False
        try:
            opening()
        except SendError:
            # Whatever ails the archive, the first association will tell.
            self._not_before = self._clock() + _PATIENCE_SECONDS
            return False
        return True

    def close(self) -> None:
        """Release it."""
        self.kept.close()
