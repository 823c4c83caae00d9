"""A destination that keeps what it gets in memory: the small double."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from pathlib import Path

from dicom_io.errors import SendError, UnreachableError
from dicom_io.headers import read_header
from dicom_io.send.destination import Receipt, Reference, Refusal


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
        #: SOP Class UIDs that it refuses.
        self.refused_classes: set[str] = set()
        #: Whether it stores what it is sent and then breaks off before it says so.
        self.is_silent_after_storing = False

    def send(self, objects: Sequence[Path]) -> tuple[Receipt | Refusal, ...]:
        """Keep the files; see `Destination.send`."""
        self._fail_if_told()
        answers = tuple(self._take(path) for path in objects)
        if self.is_silent_after_storing:
            raise UnreachableError("It broke off after storing.")
        return answers

    def holds(self, references: Sequence[Reference]) -> AbstractSet[str]:
        """Look them up; see `Destination.holds`."""
        self._fail_if_told()
        return {reference.sop_instance_uid for reference in references} & self.objects.keys()

    def close(self) -> None:
        """Nothing was kept open."""

    def _take(self, path: Path) -> Receipt | Refusal:
        instance = read_header(path).instance
        if instance.sop_class_uid in self.refused_classes:
            return Refusal(
                sop_instance_uid=instance.sop_instance_uid, reason=f"SOP class {instance.sop_class_uid} is not taken"
            )
        self.objects[instance.sop_instance_uid] = path.read_bytes()
        self.sent.append(instance.sop_instance_uid)
        return Receipt(sop_instance_uid=instance.sop_instance_uid, status=0x0000, at=datetime.now(UTC))

    def _fail_if_told(self) -> None:
        if self.failure is not None:
            raise self.failure
