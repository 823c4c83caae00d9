"""The invented patients: test civil registration numbers, Danish-like names, and their contacts with the hospitals."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from training.phantoms.region.wards import Ward

_FEMALE = ("Karen", "Anne", "Kirsten", "Hanne", "Mette", "Inger", "Lone", "Birthe")
_MALE = ("Jens", "Peter", "Lars", "Henrik", "Ole", "Niels", "Søren", "Bent")
#: No such family name is borne by anybody.
_FAMILY = "Testesen"
#: A test number bears its day of birth with sixty added, as administrative numbers do: no person has one.
_TEST_DAY = 60
_INFANTS = 0.02


@dataclass(kw_only=True, slots=True)
class Segment:
    """A patient in a ward; minutes from the start of the region."""

    #: Where.
    ward: Ward
    #: From.
    start: int
    #: Until; while it goes on, the time of the planned departure.
    end: int


@dataclass(kw_only=True, slots=True)
class Encounter:
    """One hospital's part of a contact: what a record calls a stay."""

    #: E.g. ``SYN-E-0000123``.
    stay_id: str
    #: Wards in order.
    segments: list[Segment]

    @property
    def start(self) -> int:
        """When it began."""
        return self.segments[0].start

    @property
    def end(self) -> int:
        """When it ended, or will."""
        return self.segments[-1].end


@dataclass(kw_only=True, slots=True)
class Contact:
    """A chain of encounters without a gap."""

    #: In order.
    encounters: list[Encounter]

    @property
    def start(self) -> int:
        """When it began."""
        return self.encounters[0].start

    @property
    def end(self) -> int:
        """When it ended, or will."""
        return self.encounters[-1].end

    def ward_at(self, minute: int) -> str:
        """Where the patient was, the last ward after the end; empty before the start."""
        passed = [one for part in self.encounters for one in part.segments if one.start <= minute]
        return passed[-1].ward.code if passed else ""

    def stay_at(self, minute: int) -> str:
        """The stay that a sample of *minute* is sent from."""
        begun = [part for part in self.encounters if part.start <= minute]
        return begun[-1].stay_id if begun else self.encounters[0].stay_id


@dataclass(kw_only=True, slots=True)
class Person:
    """One patient."""

    #: E.g. ``SYN-P-0000001``.
    patient_id: str
    #: Ten digits, of which the first is six to nine.
    civil_number: str
    #: Given and family name.
    name: tuple[str, str]
    #: Day of birth.
    born: date
    #: Otherwise male.
    is_female: bool
    #: A newborn, who comes once and is gone before the first birthday.
    is_infant: bool
    #: In order.
    contacts: list[Contact] = field(default_factory=list)


class Register:
    """Makes people, each with a number of his own."""

    def __init__(self, rng: np.random.Generator, start: date) -> None:
        """Draw from *rng*; the region begins on *start*."""
        self._rng = rng
        self._start = start
        self._serials: Counter[date] = Counter()
        self.people: list[Person] = []

    def draw(self, day: int) -> Person:
        """A new patient, who comes on *day* of the region."""
        is_infant, is_female = self._rng.random() < _INFANTS, self._rng.random() < 0.5
        age_days = self._rng.uniform(0, 20) if is_infant else np.clip(self._rng.normal(66, 17), 5, 99) * 365.25
        born = self._start + timedelta(days=day - int(age_days))
        first = _FEMALE if is_female else _MALE
        person = Person(
            patient_id=f"SYN-P-{len(self.people) + 1:07d}",
            civil_number=self._civil_number(born, is_female=is_female),
            name=(first[int(self._rng.integers(len(first)))], _FAMILY),
            born=born,
            is_female=is_female,
            is_infant=is_infant,
        )
        self.people.append(person)
        return person

    def _civil_number(self, born: date, *, is_female: bool) -> str:
        """DDMMYYSSSS: the seventh digit tells the century, the last one the sex."""
        self._serials[born] += 1
        serial = self._serials[born] * 2 + (0 if is_female else 1)
        century = 4 if born.year >= 2000 else 0
        return f"{born.day + _TEST_DAY:02d}{born:%m%y}{century}{serial % 1000:03d}"
