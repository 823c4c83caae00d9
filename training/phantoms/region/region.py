"""The whole region: who came, what was done and measured, and which cases are true."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from training.phantoms.region.flow import DAY, HOUR, BedFlow
from training.phantoms.region.infections import KINDS, Scenarios
from training.phantoms.region.joints import plan_joints
from training.phantoms.region.measurements import PANELS, Rounds, draw_rounds
from training.phantoms.region.people import Encounter, Person, Register
from training.phantoms.region.plan import PlannedOperation, PlannedSample, TrueCase
from training.phantoms.region.wards import Ward, make_wards

#: Midnight UTC.
START = datetime(2025, 1, 1, tzinfo=UTC)
_CATHETER, _ANTIBIOTIC_DAYS = 0.4, 4
_TWO_DAYS = 48 * HOUR


@dataclass(frozen=True, kw_only=True, slots=True)
class Catheter:
    """A urinary catheter in one stay."""

    #: Its number.
    number: str
    #: Which stay.
    stay_id: str
    #: From, in minutes from the start of the region.
    start: int
    #: Until.
    end: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Dose:
    """One dose of an antibiotic."""

    #: Which stay.
    stay_id: str
    #: When, in minutes from the start of the region.
    minute: int


@dataclass(frozen=True, kw_only=True)
class Region:
    """All that happened, and what is true of it."""

    #: Its wards.
    wards: tuple[Ward, ...]
    #: Whoever was in a bed.
    people: tuple[Person, ...]
    #: Minute at which the look ends; a stay that ends later is still open.
    until: int
    #: Cultures and tests.
    samples: tuple[PlannedSample, ...]
    #: Operations on joints.
    operations: tuple[PlannedOperation, ...]
    #: Urinary catheters.
    catheters: tuple[Catheter, ...]
    #: Antibiotics.
    doses: tuple[Dose, ...]
    #: Vital signs and blood tests; stays are numbered as `encounters` gives them.
    rounds: tuple[Rounds, ...]

    def encounters(self) -> Iterator[tuple[Person, Encounter]]:
        """Every stay with its patient."""
        return ((person, part) for person in self.people for one in person.contacts for part in one.encounters)

    def truth(self) -> list[TrueCase]:
        """Every case that was planned, by time."""
        owners = {id(contact): person.patient_id for person in self.people for contact in person.contacts}
        definitions = {kind.specimen: kind.definition for kind in KINDS}
        found = [
            TrueCase(
                definition=definitions[sample.specimen],
                edition=edition,
                outcome=sample.outcome,
                patient_id=owners[id(sample.contact)],
                number=sample.number,
                minute=sample.minute,
                unit=_unit(sample, edition),
                scenario=sample.scenario,
            )
            for sample in self.samples
            for edition in sample.counted
        ]
        found += [
            TrueCase(
                definition=f"haiba-deep-infection-{operation.joint}",
                edition="2019",
                outcome="hospital-acquired",
                patient_id=owners[id(operation.contact)],
                number=operation.number,
                minute=operation.minute,
                unit=operation.case_unit,
                scenario="joint",
            )
            for operation in self.operations
            if operation.case_unit
        ]
        return sorted(found, key=lambda case: (case.minute, case.number, case.edition))


def synthesize_region(beds: int, days: int, seed: int, *, with_measurements: bool = True) -> Region:
    """A region of *beds* over *days*; the same for the same *seed*. Without measurements it is drawn faster."""
    rng = np.random.default_rng((seed, 6))
    until = days * DAY
    wards = make_wards(beds)
    register = Register(rng, START.date())
    BedFlow(rng, wards, register).run(until)
    people = tuple(register.people)
    samples = [sample for kind in KINDS for sample in Scenarios(rng, kind, until).plan(people)]
    operations, biopsies = plan_joints(rng, people, until)
    samples += biopsies
    encounters = [part for person in people for contact in person.contacts for part in contact.encounters]
    onsets = _onsets(rng, encounters, samples)
    rounds = [draw_rounds(rng, panel, encounters, onsets, until) for panel in PANELS if with_measurements]
    return Region(
        wards=wards,
        people=people,
        until=until,
        samples=tuple(sorted(samples, key=lambda sample: (sample.minute, sample.number))),
        operations=tuple(operations),
        catheters=_catheters(rng, encounters, until),
        doses=_doses(samples, encounters, until),
        rounds=tuple(rounds),
    )


def moment(minute: int) -> datetime:
    """*minute* of the region as a moment, UTC."""
    return START + timedelta(minutes=int(minute))


def _unit(sample: PlannedSample, edition: str) -> str:
    """Where the case counts: begun outside it counts to no unit."""
    if sample.outcome == "community-onset":
        return ""
    return sample.contact.ward_at(sample.minute - (_TWO_DAYS if edition == "2019" else 0))


def _onsets(rng: np.random.Generator, encounters: list[Encounter], samples: list[PlannedSample]) -> np.ndarray:
    numbers = {one.stay_id: number for number, one in enumerate(encounters)}
    onsets = np.full(len(encounters), np.nan)
    for sample in samples:
        if sample.organisms and sample.specimen != "joint_biopsy":
            onsets[numbers[sample.contact.stay_at(sample.minute)]] = sample.minute - rng.uniform(12, 36) * HOUR
    return onsets


def _catheters(rng: np.random.Generator, encounters: list[Encounter], until: int) -> tuple[Catheter, ...]:
    found = []
    for one in encounters:
        if rng.random() < _CATHETER:
            start = int(one.start + rng.uniform(0, min(36 * HOUR, (one.end - one.start) / 2)))
            end = int(min(one.end, start + (rng.exponential(90) + 6) * HOUR))
            if start < until:
                found.append(Catheter(number=f"{one.stay_id}-UC", stay_id=one.stay_id, start=start, end=end))
    return tuple(found)


def _doses(samples: list[PlannedSample], encounters: list[Encounter], until: int) -> tuple[Dose, ...]:
    """Three times a day from six hours after each positive sample, as long as the stay lasts."""
    ends = {one.stay_id: min(one.end, until) for one in encounters}
    found = set()
    for sample in samples:
        stay_id = sample.contact.stay_at(sample.minute)
        first = sample.minute + 6 * HOUR
        if sample.organisms:
            found |= {
                Dose(stay_id=stay_id, minute=at)
                for at in range(first, min(first + _ANTIBIOTIC_DAYS * DAY, ends[stay_id]), 8 * HOUR)
            }
    return tuple(sorted(found, key=lambda dose: (dose.minute, dose.stay_id)))
