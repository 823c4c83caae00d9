"""HAIR's coloured grid: the share of contacts with an infection, unit by unit, against the average of all units."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from scipy import special

#: A share is told as well above or well below only when chance alone makes it so seldom (one side).
_SELDOM = 0.025
#: Fewer contacts than this tell nothing of a share.
MINIMUM_CONTACTS = 20


class Shade(Enum):
    """Colour of a box."""

    #: Well below the average: chance makes such a share in fewer than one of 40 units.
    WELL_BELOW = "well_below"
    #: At or below the average.
    BELOW = "below"
    #: Above the average.
    ABOVE = "above"
    #: Well above the average.
    WELL_ABOVE = "well_above"
    #: Too few contacts to be coloured.
    TOO_FEW = "too_few"


@dataclass(frozen=True, kw_only=True)
class Box:
    """One unit and one type of infection."""

    #: Contacts in the unit.
    contacts: int
    #: Those with at least one infection of the type.
    infected: int
    #: Share of all units together, 0 to 1.
    average: float
    #: Colour.
    shade: Shade

    @property
    def share(self) -> float | None:
        """Infected of contacts; None without a contact."""
        return self.infected / self.contacts if self.contacts else None


def grid(infected: Mapping[str, int], contacts: Mapping[str, int]) -> dict[str, Box]:
    """Unit -> box, from unit -> infected contacts and unit -> contacts."""
    total = sum(contacts.values())
    average = sum(infected.get(unit, 0) for unit in contacts) / total if total else 0.0
    return {unit: _box(infected.get(unit, 0), count, average) for unit, count in sorted(contacts.items())}


def _box(infected: int, contacts: int, average: float) -> Box:
    return Box(contacts=contacts, infected=infected, average=average, shade=_shade(infected, contacts, average))


def _shade(infected: int, contacts: int, average: float) -> Shade:
    if contacts < MINIMUM_CONTACTS:
        return Shade.TOO_FEW
    if infected / contacts > average:
        return Shade.WELL_ABOVE if special.bdtrc(infected - 1, contacts, average) < _SELDOM else Shade.ABOVE
    return Shade.WELL_BELOW if special.bdtr(infected, contacts, average) < _SELDOM else Shade.BELOW
