"""One patient as case definitions see him: contacts with the hospital, samples, operations."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from ehr_io.events import Event, EventKind, Stay

#: Stays that follow each other within so long are one contact: a transfer between hospitals, a bed for a night in the
#: emergency ward. The Danish Health Data Authority joins contacts to hospital stays at the same limit.
LINK = timedelta(hours=4)
#: Encounter classes in which the patient is in the hospital; an outpatient visit opens no window.
_ADMITTED = {"IMP", "ACUTE", "NONAC", "EMER", "OBSENC", "SS"}


class Specimen(Enum):
    """What was sampled; the value is our concept in ``codes.toml``."""

    #: Blood, cultured.
    BLOOD = "blood_culture"
    #: Urine, cultured.
    URINE = "urine_culture"
    #: Faeces, cultured or PCR for C. difficile.
    FAECES = "clostridioides_test"
    #: Tissue of a joint at re-operation.
    JOINT = "joint_biopsy"


class Joint(Enum):
    """Which joint was replaced."""

    #: Hip.
    HIP = "hip"
    #: Knee.
    KNEE = "knee"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One sample with its answer."""

    #: ``Type/id`` of the answer.
    source: str
    #: Stay that it was sent from; empty when not told.
    stay_id: str
    #: What was sampled.
    specimen: Specimen
    #: When, UTC.
    taken_at: datetime
    #: When the answer could be known, UTC.
    known_at: datetime
    #: Codes of the organisms, and of conclusions such as "not toxigenic".
    organisms: tuple[str, ...]
    #: Highest colony count per ml; None when not told.
    cfu_per_ml: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One operation on a hip or knee."""

    #: ``Type/id``.
    source: str
    #: Stay in which it was done.
    stay_id: str
    #: When, UTC.
    at: datetime
    #: When it could be known, UTC.
    known_at: datetime
    #: Which joint.
    joint: Joint
    #: ``left`` or ``right``; empty when not told.
    side: str
    #: A re-operation, not a first replacement.
    is_again: bool
    #: A planned replacement, not one after a fracture.
    is_planned: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class WardPeriod:
    """The patient came to a ward."""

    #: Its code.
    ward: str
    #: When, UTC.
    start: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    """A chain of stays without a gap: what the 48-hour windows are measured from."""

    #: Its stays, in order.
    stay_ids: tuple[str, ...]
    #: Start of the first, UTC.
    start: datetime
    #: End of the last, UTC; None while it goes on.
    end: datetime | None
    #: Whether the discharge was never told, and the end is that of the last thing known.
    end_is_assumed: bool
    #: Newest fact that places the patient in it, UTC.
    last_seen: datetime
    #: Wards in the order of their start.
    wards: tuple[WardPeriod, ...]

    def ward_at(self, moment: datetime) -> str:
        """The ward at *moment*, the last one when it is later than all; empty when none was known by then."""
        return next((period.ward for period in reversed(self.wards) if period.start <= moment), "")


@dataclass(frozen=True, kw_only=True)
class History:
    """All that definitions ask of one patient."""

    #: Logical id; personal data.
    patient_id: str
    #: Birth, UTC; None when not told.
    born: datetime | None
    #: Death, UTC; None when not told.
    died_at: datetime | None = None
    #: Contacts in the order of their start.
    contacts: tuple[Contact, ...]
    #: Samples in the order of sampling, then source.
    samples: tuple[Sample, ...]
    #: Operations in their order.
    operations: tuple[Operation, ...] = ()

    def samples_of(self, specimen: Specimen) -> Iterable[Sample]:
        """Samples of *specimen*, in order."""
        return (sample for sample in self.samples if sample.specimen is specimen)


def history_of(patient_id: str, stays: Iterable[Stay]) -> History:
    """The history that *stays* of one patient tell; hand in ``stay.as_of(moment)`` for what was known at a moment."""
    told = tuple(stays)
    events = [event for stay in told for event in stay.events]
    samples = [sample for event in events if (sample := _sample(event)) is not None]
    operations = [operation for event in events if (operation := _operation(event)) is not None]
    patient = {event.code: event.event_time for event in events if event.kind is EventKind.PATIENT}
    return History(
        patient_id=patient_id,
        born=patient.get("birth_date"),
        died_at=patient.get("death"),
        contacts=chain([contact for stay in told if (contact := _contact(stay)) is not None]),
        samples=tuple(sorted(samples, key=lambda sample: (sample.taken_at, sample.source))),
        operations=tuple(sorted(operations, key=lambda operation: (operation.at, operation.source))),
    )


def birthday(born: datetime, years: int) -> datetime:
    """The day on which who was *born* then becomes *years* old; 1 March for one of 29 February in other years."""
    try:
        return born.replace(year=born.year + years)
    except ValueError:
        return born.replace(year=born.year + years, month=3, day=1)


def chain(contacts: Sequence[Contact]) -> tuple[Contact, ...]:
    """*contacts* of one stay each, joined where one follows the other within LINK or lies over it."""
    chained: list[Contact] = []
    for contact in sorted(contacts, key=lambda one: (one.start, one.stay_ids)):
        before = _closed(chained.pop(), contact) if chained else None
        if before is None:
            chained.append(contact)
        elif before.end is None or contact.start - before.end <= LINK:
            chained.append(_joined(before, contact))
        else:
            chained += [before, contact]
    return tuple(chained)


def _closed(open_one: Contact, following: Contact) -> Contact:
    """A contact whose discharge was never told need not last until the next one: it ends with the last known of it."""
    if open_one.end is not None:
        return open_one
    return replace(open_one, end=min(open_one.last_seen, following.start), end_is_assumed=True)


def _joined(first: Contact, second: Contact) -> Contact:
    ends = (first.end, second.end)
    return Contact(
        stay_ids=first.stay_ids + second.stay_ids,
        start=first.start,
        end=None if second.end is None else max(end for end in ends if end is not None),
        end_is_assumed=second.end_is_assumed,
        last_seen=max(first.last_seen, second.last_seen),
        wards=tuple(sorted(first.wards + second.wards, key=lambda period: period.start)),
    )


def _contact(stay: Stay) -> Contact | None:
    admission = next((e for e in stay.events if e.kind is EventKind.ADMISSION and e.code in _ADMITTED), None)
    if admission is None:
        return None
    start = admission.event_time
    # A discharge before the admission cannot be true; the contact goes on as if none had been told.
    told = (e.event_time for e in stay.events if e.kind is EventKind.DISCHARGE and e.event_time >= start)
    discharge = next(told, admission.end_time)
    wards = [WardPeriod(ward=e.code, start=e.event_time) for e in stay.events if e.kind is EventKind.WARD]
    return Contact(
        stay_ids=(stay.stay_id,),
        start=start,
        end=discharge,
        end_is_assumed=False,
        last_seen=max(e.event_time for e in stay.events),
        wards=tuple(sorted(wards, key=lambda period: period.start)),
    )


def _sample(event: Event) -> Sample | None:
    if event.kind is not EventKind.REPORT or event.code not in {one.value for one in Specimen}:
        return None
    return Sample(
        source=event.source,
        stay_id=event.stay_id,
        specimen=Specimen(event.code),
        taken_at=event.event_time,
        known_at=event.known_time,
        organisms=tuple(event.text.split()),
        cfu_per_ml=event.value,
    )


def _operation(event: Event) -> Operation | None:
    joint, _, what = event.code.partition("_")
    if event.kind is not EventKind.PROCEDURE or what not in {"replacement", "reoperation"}:
        return None
    said = set(event.text.split())
    return Operation(
        source=event.source,
        stay_id=event.stay_id,
        at=event.event_time,
        known_at=event.known_time,
        joint=Joint(joint),
        side=next(iter(said & {"left", "right"}), ""),
        is_again=what == "reoperation",
        is_planned="acute" not in said,
    )
