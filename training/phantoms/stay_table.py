"""Tables of invented stays in the columns of a bundle's data layout, one row a stay or one row an hour.

Each patient has a severity that nobody sees. It moves every measurement, each in its own direction and by its own
amount, and decides how likely the outcome is: so measurements are correlated, and the best possible AUROC is known to
be well above what one measurement gives.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ehr_io.codes import code_map
from models.data_layout import ConceptColumn, StayTableLayout

#: Log-odds of the outcome = level + slope * severity (mean 0, standard deviation 1): about one in eight.
_LEVEL, _SLOPE = -2.4, 1.6
#: Hours of a stay, fewest and most, in an hourly table.
_HOURS = (8, 30)
#: The truth of an hourly table begins so many hours before the end.
_LAST_HOURS = 6
#: Share of cells without a value: vital signs and laboratory values alike.
_MISSING = 0.25

Column = npt.NDArray[np.float64]


def draw_stay_table(layout: StayTableLayout, count: int, seed: int) -> pd.DataFrame:
    """A table of *count* invented stays with every column of *layout*; the same *seed* gives the same table."""
    rng = np.random.default_rng((seed, 5))
    hours = np.ones(count, dtype=int) if layout.hour is None else rng.integers(*_HOURS, count)
    stays = np.repeat(np.arange(count), hours)
    ends = np.repeat(np.cumsum(hours), hours)
    severity = rng.normal(size=count)
    sick = rng.random(count) < 1 / (1 + np.exp(-_LEVEL - _SLOPE * severity))
    last = np.ones(len(stays), dtype=bool) if layout.hour is None else ends - np.arange(len(stays)) <= _LAST_HOURS
    table: dict[str, npt.NDArray[Any]] = {layout.stay: np.array([f"SYN-{stay:06d}" for stay in stays])}
    # Worse as the outcome comes near.
    table |= dict(_concepts(layout, severity[stays] + sick[stays] * last, stays, rng))
    if layout.hour is not None:
        table[layout.hour] = np.arange(len(stays)) - np.repeat(np.cumsum(hours) - hours, hours) + 1
    for group in layout.groups:
        table.setdefault(group, rng.integers(0, 2, count)[stays])
    table[layout.truth.column] = np.where(sick[stays] & last, layout.truth.positive[0], "0")
    return pd.DataFrame(table)


def _concepts(
    layout: StayTableLayout, severity: Column, stays: npt.NDArray[np.intp], rng: np.random.Generator
) -> Iterator[tuple[str, Column]]:
    facts = {
        "birth_date": np.round(rng.uniform(18, 95, stays[-1] + 1)),
        "sex": rng.integers(0, 2, stays[-1] + 1).astype(np.float64),
        "admission": -np.round(rng.exponential(24, stays[-1] + 1)),
    }
    for concept, place in layout.concepts.items():
        if place.factor == 0:
            continue
        values = facts[concept][stays] if concept in facts else _measurement(concept, severity, rng)
        yield place.column, np.round(_as_written(values, place), 4)


def _measurement(concept: str, severity: Column, rng: np.random.Generator) -> Column:
    low, high = code_map().concepts[concept].reference_range or (0.0, 1.0)
    pull = rng.choice([-1, 1]) * rng.uniform(0.1, 0.6)
    values = (low + high) / 2 + (high - low) / 4 * (rng.normal(size=len(severity)) + pull * severity)
    return np.where(rng.random(len(severity)) < _MISSING, np.nan, np.maximum(values, low / 10))


def _as_written(values: Column, place: ConceptColumn) -> Column:
    """*values* in the unit of the table, from the concept's own."""
    return (values - place.offset) / place.factor
