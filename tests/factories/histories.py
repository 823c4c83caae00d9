"""Histories of one patient for case definitions: contacts, samples and operations at hours that a test names."""

from datetime import UTC, datetime, timedelta

from ehr_io.definitions.history import Contact, History, Joint, Operation, Sample, Specimen, WardPeriod

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
ECOLI, EPIDERMIDIS, DIFFICILE = "112283007", "60875001", "5933001"


def at(hours: float) -> datetime:
    """So many *hours* after START."""
    return START + timedelta(hours=hours)


def contact(start: float, end: float | None, *wards: tuple[str, float], stays: tuple[str, ...] = ("e1",)) -> Contact:
    """A contact from hour *start* to *end*; ward A from its start when none is named."""
    return Contact(
        stay_ids=stays,
        start=at(start),
        end=None if end is None else at(end),
        end_is_assumed=False,
        last_seen=at(start if end is None else end),
        wards=tuple(WardPeriod(ward=ward, start=at(hour)) for ward, hour in wards or (("A", start),)),
    )


def sample(specimen: Specimen, hour: float, *organisms: str, cfu: float | None = 1e5, source: str = "") -> Sample:
    """A sample taken at *hour* and answered two days later."""
    return Sample(
        source=source or f"DiagnosticReport/{specimen.value}-{hour}",
        stay_id="e1",
        specimen=specimen,
        taken_at=at(hour),
        known_at=at(hour + 48),
        organisms=organisms,
        cfu_per_ml=cfu,
    )


def operation(day: float, *, is_again: bool, side: str = "left", is_planned: bool = True) -> Operation:
    """A hip operation on *day*."""
    return Operation(
        source=f"Procedure/{day}-{side}-{is_again}",
        stay_id="e1",
        at=at(day * 24),
        known_at=at(day * 24),
        joint=Joint.HIP,
        side=side,
        is_again=is_again,
        is_planned=is_planned,
    )


def history(
    *contacts: Contact,
    samples: tuple[Sample, ...] = (),
    operations: tuple[Operation, ...] = (),
    born: datetime | None = None,
    died_at: datetime | None = None,
) -> History:
    """The history of a patient born in 1950 unless told otherwise."""
    return History(
        patient_id="p1",
        born=born or datetime(1950, 1, 1, tzinfo=UTC),
        died_at=died_at,
        contacts=contacts,
        samples=tuple(sorted(samples, key=lambda one: (one.taken_at, one.source))),
        operations=operations,
    )
