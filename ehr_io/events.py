"""Bitemporal events of a stay: when a fact was true, and when it could be known."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum


class EventKind(Enum):
    """What sort of fact an event states."""

    #: The stay began; ``code`` is the encounter class.
    ADMISSION = "admission"
    #: The stay ended.
    DISCHARGE = "discharge"
    #: The patient came to a ward; ``code`` is the ward.
    WARD = "ward"
    #: A number was measured; ``code`` is our concept, ``value`` in its canonical unit.
    OBSERVATION = "observation"
    #: A device was inserted, or a procedure done; ``code`` is our concept.
    PROCEDURE = "procedure"
    #: A drug was given; ``code`` is our concept.
    MEDICATION = "medication"
    #: A culture or report was answered; ``code`` is our concept, ``text`` the conclusion code.
    REPORT = "report"
    #: A fact about the patient: ``code`` is ``birth_date`` or ``sex``.
    PATIENT = "patient"


@dataclass(frozen=True, kw_only=True)
class Event:
    """One fact about one stay."""

    #: Identifier of the stay: the Encounter's logical id.
    stay_id: str
    #: FHIR ``Type/id`` of the source, so that a correction replaces it.
    source: str
    #: What sort of fact.
    kind: EventKind
    #: Our concept, e.g. ``temperature``; see ``ehr_io/codes.toml``.
    code: str
    #: When it was true, UTC.
    event_time: datetime
    #: When we could know it, UTC; never before *event_time* for measured facts.
    known_time: datetime
    #: Number in the concept's canonical unit; None when the fact has none.
    value: float | None = None
    #: UCUM unit of *value*; empty when there is none.
    unit: str = ""
    #: Coded or short textual value; never free text about the patient.
    text: str = ""
    #: End of a fact that lasts (device, stay); None when open or momentary.
    end_time: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Stay:
    """One stay with all that was known of it at one moment."""

    #: Encounter's logical id.
    stay_id: str
    #: Patient's logical id; personal data: never logged, never in the work engine.
    patient_id: str
    #: Events in the order of event_time, then source.
    events: tuple[Event, ...]

    def as_of(self, moment: datetime) -> "Stay":
        """The stay as it could be known at *moment*: facts known by then, with later ends still unknown."""
        known = tuple(_blind_to_the_future(event, moment) for event in self.events if event.known_time <= moment)
        return replace(self, events=known)


def _blind_to_the_future(event: Event, moment: datetime) -> Event:
    ends_later = event.end_time is not None and event.end_time > moment
    return replace(event, end_time=None) if ends_later else event
