"""What a look at the settings can find."""

from dataclasses import dataclass
from enum import Enum


class Weight(Enum):
    """Whether a site can start in spite of it."""

    #: It cannot, or would be of no use.
    FAULT = "fault"
    #: It can; someone should know.
    WARNING = "warning"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that is wrong, and the way out."""

    #: Whether a site can start in spite of it.
    weight: Weight
    #: Key in the settings, e.g. ``receive.port``.
    where: str
    #: What was found, what is required, what to do.
    what: str
