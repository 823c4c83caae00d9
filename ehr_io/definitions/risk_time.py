"""The denominator: how long patients were at risk of becoming a case, unit by unit.

Hours after an event (until a new episode may begin) and after death leave it. Each hour counts to the unit to which a
sample would count that it could lead to: with attribution to the ward of 48 h before the sample, the whole contact is
at risk, since its first hour leads to a sample in hour 48 and its last to one 48 h after the end; with attribution to
the sampling unit, the contact from its 48th hour on.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from ehr_io.definitions.cultures import CultureDefinition
from ehr_io.definitions.edition import WINDOW, Attribution
from ehr_io.definitions.history import Contact, History
from ehr_io.definitions.verdict import Outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class RiskPeriod:
    """One patient at risk in one unit."""

    #: The unit; empty when not known.
    unit: str
    #: From, UTC.
    start: datetime
    #: Until, UTC.
    end: datetime

    @property
    def days(self) -> float:
        """Its length in days."""
        return (self.end - self.start).total_seconds() / 86_400


#: From, until.
_Span = tuple[datetime, datetime]
_POSITIVE = {
    *(Outcome.HOSPITAL_ACQUIRED, Outcome.HOSPITAL_ONSET, Outcome.COMMUNITY_ONSET),
    *(Outcome.COMMUNITY_ACQUIRED, Outcome.AFTER_CONTACT),
}


def risk_periods(history: History, definition: CultureDefinition, until: datetime) -> tuple[RiskPeriod, ...]:
    """The patient's time at risk by *definition*; a contact without an end goes on *until*."""
    began = [verdict.sampled_at for verdict in definition.judge(history) if verdict.outcome in _POSITIVE]
    closed = [(start, start + definition.edition.new_episode) for start in began]
    if history.died_at is not None:
        closed.append((history.died_at, max(until, history.died_at)))
    periods = (
        RiskPeriod(unit=unit, start=start, end=end)
        for contact in history.contacts
        for unit, span in _by_unit(contact, definition.edition.attribution, until)
        for start, end in _without(span, closed)
    )
    return tuple(periods)


def _by_unit(contact: Contact, attribution: Attribution, until: datetime) -> Iterator[tuple[str, _Span]]:
    begins = contact.start + (WINDOW if attribution is Attribution.SAMPLING_UNIT else WINDOW * 0)
    ends = min(contact.end or until, until)
    starts = [contact.start, *(period.start for period in contact.wards if period.start > contact.start)]
    for start, end in zip(starts, [*starts[1:], ends], strict=True):
        span = (max(start, begins), min(end, ends))
        if span[0] < span[1]:
            yield contact.ward_at(start), span


def _without(span: _Span, closed: Sequence[_Span]) -> Iterable[_Span]:
    """What is left of *span* outside the *closed* ones."""
    left = [span]
    for start, end in closed:
        left = [
            piece
            for one in left
            for piece in ((one[0], min(one[1], start)), (max(one[0], end), one[1]))
            if piece[0] < piece[1]
        ]
    return left
