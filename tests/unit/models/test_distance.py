"""How far a stay lies from what its model was trained on."""

from dataclasses import replace

import numpy as np
import pytest

from models.bundle import find_bundle
from models.distance import Distance, distance_of, ranges_of
from models.features import FeatureVector
from models.manifest import InputLimits, StayPreprocessing, TrainedRange
from training.phantoms.stays import synthesize_stays
from training.stay_rows import training_rows

SPEC = find_bundle("infection_urinary").clinical.preprocessing
assert isinstance(SPEC, StayPreprocessing)
NAMES = [feature.name for feature in SPEC.features]


def vector(values: np.ndarray) -> FeatureVector:
    names = tuple("" if np.isnan(value) else "Observation/1" for value in values)
    return FeatureVector(values=values.astype(np.float32), measured_at=names, sources=names)


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return training_rows(synthesize_stays(600, 1), SPEC).features


@pytest.fixture(scope="module")
def limits(rows: np.ndarray) -> InputLimits:
    return InputLimits(trained_ranges=ranges_of(rows, SPEC.features))


def test_rows_like_those_of_training_are_hardly_ever_too_far(limits: InputLimits):
    others = training_rows(synthesize_stays(300, 2), SPEC).features
    beyond = [distance_of(vector(row), SPEC.features, limits).is_beyond(limits) for row in others]
    assert np.mean(beyond) < 0.002


def test_values_that_no_training_row_had_are_named(rows: np.ndarray, limits: InputLimits):
    row = rows[0].copy()
    at = NAMES.index("heart_rate_max_24h")
    row[at] = 299
    assert distance_of(vector(row), SPEC.features, limits).outside == ("heart_rate_max_24h",)


def test_what_was_not_measured_is_neither_near_nor_far(limits: InputLimits):
    nothing = np.full(len(NAMES), np.nan)
    found = distance_of(vector(nothing), SPEC.features, limits)
    assert (found, found.share) == (Distance(outside=(), measured=0), 0.0)


@pytest.mark.parametrize(("value", "outside"), [(0.0, 0), (1.0, 0), (-1e-6, 1), (1 + 1e-6, 1)])
def test_the_ends_of_a_range_belong_to_it(value: float, outside: int):
    one = TrainedRange(feature=NAMES[0], low=0, high=1)
    found = distance_of(vector(np.array([value])), SPEC.features[:1], InputLimits(trained_ranges=(one,)))
    assert len(found.outside) == outside


def test_a_feature_that_was_never_measured_in_training_has_no_range():
    rows = np.array([[1, np.nan], [2, np.nan]], np.float32)
    found = ranges_of(rows, SPEC.features[:2])
    assert [(one.feature, one.low, one.high) for one in found] == [(NAMES[0], 1.0, 2.0)]


def test_a_range_holds_all_but_two_in_a_thousand_training_rows():
    rows = np.arange(10_000, dtype=np.float32).reshape(-1, 1)
    (found,) = ranges_of(rows, SPEC.features[:1])
    assert np.mean((rows < found.low) | (rows > found.high)) == pytest.approx(0.002, abs=0.0003)


def test_a_release_that_states_no_ranges_keeps_nobody_out(rows: np.ndarray):
    wild = replace(vector(rows[0]), values=np.full(len(NAMES), 1e9, np.float32))
    assert distance_of(wild, SPEC.features, InputLimits()).share == 0
