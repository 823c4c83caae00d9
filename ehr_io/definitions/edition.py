"""The editions of a definition: what changed from one wording to the next, as data."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from ehr_io.codes import Words

#: From so long after the start of the contact until so long after its end; both limits count as inside.
WINDOW = timedelta(hours=48)


class Attribution(Enum):
    """Which unit a case counts to."""

    #: Where the patient was 48 h before the sample.
    UNIT_48_H_BEFORE = "unit-48-h-before"
    #: Where the sample was taken.
    SAMPLING_UNIT = "sampling-unit"
    #: Where the joint was first operated on, even when the infection is found elsewhere.
    INDEX_UNIT = "index-unit"


@dataclass(frozen=True, kw_only=True)
class Edition:
    """One wording of one definition."""

    #: Year from which it holds.
    name: str
    #: A positive sample more than this after the first of its episode begins a new one.
    new_episode: timedelta
    #: Which unit a case counts to.
    attribution: Attribution
    #: Whether a contact has at most one case.
    once_per_contact: bool = False
    #: Where the rule is published.
    source: str
    #: What of the published wording could not be read, and what stands in for it; None = nothing.
    unconfirmed: Words | None = None
