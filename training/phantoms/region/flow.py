"""Patients flow through beds: arrivals, transfers within and between hospitals, discharges, returns.

A discrete-event simulation: a bed that falls free is taken again some hours later, or earlier by a transfer. So no ward
ever holds more patients than it has beds.
"""

import heapq
from collections import Counter
from collections.abc import Sequence

import numpy as np

from training.phantoms.region.people import Contact, Encounter, Person, Register, Segment
from training.phantoms.region.wards import Ward, WardKind

HOUR, DAY = 60, 1440
#: Median hours of a patient's time in a ward.
_MEDIAN_HOURS = {
    WardKind.MEDICAL: 84,
    WardKind.SURGICAL: 72,
    WardKind.ORTHOPAEDIC: 84,
    WardKind.GERIATRIC: 140,
    WardKind.UROLOGICAL: 60,
    WardKind.INTENSIVE: 60,
    WardKind.PAEDIATRIC: 50,
}
_SPREAD, _SHORTEST_H, _LONGEST_H = 0.8, 6, 60 * 24
#: Hours between a departure and the next arrival in the bed.
_TURNOVER_H = 4.0
_TRANSFERRED, _BETWEEN_HOSPITALS = 0.28, 0.25
_RETURNS = {WardKind.ORTHOPAEDIC: 0.35}
_RETURNS_OTHERWISE = 0.15
#: Days from a discharge to the return; never so soon that two contacts' windows meet.
_RETURN_DAYS = (5, 75)


class BedFlow:
    """One run."""

    def __init__(self, rng: np.random.Generator, wards: Sequence[Ward], register: Register) -> None:
        """Let people of *register* flow through *wards*."""
        self._rng = rng
        self._wards = wards
        self._register = register
        self._free = Counter({ward.code: ward.beds for ward in wards})
        self._events: list[tuple[int, int, Ward, Person | None]] = []
        self._returns: list[tuple[int, int, Person]] = []
        self._count = 0
        self._stays = 0

    def run(self, until: int) -> None:
        """Up to minute *until*; whoever is in a bed then stays in it."""
        for ward in self._wards:
            for _ in range(ward.beds):
                self._push(int(self._rng.uniform(0, 2 * DAY)), ward, None)
        while self._events and self._events[0][0] < until:
            minute, _, ward, leaving = heapq.heappop(self._events)
            if leaving is None:
                self._arrive(minute, ward)
            else:
                self._leave(minute, ward, leaving)

    def _push(self, minute: int, ward: Ward, leaving: Person | None) -> None:
        self._count += 1
        heapq.heappush(self._events, (minute, self._count, ward, leaving))

    def _arrive(self, minute: int, ward: Ward) -> None:
        # A transfer may have taken the bed since.
        if self._free[ward.code] == 0:
            return
        is_return = bool(self._returns) and self._returns[0][0] <= minute and ward.kind is not WardKind.PAEDIATRIC
        person = heapq.heappop(self._returns)[2] if is_return else self._register.draw(minute // DAY)
        person.contacts.append(Contact(encounters=[]))
        self._enter(minute, ward, person, is_new_stay=True)

    def _enter(self, minute: int, ward: Ward, person: Person, *, is_new_stay: bool) -> None:
        self._free[ward.code] -= 1
        hours = float(self._rng.lognormal(np.log(_MEDIAN_HOURS[ward.kind]), _SPREAD))
        end = minute + int(np.clip(hours, _SHORTEST_H, _LONGEST_H) * HOUR)
        contact = person.contacts[-1]
        if is_new_stay:
            self._stays += 1
            contact.encounters.append(Encounter(stay_id=f"SYN-E-{self._stays:07d}", segments=[]))
        contact.encounters[-1].segments.append(Segment(ward=ward, start=minute, end=end))
        self._push(end, ward, person)

    def _leave(self, minute: int, ward: Ward, person: Person) -> None:
        self._free[ward.code] += 1
        self._push(minute + int(self._rng.exponential(_TURNOVER_H) * HOUR) + 1, ward, None)
        if self._rng.random() < _TRANSFERRED and (target := self._target(ward)) is not None:
            is_elsewhere = target.hospital != ward.hospital
            # The way to another hospital takes time, but less than would part a contact in two.
            arrival = minute + (int(self._rng.uniform(20, 170)) if is_elsewhere else 0)
            self._enter(arrival, target, person, is_new_stay=is_elsewhere)
        elif self._rng.random() < _RETURNS.get(ward.kind, _RETURNS_OTHERWISE) and not person.is_infant:
            ready = minute + int(self._rng.uniform(*_RETURN_DAYS) * DAY)
            heapq.heappush(self._returns, (ready, self._count, person))

    def _target(self, ward: Ward) -> Ward | None:
        is_elsewhere = self._rng.random() < _BETWEEN_HOSPITALS
        fitting = [
            one
            for one in self._wards
            if one is not ward
            and (one.hospital != ward.hospital) is is_elsewhere
            and self._free[one.code]
            and (one.kind is WardKind.PAEDIATRIC) is (ward.kind is WardKind.PAEDIATRIC)
        ]
        return fitting[int(self._rng.integers(len(fitting)))] if fitting else None
