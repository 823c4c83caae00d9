"""How far a stay lies from what its model was trained on: the share of measured features outside the trained ranges.

A range holds 99.8 % of the training rows, so that a row like them has about one feature of 500 outside it. Each feature
is looked at alone; a stay whose values are usual one by one and unusual together is not told from others.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.features import FeatureVector
from models.manifest import FeatureSpec, InputLimits, TrainedRange

_QUANTILES = (0.001, 0.999)


@dataclass(frozen=True, kw_only=True)
class Distance:
    """How far one stay is from the training rows."""

    #: Names of the measured features that lie outside their range.
    outside: tuple[str, ...]
    #: Measured features that have a range.
    measured: int

    @property
    def share(self) -> float:
        """Share of the measured features that lie outside, 0 to 1."""
        return len(self.outside) / self.measured if self.measured else 0.0

    def is_beyond(self, limits: InputLimits) -> bool:
        """Whether the stay is too far for *limits*.

        One unusual value alone is not: the sickest patients have one, and of them the model must not fall silent.
        """
        return len(self.outside) > 1 and self.share > limits.outside_share


def distance_of(vector: FeatureVector, features: Sequence[FeatureSpec], limits: InputLimits) -> Distance:
    """How far *vector*, of *features*, is from the rows that *limits* states the ranges of."""
    ranges = {one.feature: one for one in limits.trained_ranges}
    measured = [
        (feature.name, float(value))
        for feature, value in zip(features, vector.values, strict=True)
        if feature.name in ranges and not math.isnan(value)
    ]
    outside = tuple(name for name, value in measured if not ranges[name].low <= value <= ranges[name].high)
    return Distance(outside=outside, measured=len(measured))


def ranges_of(rows: npt.NDArray[np.float32], features: Sequence[FeatureSpec]) -> tuple[TrainedRange, ...]:
    """The ranges of *features* in *rows* (row, feature), NaN where not measured; without those never measured."""
    return tuple(_ranges(rows, features))


def _ranges(rows: npt.NDArray[np.float32], features: Sequence[FeatureSpec]) -> Iterator[TrainedRange]:
    for column, feature in zip(rows.T, features, strict=True):
        measured = column[~np.isnan(column)]
        if measured.size:
            # Values that occurred, not between two of them: a range of a yes or no is 0 to 1.
            low = np.quantile(measured, _QUANTILES[0], method="lower")
            high = np.quantile(measured, _QUANTILES[1], method="higher")
            yield TrainedRange(feature=feature.name, low=float(low), high=float(high))
