"""Bitemporal events of a stay: when a fact was true, and when it could be known."""

from collections.abc import Mapping, Sequence
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
    #: A diagnosis was made; ``code`` is our concept.
    CONDITION = "condition"
    #: Something was ordered; ``code`` is our concept with ``_order`` behind it, for an order is no dose.
    ORDER = "order"
    #: A fact about the patient: ``code`` is ``birth_date``, ``sex`` or ``death``.
    PATIENT = "patient"


@dataclass(frozen=True, kw_only=True)
class Event:
    """One fact about one stay."""

    #: Identifier of the stay: the Encounter's logical id.
    stay_id: str
    #: FHIR ``Type/id`` of the source, or the like of an HL7 message, so that a correction replaces it.
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
    #: When it was known to be replaced or withdrawn, UTC; None while it stands.
    retired_time: datetime | None = None


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
        known = [event for event in self.events if event.known_time <= moment and not _is_retired(event, moment)]
        left = [event.event_time for event in known if event.kind is EventKind.DISCHARGE]
        moved = sorted([event.event_time for event in known if event.kind is EventKind.WARD] + left)
        ends = {EventKind.ADMISSION: left, EventKind.WARD: moved}
        return replace(self, events=tuple(_with_end(event, ends, moment) for event in known))


def _is_retired(event: Event, moment: datetime) -> bool:
    return event.retired_time is not None and event.retired_time <= moment


def _with_end(event: Event, ends: Mapping[EventKind, Sequence[datetime]], moment: datetime) -> Event:
    """*event* with the end that was known at *moment*: HL7 tells it by the next ward's start, or by the discharge."""
    if event.end_time is not None:
        return event if event.end_time <= moment else replace(event, end_time=None)
    end = next((end for end in ends.get(event.kind, ()) if event.event_time < end <= moment), None)
    return event if end is None else replace(event, end_time=end)
