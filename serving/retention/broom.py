"""One broom clears one kind of thing; what each would take is found first, as data."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol


class Kind(Enum):
    """What is cleared away."""

    #: Received images of one study.
    IMAGES = "images"
    #: Result objects and the picture of one work item.
    RESULTS = "results"
    #: Bytes that were refused at a door.
    REFUSED = "refused"
    #: A message of the HL7 feed that was refused and later taken.
    MESSAGE = "message"
    #: What the work engine keeps of ended runs.
    RUNS = "runs"


@dataclass(frozen=True, kw_only=True)
class Clearable:
    """One thing whose time is over."""

    #: What it is.
    kind: Kind
    #: Which one: Study Instance UID, work item, path or number.
    subject: str
    #: How many files or rows.
    count: int
    #: How many bytes of files; 0 for rows.
    size_bytes: int
    #: When its time began to run.
    since: datetime
    #: Why it may go.
    why: str


class Broom(Protocol):
    """Finds and clears one kind of thing."""

    def find(self, now: datetime) -> Iterable[Clearable]:
        """What may go at *now*; changes nothing."""

    def clear(self, found: Clearable, now: datetime) -> int:
        """Clear *found* unless it may not go any more: how many bytes became free. Bears being cut off and repeated."""
