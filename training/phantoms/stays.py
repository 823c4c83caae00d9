"""Synthetic hospital stays: Danish-like in shape, obviously synthetic in every identifier, with a known true onset.

The numbers are chosen so that a model has something to learn: infection is likelier with a catheter, age and female
sex; vital signs and blood tests drift from the onset on; other illness drifts likewise. They are no epidemiology.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np

from ehr_io.codes import code_map
from ehr_io.events import Event, EventKind, Stay
from ehr_io.receive.reading import PatientReading
from training.phantoms.stay_course import Course, draw_course

#: Two years of admissions, so that a temporal split has a before and an after.
FIRST_ADMISSION = datetime(2024, 1, 1, tzinfo=UTC)
_SPAN_DAYS = 730.0
_READMITTED = 0.15
_WARDS = ("SYN-MED-1", "SYN-MED-2", "SYN-SURG-1", "SYN-GER-1", "SYN-URO-1")
_ECOLI, _KLEBSIELLA, _ENTEROCOCCUS = "112283007", "56415008", "78065002"
_ORGANISMS = (_ECOLI, _KLEBSIELLA, _ENTEROCOCCUS)
_ORGANISM_SHARES = (0.6, 0.2, 0.2)


@dataclass(frozen=True, kw_only=True)
class SyntheticStay:
    """One synthetic stay, and what only its maker knows."""

    #: All that was ever told of the stay.
    stay: Stay
    #: When the infection truly began, UTC; None for a stay without one.
    onset: datetime | None

    @property
    def admitted_at(self) -> datetime:
        """Start of the stay, UTC."""
        return next(e.event_time for e in self.stay.events if e.kind is EventKind.ADMISSION)

    @property
    def discharged_at(self) -> datetime:
        """End of the stay, UTC."""
        return next(e.event_time for e in self.stay.events if e.kind is EventKind.DISCHARGE)


def synthesize_stays(count: int, seed: int) -> list[SyntheticStay]:
    """*count* stays in the order of admission; the same for the same *seed*. About one patient in seven comes twice."""
    rng = np.random.default_rng(seed)
    stays: list[SyntheticStay] = []
    while len(stays) < count:
        patient = _draw_patient(rng, len(stays))
        admitted_at = FIRST_ADMISSION + _minutes(rng.uniform(0, _SPAN_DAYS) * 1440)
        stays.append(_draw_stay(rng, patient, admitted_at, len(stays)))
        if rng.random() < _READMITTED and len(stays) < count:
            again = stays[-1].discharged_at + _minutes(rng.uniform(5, 90) * 1440)
            stays.append(_draw_stay(rng, patient, again, len(stays)))
    return sorted(stays, key=lambda made: (made.admitted_at, made.stay.stay_id))


def _draw_patient(rng: np.random.Generator, number: int) -> PatientReading:
    age_days = int(np.clip(rng.normal(68, 16), 18, 99) * 365.25)
    patient_id = f"SYN-P-{number:06d}"
    return PatientReading(
        patient_id=patient_id,
        source=f"Patient/{patient_id}",
        birth_date=date(2024, 6, 30) - timedelta(days=age_days),
        sex="female" if rng.random() < 0.5 else "male",
    )


def _draw_stay(rng: np.random.Generator, patient: PatientReading, admitted_at: datetime, number: int) -> SyntheticStay:
    born = patient.birth_date or admitted_at.date()
    age_years = (admitted_at.date() - born).days / 365.25
    course = draw_course(rng, age_years=age_years, is_female=patient.sex == "female")
    writer = _Writer(stay_id=f"SYN-E-{number:06d}", admitted_at=admitted_at, rng=rng)
    events = [
        *patient.events(writer.stay_id, admitted_at),
        *writer.administration(course),
        *writer.catheter(course),
        *writer.measurements(course),
        *writer.antibiotics(course),
        *writer.cultures(course),
    ]
    ordered = tuple(sorted(events, key=lambda event: (event.event_time, event.source, event.code)))
    return SyntheticStay(
        stay=Stay(stay_id=writer.stay_id, patient_id=patient.patient_id, events=ordered),
        onset=None if course.onset_h is None else admitted_at + _minutes(course.onset_h * 60),
    )


def _minutes(minutes: float) -> timedelta:
    """Whole minutes: what a record writes."""
    return timedelta(minutes=round(minutes))


class _Writer:
    """Writes the events of one stay, as the record would have told them."""

    def __init__(self, *, stay_id: str, admitted_at: datetime, rng: np.random.Generator) -> None:
        self.stay_id = stay_id
        self._admitted_at = admitted_at
        self._rng = rng
        self._count = 0

    def administration(self, course: Course) -> list[Event]:
        """Admission, one or two wards, discharge; each known when it happens."""
        end = self._at(course.length_h)
        first, second = (str(ward) for ward in self._rng.choice(_WARDS, 2, replace=False))
        moved = self._at(course.length_h * self._rng.uniform(0.2, 0.6)) if self._rng.random() < 0.3 else end
        spans = [
            (EventKind.ADMISSION, "IMP", self._admitted_at, end),
            (EventKind.WARD, first, self._admitted_at, moved),
        ]
        if moved < end:
            spans.append((EventKind.WARD, second, moved, end))
        source = f"Encounter/{self.stay_id}"
        told = [self._event(source, kind, code, (start, start, until)) for kind, code, start, until in spans]
        return [*told, self._event(source, EventKind.DISCHARGE, "IMP", (end, end, None))]

    def catheter(self, course: Course) -> list[Event]:
        """The catheter, when there is one; written down within the hour."""
        if course.catheter_h is None:
            return []
        start, end = (self._at(hour) for hour in course.catheter_h)
        known = start + self._delay(10, 60)
        return [self._event(self._next("Procedure"), EventKind.PROCEDURE, "urinary_catheter", (start, known, end))]

    def measurements(self, course: Course) -> list[Event]:
        """Vital signs after minutes, blood tests after hours."""
        units = {key: concept.unit for key, concept in code_map().concepts.items()}
        events = []
        for sample in course.samples:
            start = self._at(sample.hour)
            known = start + (self._delay(60, 240) if sample.from_laboratory else self._delay(2, 30))
            events.append(
                Event(
                    stay_id=self.stay_id,
                    source=self._next("Observation"),
                    kind=EventKind.OBSERVATION,
                    code=sample.code,
                    event_time=start,
                    known_time=known,
                    value=sample.value,
                    unit=units[sample.code],
                )
            )
        return events

    def antibiotics(self, course: Course) -> list[Event]:
        """Doses, written down at once."""
        starts = [self._at(hour) for hour in course.antibiotic_hours]
        return [
            self._event(
                self._next("MedicationAdministration"),
                EventKind.MEDICATION,
                "antibiotic",
                (start, start + self._delay(1, 15), None),
            )
            for start in starts
        ]

    def cultures(self, course: Course) -> list[Event]:
        """Urine cultures, answered one to four days after the sample."""
        events = []
        for culture in course.cultures:
            start = self._at(culture.hour)
            grown = self._rng.choice(_ORGANISMS, culture.organisms, replace=False, p=_ORGANISM_SHARES)
            times = (start, start + self._delay(24 * 60, 96 * 60), None)
            answer = self._event(self._next("DiagnosticReport"), EventKind.REPORT, "urine_culture", times)
            text = " ".join(sorted(map(str, grown)))
            events.append(replace(answer, value=culture.cfu_per_ml, unit="[CFU]/mL", text=text))
        return events

    def _next(self, resource_type: str) -> str:
        self._count += 1
        return f"{resource_type}/{self.stay_id}-{self._count:04d}"

    def _at(self, hour: float) -> datetime:
        return self._admitted_at + _minutes(hour * 60)

    def _delay(self, low_minutes: float, high_minutes: float) -> timedelta:
        return _minutes(self._rng.uniform(low_minutes, high_minutes))

    def _event(
        self, source: str, kind: EventKind, code: str, times: tuple[datetime, datetime, datetime | None]
    ) -> Event:
        event_time, known_time, end_time = times
        return Event(
            stay_id=self.stay_id,
            source=source,
            kind=kind,
            code=code,
            event_time=event_time,
            known_time=known_time,
            end_time=end_time,
        )
