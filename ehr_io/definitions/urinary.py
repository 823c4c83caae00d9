"""Hospital-acquired urinary tract infection, after the Danish surveillance HAIBA (Statens Serum Institut).

A case is a urine culture with at most two organisms, at least one of them in 10 000 colony-forming units per ml or
more, from a patient of at least one year, sampled from 48 h after the start of the hospital contact until 48 h after
its end, more than 30 days after the first positive sample of the episode before. Both limits of 48 h count as inside.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from ehr_io.codes import Words
from ehr_io.events import Event, EventKind, Stay

DEFINITION_ID = "haiba-urinary-tract-infection"
#: The wording since 2019: 30 days, not 14, to a new episode; ward of 48 h before the sample.
DEFINITION_VERSION = "2019.1"
MINIMUM_CFU_PER_ML = 10_000
MAXIMUM_ORGANISMS = 2
WINDOW = timedelta(hours=48)
EPISODE = timedelta(days=30)
#: Cultures are answered in two to five days; before that a label is not mature.
MATURITY = timedelta(days=5)
_FIRST_YEAR = timedelta(days=365.25)


class Outcome(Enum):
    """What one urine culture amounts to."""

    #: Positive, within the window, a new episode: a hospital-acquired infection.
    HOSPITAL_ACQUIRED = "hospital-acquired"
    #: Positive, less than 48 h after the contact began.
    COMMUNITY_ACQUIRED = "community-acquired"
    #: Positive, more than 48 h after the contact ended.
    AFTER_CONTACT = "after-contact"
    #: Positive, but of an episode that began at most 30 days before.
    SAME_EPISODE = "same-episode"
    #: Not positive by the definition.
    NEGATIVE = "negative"
    #: The patient is under one year old.
    UNDER_ONE_YEAR = "under-one-year"
    #: The start of the contact is not known, so nothing can be said.
    UNDECIDABLE = "undecidable"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the definition says of one urine culture, and why."""

    #: What it amounts to.
    outcome: Outcome
    #: FHIR ``DiagnosticReport/id`` of the culture.
    source: str
    #: When the sample was taken, UTC.
    sampled_at: datetime
    #: When the answer could be known, UTC.
    known_at: datetime
    #: Ward 48 h before the sample, to which the case counts; empty when not known.
    ward: str
    #: Why, in words.
    explanation: Words


def judge(stay: Stay, earlier_positives: Sequence[datetime] = ()) -> tuple[Verdict, ...]:
    """One verdict for each urine culture of *stay*, by sample time.

    Args:
        stay: the contact; judge ``stay.as_of(moment)`` for what could be said at a moment.
        earlier_positives: first positive samples of the patient's episodes before this stay, UTC.
    """
    cultures = sorted((e for e in stay.events if e.code == "urine_culture"), key=lambda e: (e.event_time, e.source))
    episode_starts = sorted(earlier_positives)
    verdicts = []
    for culture in cultures:
        outcome, explanation = _judge_one(
            stay, culture, [start for start in episode_starts if start <= culture.event_time]
        )
        if outcome in {Outcome.HOSPITAL_ACQUIRED, Outcome.COMMUNITY_ACQUIRED, Outcome.AFTER_CONTACT}:
            episode_starts.append(culture.event_time)
        verdicts.append(_verdict(stay, culture, outcome, explanation))
    return tuple(verdicts)


def _verdict(stay: Stay, culture: Event, outcome: Outcome, explanation: Words) -> Verdict:
    return Verdict(
        outcome=outcome,
        source=culture.source,
        sampled_at=culture.event_time,
        known_at=culture.known_time,
        ward=_ward_at(stay, culture.event_time - WINDOW),
        explanation=explanation,
    )


def _judge_one(stay: Stay, culture: Event, episode_starts: Sequence[datetime]) -> tuple[Outcome, Words]:
    negative = _why_negative(culture)
    if negative is not None:
        return Outcome.NEGATIVE, negative
    born = next((e.event_time for e in stay.events if e.code == "birth_date"), None)
    if born is not None and culture.event_time - born < _FIRST_YEAR:
        return Outcome.UNDER_ONE_YEAR, Words(
            en="Positive, but the patient is under one year old.", da="Positiv, men patienten er under et år."
        )
    latest = max(episode_starts, default=None)
    if latest is not None and culture.event_time - latest <= EPISODE:
        days = _days(culture.event_time - latest)
        return Outcome.SAME_EPISODE, Words(
            en=f"Positive, but {days} days after the first positive sample; a new episode needs more than 30.",
            da=f"Positiv, men {days} døgn efter første positive prøve; en ny episode kræver mere end 30.",
        )
    return _place_in_contact(stay, culture)


def _place_in_contact(stay: Stay, culture: Event) -> tuple[Outcome, Words]:
    admission = next((e for e in stay.events if e.kind is EventKind.ADMISSION), None)
    if admission is None:
        return Outcome.UNDECIDABLE, Words(
            en="Positive, but the start of the contact is not known.", da="Positiv, men kontaktens start kendes ikke."
        )
    after_start = culture.event_time - admission.event_time
    if after_start < WINDOW:
        hours = _hours(after_start)
        return Outcome.COMMUNITY_ACQUIRED, Words(
            en=f"Positive, sampled {hours} h after the contact began; hospital-acquired needs 48 h or more.",
            da=f"Positiv, taget {hours} timer efter kontaktens start; sygehuserhvervet kræver mindst 48 timer.",
        )
    if admission.end_time is not None and culture.event_time - admission.end_time > WINDOW:
        hours = _hours(culture.event_time - admission.end_time)
        return Outcome.AFTER_CONTACT, Words(
            en=f"Positive, sampled {hours} h after the contact ended; at most 48 h count.",
            da=f"Positiv, taget {hours} timer efter kontaktens slut; højst 48 timer tæller.",
        )
    hours = _hours(after_start)
    return Outcome.HOSPITAL_ACQUIRED, Words(
        en=f"Positive urine culture, sampled {hours} h after the contact began: hospital-acquired.",
        da=f"Positiv urindyrkning, taget {hours} timer efter kontaktens start: sygehuserhvervet.",
    )


def _why_negative(culture: Event) -> Words | None:
    organisms = len(culture.text.split())
    if organisms == 0:
        return Words(en="No growth.", da="Ingen vækst.")
    if organisms > MAXIMUM_ORGANISMS:
        return Words(
            en=f"{organisms} organisms; at most 2 count, more is taken as contamination.",
            da=f"{organisms} mikroorganismer; højst 2 tæller, flere anses for forurening.",
        )
    if culture.value is None:
        return Words(en="The colony count is not told.", da="Kimtallet er ikke oplyst.")
    if culture.value < MINIMUM_CFU_PER_ML:
        return Words(
            en=f"{culture.value:.0f} CFU/ml; at least 10000 are required.",
            da=f"{culture.value:.0f} CFU/ml; mindst 10000 kræves.",
        )
    return None


def _ward_at(stay: Stay, moment: datetime) -> str:
    wards = [e for e in stay.events if e.kind is EventKind.WARD and e.event_time <= moment]
    return max(wards, key=lambda e: e.event_time).code if wards else ""


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.1f}"


def _days(span: timedelta) -> str:
    return f"{span.total_seconds() / 86400:.1f}"
