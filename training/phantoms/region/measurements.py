"""Vital signs and blood tests of all stays at once, as columns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.phantoms.region.flow import HOUR
from training.phantoms.region.people import Encounter

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
#: Hours from the onset until the body answers in full, and of the answer.
_RISE_H, _LASTS_H = 24.0, 96.0


@dataclass(frozen=True, kw_only=True)
class Measured:
    """How one concept behaves: mean, spread between patients, spread within one, what an infection adds."""

    #: Our concept.
    code: str
    #: Of the healthy.
    mean: float
    #: Standard deviation between patients.
    between: float
    #: Standard deviation within a patient.
    within: float
    #: Added by an infection in full.
    rise: float
    #: Share of rounds in which it is measured.
    done: float


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Concepts that are measured together."""

    #: Name of the panel.
    name: str
    #: Hours between rounds.
    every_h: float
    #: Minutes until the values are known, at least and at most.
    delay: tuple[int, int]
    #: Its concepts.
    measured: tuple[Measured, ...]


PANELS = (
    Panel(
        name="vitals",
        every_h=8,
        delay=(2, 30),
        measured=(
            Measured(code="temperature", mean=36.8, between=0.2, within=0.25, rise=1.4, done=0.85),
            Measured(code="heart_rate", mean=78, between=10, within=6, rise=16, done=0.85),
            Measured(code="respiratory_rate", mean=16, between=1.5, within=1.5, rise=3, done=0.75),
            Measured(code="systolic_blood_pressure", mean=132, between=14, within=8, rise=-12, done=0.85),
        ),
    ),
    Panel(
        name="bloods",
        every_h=24,
        delay=(60, 240),
        measured=(
            Measured(code="leukocytes", mean=8, between=1.8, within=0.7, rise=4.5, done=0.6),
            Measured(code="c_reactive_protein", mean=18, between=10, within=5, rise=95, done=0.6),
            Measured(code="creatinine", mean=82, between=20, within=5, rise=12, done=0.55),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Rounds:
    """All rounds of one panel, in the order of stay and time."""

    #: Which panel.
    panel: Panel
    #: (rounds,) number of the stay.
    stays: Integers
    #: (rounds,) when, in minutes from the start of the region.
    minutes: Integers
    #: (rounds,) when the values are known.
    known: Integers
    #: (rounds, concepts) values; NaN where not measured.
    values: Floats


def draw_rounds(
    rng: np.random.Generator, panel: Panel, encounters: Sequence[Encounter], onsets: Floats, until: int
) -> Rounds:
    """Rounds of *panel* in *encounters* before minute *until*; *onsets* (stays,) are NaN without an infection."""
    starts = np.array([one.start for one in encounters], dtype=np.int64)
    ends = np.minimum([one.end for one in encounters], until)
    every = panel.every_h * HOUR
    counts = np.maximum((ends - starts) // every, 0).astype(np.int64)
    stays = np.repeat(np.arange(len(encounters)), counts)
    place = np.arange(len(stays)) - np.repeat(np.cumsum(counts) - counts, counts)
    minutes = (starts[stays] + HOUR + place * every + rng.uniform(0, every / 4, len(stays))).astype(np.int64)
    hours = (minutes - onsets[stays]) / HOUR
    # Up within a day of the onset, down again after four; flat without one.
    shape = np.nan_to_num(np.clip(hours / _RISE_H, 0, 1) - np.clip((hours - _LASTS_H) / (2 * _RISE_H), 0, 1))
    columns = []
    for one in panel.measured:
        level = rng.normal(one.mean, one.between, len(encounters))[stays]
        values = np.maximum(level + rng.normal(0, one.within, len(stays)) + one.rise * shape, 0.1).round(1)
        columns.append(np.where(rng.random(len(stays)) < one.done, values, np.nan))
    kept = minutes < ends[stays]
    known = minutes + rng.integers(*panel.delay, len(stays))
    return Rounds(
        panel=panel,
        stays=stays[kept],
        minutes=minutes[kept],
        known=known[kept],
        values=np.stack(columns, axis=1)[kept] if columns else np.empty((0, 0)),
    )
