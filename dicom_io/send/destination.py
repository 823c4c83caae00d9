"""Where objects are sent: the seam between delivery and whatever takes them."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Names one object by its place in the study; archives want the whole hierarchy (PS3.4 C.4.1.2.2.1)."""

    #: Study Instance UID (0020,000D).
    study_instance_uid: str
    #: Series Instance UID (0020,000E).
    series_instance_uid: str
    #: SOP Instance UID (0008,0018).
    sop_instance_uid: str


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """A destination's word that it took one object."""

    #: SOP Instance UID of the object.
    sop_instance_uid: str
    #: C-STORE status (PS3.4 B.2.3): 0 success, 0xBxxx taken with a warning, 0x0111 held already.
    status: int
    #: When the answer came, UTC.
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A destination's word that it will not take one object, today or tomorrow."""

    #: SOP Instance UID of the object.
    sop_instance_uid: str
    #: What it answered, what is required, the way out.
    reason: str


class Destination(Protocol):
    """Takes objects and knows which it holds."""

    def send(self, objects: Sequence[Path]) -> tuple[Receipt | Refusal, ...]:
        """Send files; the answer to each, in their order.

        They arrive in that order, too, but for pictures, which nothing refers to: those may go beside what stands
        before them.

        After an error some of them may have been taken: ask `holds` before sending again.

        Raises:
            UnreachableError: no connection, or it broke, or the destination is short of resources now.
            NotDicomError: one of the files is no DICOM file.
        """

    def holds(self, references: Sequence[Reference]) -> AbstractSet[str]:
        """The SOP Instance UIDs of those *references* that the destination holds.

        Raises:
            UnreachableError: no connection, or it broke.
            RejectedError: it refuses the query.
        """

    def close(self) -> None:
        """End what was kept open for the next call; the destination may be used again."""
