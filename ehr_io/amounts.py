"""A measured amount as laboratories write it: a number, or a limit that it lies below or above."""

from dataclasses import dataclass
from enum import Enum

from ehr_io.receive.reading import RefusalCode, RefusedError


class Comparator(Enum):
    """How the amount lies to its number: FHIR R4 quantity-comparator, HL7 v2 SN-1."""

    #: Less than it.
    BELOW = "<"
    #: It or less.
    AT_MOST = "<="
    #: It or more; also a range, by its lower end.
    AT_LEAST = ">="
    #: More than it.
    ABOVE = ">"


@dataclass(frozen=True, kw_only=True)
class Amount:
    """A number, or a limit."""

    #: The number, the limit, or the lower end of a range; in the unit that goes with it.
    value: float
    #: How the amount lies to *value*; None when it is *value*.
    comparator: Comparator | None = None

    def exact(self, name: str) -> float:
        """The number of field or element *name*.

        Raises:
            RefusedError: only a limit is told; to score it as if it were the number would be a guess.
        """
        if self.comparator is not None:
            raise RefusedError(
                RefusalCode.IMPOSSIBLE_VALUE, f"{name} tells a limit ('{self.comparator.value}'); a number is required"
            )
        return self.value

    @property
    def reached(self) -> float:
        """What is reached for certain: of "at least" or "more than" the limit, of "less than" nothing."""
        return 0.0 if self.comparator in {Comparator.BELOW, Comparator.AT_MOST} else self.value
