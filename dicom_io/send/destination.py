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


class Destination(Protocol):
    """Takes objects and knows which it holds."""

    def send(self, objects: Sequence[Path]) -> tuple[Receipt, ...]:
        """Send DICOM files in order; a receipt for each.

        After an error some of them may have been taken: ask `holds` before sending again.

        Raises:
            UnreachableError: no association, or it broke, or the destination is short of resources now.
            RejectedError: one was refused; those after it were not sent.
            NotDicomError: one of the files is no DICOM file.
        """

    def holds(self, references: Sequence[Reference]) -> AbstractSet[str]:
        """The SOP Instance UIDs of those *references* that the destination holds.

        Raises:
            UnreachableError: no association, or it broke.
            RejectedError: it refuses the query.
        """
