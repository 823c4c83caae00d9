"""What a case definition says of one sample or operation, and why."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from ehr_io.codes import Words


class Outcome(Enum):
    """What one sample, or one operation, amounts to."""

    #: Positive, within the window of a contact, a new episode: a hospital-acquired infection.
    HOSPITAL_ACQUIRED = "hospital-acquired"
    #: C. difficile: begun in hospital (HOHA).
    HOSPITAL_ONSET = "hospital-onset"
    #: C. difficile: begun outside, at most 30 days after a contact (COHA).
    COMMUNITY_ONSET = "community-onset"
    #: Positive, less than 48 h after the contact began.
    COMMUNITY_ACQUIRED = "community-acquired"
    #: Positive, later after a contact than counts, or never in one.
    AFTER_CONTACT = "after-contact"
    #: Positive, but of an episode that began before.
    SAME_EPISODE = "same-episode"
    #: Not positive by the definition.
    NEGATIVE = "negative"
    #: Only organisms of the contaminant list.
    CONTAMINATION = "contamination"
    #: The patient is too young for the definition.
    TOO_YOUNG = "too-young"
    #: A joint re-operated too early or too late to count.
    OUTSIDE_FOLLOW_UP = "outside-follow-up"
    #: The index operation was acute; only planned ones are counted.
    ACUTE_OPERATION = "acute-operation"
    #: Something that decides is not known.
    UNDECIDABLE = "undecidable"


_CASES = {Outcome.HOSPITAL_ACQUIRED, Outcome.HOSPITAL_ONSET, Outcome.COMMUNITY_ONSET}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one edition of one definition says of one sample or operation."""

    #: Definition id, e.g. ``haiba-bacteraemia``.
    definition: str
    #: Its edition, e.g. ``2019``.
    edition: str
    #: What it amounts to.
    outcome: Outcome
    #: Whose; personal data.
    patient_id: str
    #: Stay in which it was sampled, or that it counts to; empty when it lies in none.
    stay_id: str
    #: ``Type/id`` of the culture or operation.
    source: str
    #: When the sample was taken, or the joint operated on again, UTC.
    sampled_at: datetime
    #: When the answer could be known, UTC.
    known_at: datetime
    #: Unit to which the case counts; empty when not known.
    unit: str
    #: Start of the risk that the case ended: of the contact, or the index operation; None where there is none.
    since: datetime | None
    #: Why, in words.
    explanation: Words

    @property
    def is_case(self) -> bool:
        """Whether it is counted."""
        return self.outcome in _CASES
