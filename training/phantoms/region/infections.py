"""Scenarios of infections: for each patient at most one a kind, so that what is planned is all there is."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from training.phantoms.region.flow import DAY, HOUR
from training.phantoms.region.people import Contact, Person
from training.phantoms.region.plan import BOTH, NEITHER, PlannedSample

_ECOLI, _KLEBSIELLA, _ENTEROCOCCUS, _AUREUS = "112283007", "56415008", "78065002", "3092008"
_EPIDERMIDIS, _DIFFICILE = "60875001", "5933001"
_TWO_DAYS = 48 * HOUR
_MONTH = 30 * DAY


#: Answers that are not positive: organisms and colonies per ml.
_NEGATIVE: dict[str, tuple[tuple[tuple[str, ...], float | None], ...]] = {
    "urine_culture": (((), 0.0), ((_ECOLI, _KLEBSIELLA, _ENTEROCOCCUS), 100_000.0), ((_ECOLI,), 9_999.0)),
    "blood_culture": (((), None), ((_EPIDERMIDIS,), None)),
    "clostridioides_test": (((), None), ((_DIFFICILE, "non-toxigenic"), None)),
}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of infection."""

    #: Our concept of its sample.
    specimen: str
    #: Definition id.
    definition: str
    #: Organisms that count.
    organisms: tuple[str, ...]
    #: Days from one positive sample after which another begins a new episode, by edition.
    new_episode_days: dict[str, int]
    #: Editions that count one case a contact.
    once_per_contact: frozenset[str] = NEITHER
    #: Share of contacts with a scenario of this kind.
    share: float
    #: Whether infants are left out.
    spares_infants: bool


KINDS = (
    Kind(
        specimen="urine_culture",
        definition="haiba-urinary-tract-infection",
        organisms=(_ECOLI, _KLEBSIELLA, _ENTEROCOCCUS),
        new_episode_days={"2015": 14, "2019": 30},
        once_per_contact=frozenset({"2015"}),
        share=0.10,
        spares_infants=True,
    ),
    Kind(
        specimen="blood_culture",
        definition="haiba-bacteraemia",
        organisms=(_ECOLI, _AUREUS, _KLEBSIELLA, _ENTEROCOCCUS),
        new_episode_days={"2015": 30, "2019": 30},
        share=0.06,
        spares_infants=False,
    ),
    Kind(
        specimen="clostridioides_test",
        definition="haiba-clostridioides-difficile",
        organisms=(_DIFFICILE,),
        new_episode_days={"2015": 56, "2019": 56},
        share=0.03,
        spares_infants=True,
    ),
)


class Scenarios:
    """Draws scenarios of one kind."""

    def __init__(self, rng: np.random.Generator, kind: Kind, until: int) -> None:
        """Draw from *rng*; nothing is sampled after minute *until*."""
        self._rng = rng
        self._kind = kind
        self._until = until
        self._count = 0

    def plan(self, people: Sequence[Person]) -> Iterator[PlannedSample]:
        """Samples of *people*; those that lie after the end are left out with all that follows from them."""
        for person in people:
            if self._rng.random() > self._kind.share * len(person.contacts):
                continue
            index = int(self._rng.integers(len(person.contacts)))
            made = self._draw(person, index)
            if all(sample.minute < self._until for sample in made):
                yield from (self._spare(sample, person) for sample in made)

    def _draw(self, person: Person, index: int) -> list[PlannedSample]:
        scenarios: list[Callable[[Person, int], list[PlannedSample]]] = [
            *[self._hospital] * 8,
            *[self._community] * 3,
            *[self._negative] * 4,
            *[self._repeated] * 2,
            *[self._returned] * 6,
            *(self._at_48_h, self._before_48_h, self._after_discharge, self._at_the_last_minute, self._too_late),
        ]
        return scenarios[int(self._rng.integers(len(scenarios)))](person, index)

    def _hospital(self, person: Person, index: int) -> list[PlannedSample]:
        contact = person.contacts[index]
        found = self._within(contact.start + 50 * HOUR, contact.end - HOUR)
        return [] if found is None else [self._sample(contact, found, "hospital", BOTH)]

    def _at_48_h(self, person: Person, index: int) -> list[PlannedSample]:
        contact = person.contacts[index]
        if contact.end - contact.start < 50 * HOUR:
            return []
        return [self._sample(contact, contact.start + _TWO_DAYS, "at-48-h", BOTH)]

    def _before_48_h(self, person: Person, index: int) -> list[PlannedSample]:
        contact = person.contacts[0]
        del index
        if contact.end - contact.start < 50 * HOUR:
            return []
        # Of the first contact, so that no earlier one can explain it.
        return [self._sample(contact, contact.start + _TWO_DAYS - 1, "a-minute-before-48-h", NEITHER)]

    def _community(self, person: Person, index: int) -> list[PlannedSample]:
        contact = person.contacts[0]
        del index
        found = self._within(contact.start + HOUR, min(contact.end, contact.start + 46 * HOUR))
        return [] if found is None else [self._sample(contact, found, "community", NEITHER)]

    def _after_discharge(self, person: Person, index: int) -> list[PlannedSample]:
        contact = person.contacts[index]
        found = self._within(max(contact.end + HOUR, contact.start + 49 * HOUR), contact.end + 47 * HOUR)
        return [] if found is None else [self._sample(contact, found, "after-discharge", BOTH)]

    def _at_the_last_minute(self, person: Person, index: int) -> list[PlannedSample]:
        contact = person.contacts[index]
        return [self._sample(contact, contact.end + _TWO_DAYS, "48-h-after-discharge", BOTH)]

    def _too_late(self, person: Person, index: int) -> list[PlannedSample]:
        contact = person.contacts[index]
        sample = self._sample(contact, contact.end + _TWO_DAYS + 1, "a-minute-too-late", NEITHER)
        # C. difficile begins outside up to a month after a contact.
        is_difficile = self._kind.organisms == (_DIFFICILE,)
        return [replace(sample, counted=BOTH, outcome="community-onset") if is_difficile else sample]

    def _negative(self, person: Person, index: int) -> list[PlannedSample]:
        contact = person.contacts[index]
        found = self._within(contact.start + 50 * HOUR, contact.end - HOUR)
        if found is None:
            return []
        sample = self._sample(contact, found, "negative", NEITHER)
        shapes = _NEGATIVE[self._kind.specimen]
        organisms, cfu_per_ml = shapes[int(self._rng.integers(len(shapes)))]
        return [replace(sample, organisms=organisms, cfu_per_ml=cfu_per_ml)]

    def _repeated(self, person: Person, index: int) -> list[PlannedSample]:
        """Again in the same contact, a few days later."""
        contact = person.contacts[index]
        first = self._within(contact.start + 50 * HOUR, contact.end - 4 * DAY)
        if first is None:
            return []
        second = int(self._rng.uniform(first + DAY, contact.end - HOUR))
        return self._both(contact, first, contact, second)

    def _returned(self, person: Person, index: int) -> list[PlannedSample]:
        """Again, or for the first time, in the next contact."""
        if index + 1 >= len(person.contacts):
            return []
        contact, following = person.contacts[index : index + 2]
        if self._kind.organisms == (_DIFFICILE,):
            return self._difficile_after(contact, following)
        first = self._within(contact.start + 50 * HOUR, contact.end - HOUR)
        second = self._within(following.start + 50 * HOUR, following.end - HOUR)
        return [] if first is None or second is None else self._both(contact, first, following, second)

    def _difficile_after(self, contact: Contact, following: Contact) -> list[PlannedSample]:
        """Early in a contact that follows another: begun outside when at most a month lies between."""
        found = self._within(following.start + HOUR, min(following.end, following.start + 46 * HOUR))
        if found is None:
            return []
        is_soon = following.start - contact.end <= _MONTH
        sample = self._sample(following, found, "soon-back" if is_soon else "late-back", BOTH if is_soon else NEITHER)
        return [replace(sample, outcome="community-onset")]

    def _both(self, contact: Contact, first: int, following: Contact, second: int) -> list[PlannedSample]:
        days = self._kind.new_episode_days
        again = frozenset(name for name in BOTH if second - first > days[name] * DAY)
        if contact is following:
            again -= self._kind.once_per_contact
        scenario = "again-in-the-contact" if contact is following else "again-in-the-next"
        return [
            self._sample(contact, first, "first-of-two", BOTH),
            self._sample(following, second, scenario, again),
        ]

    def _within(self, low: int, high: int) -> int | None:
        return int(self._rng.uniform(low, high)) if low < high else None

    def _sample(self, contact: Contact, minute: int, scenario: str, counted: frozenset[str]) -> PlannedSample:
        self._count += 1
        organism = self._kind.organisms[int(self._rng.integers(len(self._kind.organisms)))]
        is_urine = self._kind.specimen == "urine_culture"
        counts = (10_000.0, 100_000.0, 1_000_000.0)
        hours = self._rng.uniform(4, 24) if self._kind.organisms == (_DIFFICILE,) else self._rng.uniform(24, 96)
        return PlannedSample(
            number=f"SYN-{self._kind.specimen.upper().replace('_', '-')}-{self._count:06d}",
            contact=contact,
            specimen=self._kind.specimen,
            minute=minute,
            answered=minute + int(hours * HOUR),
            organisms=(organism,),
            cfu_per_ml=counts[int(self._rng.integers(3))] if is_urine else None,
            counted=counted,
            outcome="hospital-onset" if self._kind.organisms == (_DIFFICILE,) else "hospital-acquired",
            scenario=scenario,
        )

    def _spare(self, sample: PlannedSample, person: Person) -> PlannedSample:
        is_spared = person.is_infant and self._kind.spares_infants
        return replace(sample, counted=NEITHER, scenario="infant") if is_spared else sample
