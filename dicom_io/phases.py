"""Several phases, time points or reconstructions in one series, told apart."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dicom_io.slices import Slice

#: Slices closer than this lie at one place; positions are often rounded to 0.1 mm.
_SAME_PLACE_MM = 0.05

#: What may tell phases apart, the plainest first; the time comes last, for it differs from slice to slice too.
_DISCRIMINATORS: tuple[Callable[[Slice], Any], ...] = (
    lambda one: one.acquisition.temporal_position,
    lambda one: one.acquisition.number,
    lambda one: one.acquisition.trigger_time_ms,
    lambda one: one.acquisition.echo,
    lambda one: one.acquisition.kernel,
    lambda one: one.image_type,
    lambda one: one.acquisition.time,
    lambda one: (one.acquisition.temporal_position, one.acquisition.number, one.acquisition.kernel, one.image_type),
)


def find_phases(slices: Sequence[Slice], depths: npt.NDArray[np.float64]) -> list[list[Slice]]:
    """*slices* as phases that hold every place once: the one with most slices first, of equal ones the earliest.

    Slices whose *depths* (mm along the normal) are all different are one phase, whatever they say of themselves: two
    scans that follow each other are one stack or have a gap between them. And a split counts only when one phase covers
    what all cover, so that nothing that was scanned is left out. Where none does, all slices come back as one phase,
    and the check of the spacing says what is wrong.
    """
    if _is_one_a_place(depths):
        return [list(slices)]
    for discriminator in _DISCRIMINATORS:
        phases = _split(slices, depths, discriminator)
        if phases is not None:
            return phases
    return [list(slices)]


def _split(
    slices: Sequence[Slice], depths: npt.NDArray[np.float64], discriminator: Callable[[Slice], Any]
) -> list[list[Slice]] | None:
    values = [discriminator(one) for one in slices]
    members = [[index for index, one in enumerate(values) if one == value] for value in sorted(set(values))]
    members.sort(key=len, reverse=True)
    longest = depths[members[0]]
    covers_all = longest.min() <= depths.min() + _SAME_PLACE_MM and longest.max() >= depths.max() - _SAME_PLACE_MM
    if len(members) < 2 or not covers_all or not all(_is_one_a_place(depths[group]) for group in members):
        return None
    return [[slices[index] for index in group] for group in members]


def _is_one_a_place(depths: npt.NDArray[np.float64]) -> bool:
    return bool(np.all(np.diff(np.sort(depths)) >= _SAME_PLACE_MM))
