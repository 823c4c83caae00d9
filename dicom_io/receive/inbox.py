"""Where received objects are recorded: the seam between the doors and whoever keeps the books."""

import threading
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from dicom_io.headers import Header


class Landing(Enum):
    """What an arrival meant to the books."""

    #: First time that this SOP Instance UID came.
    NEW = "new"
    #: The same SOP Instance UID with the same bytes had come before.
    SAME = "same"
    #: The same SOP Instance UID came with other bytes; the later ones hold.
    REPLACED = "replaced"


class RefusalCode(Enum):
    """Why bytes were refused for good."""

    #: They are no DICOM object.
    NOT_DICOM = "not_dicom"
    #: A UID that identifies the object is missing or malformed.
    INCOMPLETE_OBJECT = "incomplete_object"
    #: The C-STORE command names another object than the dataset.
    COMMAND_MISMATCH = "command_mismatch"
    #: It is larger than this site takes.
    TOO_LARGE = "too_large"


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One object that lies safely in the spool and waits to be recorded."""

    #: Its DICOM file in the spool.
    path: Path
    #: What it says of itself; its instance's path is *path*.
    header: Header
    #: Digest of the file (`dicom_io.receive.digests`).
    digest: str
    #: Size of the file.
    size_bytes: int
    #: Calling AE title, or the name of another door's client; empty when unknown.
    source_ae: str


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Bytes that were not taken, for a person to look at."""

    #: Which door they came to, e.g. ``dimse``.
    door: str
    #: Why, for machines.
    reason_code: RefusalCode
    #: Why, for people; without patient data.
    reason: str
    #: Calling AE title, or the name of another door's client; empty when unknown.
    source_ae: str
    #: Where the bytes are kept; None when there was no room for them.
    path: Path | None
    #: Study Instance UID when it could be read, else empty.
    study_uid: str


class Inbox(Protocol):
    """Records what arrives. Called from many threads at once."""

    def land_all(self, arrivals: Sequence[Arrival]) -> Sequence[Landing]:
        """Record all *arrivals*, or none, before returning; the answers are in their order.

        Raises:
            InboxUnavailableError: they cannot be recorded now; the senders are told to try again.
        """

    def association_ended(self, source_ae: str, study_uids: AbstractSet[str], *, aborted: bool) -> None:
        """Note that the sender closed (*aborted*: broke off) an association in which it sent of *study_uids*."""

    def refuse(self, refusal: Refusal) -> None:
        """Record *refusal*.

        Raises:
            InboxUnavailableError: it cannot be recorded now.
        """


class MemoryInbox:
    """An inbox that forgets at exit, for tests and for `varsel receive` without a database."""

    def __init__(self) -> None:
        """Start empty."""
        #: The latest arrival of each SOP Instance UID.
        self.arrivals: dict[str, Arrival] = {}
        #: What each call of `land` answered, in order.
        self.landings: list[Landing] = []
        #: Refusals in order.
        self.refusals: list[Refusal] = []
        #: (source AE title, Study Instance UIDs, aborted) of each association that ended.
        self.ended: list[tuple[str, frozenset[str], bool]] = []
        self._changed = threading.Condition()

    def land(self, arrival: Arrival) -> Landing:
        """Keep one arrival in memory."""
        return self.land_all([arrival])[0]

    def land_all(self, arrivals: Sequence[Arrival]) -> Sequence[Landing]:
        """Keep *arrivals* in memory."""
        with self._changed:
            landings = [self._land(arrival) for arrival in arrivals]
            self.landings += landings
            self._changed.notify_all()
        return landings

    def _land(self, arrival: Arrival) -> Landing:
        known = self.arrivals.get(arrival.header.instance.sop_instance_uid)
        landing = _compare(known, arrival)
        if landing is not Landing.SAME:
            self.arrivals[arrival.header.instance.sop_instance_uid] = arrival
        return landing

    def association_ended(self, source_ae: str, study_uids: AbstractSet[str], *, aborted: bool) -> None:
        """Keep the end of an association in memory."""
        with self._changed:
            self.ended.append((source_ae, frozenset(study_uids), aborted))
            self._changed.notify_all()

    def refuse(self, refusal: Refusal) -> None:
        """Keep *refusal* in memory."""
        with self._changed:
            self.refusals.append(refusal)
            self._changed.notify_all()

    def wait_for_end(self, timeout_s: float = 10.0) -> bool:
        """Wait until an association has ended; False when *timeout_s* passed first."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self.ended), timeout_s)


def _compare(known: Arrival | None, arrival: Arrival) -> Landing:
    if known is None:
        return Landing.NEW
    return Landing.SAME if known.digest == arrival.digest else Landing.REPLACED
