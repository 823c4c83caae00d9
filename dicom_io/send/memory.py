"""A destination that keeps what it gets in memory: the small double."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from pathlib import Path

from dicom_io.errors import SendError
from dicom_io.headers import read_header
from dicom_io.send.destination import Receipt, Reference


class MemoryDestination:
    """Takes everything, or fails as it is told to."""

    def __init__(self, failure: SendError | None = None) -> None:
        """Start empty."""
        #: File bytes by SOP Instance UID.
        self.objects: dict[str, bytes] = {}
        #: SOP Instance UIDs in the order of arrival, repeats included.
        self.sent: list[str] = []
        #: Raised by every call while it is set.
        self.failure = failure

    def send(self, objects: Sequence[Path]) -> tuple[Receipt, ...]:
        """Keep the files; see `Destination.send`."""
        self._fail_if_told()
        return tuple(self._keep(path) for path in objects)

    def holds(self, references: Sequence[Reference]) -> AbstractSet[str]:
        """Look them up; see `Destination.holds`."""
        self._fail_if_told()
        return {reference.sop_instance_uid for reference in references} & self.objects.keys()

    def _keep(self, path: Path) -> Receipt:
        uid = read_header(path).instance.sop_instance_uid
        self.objects[uid] = path.read_bytes()
        self.sent.append(uid)
        return Receipt(sop_instance_uid=uid, status=0x0000, at=datetime.now(UTC))

    def _fail_if_told(self) -> None:
        if self.failure is not None:
            raise self.failure
