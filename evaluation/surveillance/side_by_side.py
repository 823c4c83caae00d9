"""Two definitions, or two editions of one, on the same samples: where they agree and where not."""

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.surveillance.counts import Case


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    """Cases of one definition beside those of another; a case is known by its sample."""

    #: Counted by both, to the same unit.
    same: tuple[str, ...]
    #: Counted by both, but to different units.
    other_unit: tuple[str, ...]
    #: Counted by the first alone.
    only_first: tuple[str, ...]
    #: Counted by the second alone.
    only_second: tuple[str, ...]


def side_by_side(first: Sequence[Case], second: Sequence[Case]) -> SideBySide:
    """*first* beside *second*; ids are those of the samples, the same in both."""
    one, other = ({case.id: case.unit for case in cases} for cases in (first, second))
    both = sorted(one.keys() & other.keys())
    return SideBySide(
        same=tuple(sample for sample in both if one[sample] == other[sample]),
        other_unit=tuple(sample for sample in both if one[sample] != other[sample]),
        only_first=tuple(sorted(one.keys() - other.keys())),
        only_second=tuple(sorted(other.keys() - one.keys())),
    )
