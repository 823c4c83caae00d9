"""Two ways to compute the same features: of the events of one stay as of T, and of all rows of a table at once."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr_io.events import Event, EventKind, Stay
from models.errors import ManifestError
from models.features import features_as_of
from models.hourly_features import StayRows, features_of_rows
from models.manifest import Aggregate, FeatureSpec, StayPreprocessing, Text

START = datetime(2026, 3, 1, 6, tzinfo=UTC)
NUMBERS = (
    *(Aggregate.LAST, Aggregate.MAX, Aggregate.MIN, Aggregate.MEAN, Aggregate.SPREAD, Aggregate.CHANGE),
    *(Aggregate.SLOPE, Aggregate.COUNT, Aggregate.HOURS_SINCE, Aggregate.PRESENT),
)
ADMITTED_BEFORE_H = 7.5


def feature(code: str, aggregate: Aggregate, window: float | None = None, ratio: str | None = None) -> FeatureSpec:
    name = f"{code}_{aggregate.value}_{window}_{ratio}"
    return FeatureSpec(
        name=name, code=code, aggregate=aggregate, window_hours=window, ratio_to=ratio, text=Text(en=name, da=name)
    )


SPEC = StayPreprocessing(
    features=(
        *(feature("heart_rate", aggregate, window) for aggregate in NUMBERS for window in (None, 3, 6.5)),
        feature("heart_rate", Aggregate.LAST, None, "temperature"),
        feature("heart_rate", Aggregate.MEAN, 6, "temperature"),
        feature("admission", Aggregate.HOURS_SINCE),
        feature("ward", Aggregate.HOURS_SINCE),
        feature("birth_date", Aggregate.AGE_YEARS),
        feature("sex", Aggregate.IS_MALE),
    ),
    horizon_hours=6,
)
CELL = st.one_of(st.none(), st.sampled_from([0.0, 36.5, 80.0]), st.floats(-50, 400, width=16))
ROW = st.tuples(st.integers(1, 4), CELL, CELL)
STAYS = st.lists(st.lists(ROW, min_size=1, max_size=14), min_size=1, max_size=4)
Rows = list[tuple[int, float | None, float | None]]


def hours_of(rows: Rows) -> np.ndarray:
    return np.cumsum([step for step, _, _ in rows]).astype(float)


def table(stays: list[Rows]) -> StayRows:
    hours = np.concatenate([hours_of(rows) for rows in stays])
    cells = np.array([row[1:] for rows in stays for row in rows], dtype=float)
    return StayRows(
        stays=np.repeat(np.arange(len(stays)), [len(rows) for rows in stays]),
        hours=hours,
        values={
            "heart_rate": cells[:, 0],
            "temperature": cells[:, 1],
            "admission": np.full(len(hours), -ADMITTED_BEFORE_H),
            "ward": np.zeros(len(hours)),
            "birth_date": 60 + hours / (365.25 * 24),
            "sex": np.ones(len(hours)),
        },
    )


def event(kind: EventKind, code: str, hour: float, **told: object) -> Event:
    at = START + timedelta(hours=hour)
    return Event(
        **{"stay_id": "e", "source": f"{code}/{hour}", "kind": kind, "code": code, "event_time": at, "known_time": at}
        | told
    )


def stay(rows: Rows) -> Stay:
    known = START - timedelta(hours=ADMITTED_BEFORE_H)
    events = [
        event(EventKind.ADMISSION, "IMP", -ADMITTED_BEFORE_H),
        event(EventKind.WARD, "ICU", 0),
        event(EventKind.PATIENT, "birth_date", -60 * 365.25 * 24, known_time=known),
        event(EventKind.PATIENT, "sex", -ADMITTED_BEFORE_H, text="male"),
    ]
    for hour, (_, *cells) in zip(hours_of(rows), rows, strict=True):
        for code, value in zip(("heart_rate", "temperature"), cells, strict=True):
            if value is not None:
                events.append(event(EventKind.OBSERVATION, code, float(hour), value=value))
    return Stay(stay_id="e", patient_id="p", events=tuple(events))


@settings(max_examples=60, deadline=None)
@given(STAYS)
def test_rows_and_events_give_the_same_features(stays: list[Rows]):
    found = features_of_rows(table(stays), SPEC)
    expected = [
        features_as_of(stay(rows), SPEC, START + timedelta(hours=float(hour))).values
        for rows in stays
        for hour in hours_of(rows)
    ]
    np.testing.assert_allclose(found, np.array(expected), rtol=1e-4, atol=1e-3)


def test_a_window_never_reaches_into_the_stay_before():
    spec = StayPreprocessing(features=(feature("heart_rate", Aggregate.MAX, 1000),), horizon_hours=6)
    found = features_of_rows(table([[(1, 200.0, None)], [(1, 80.0, None)]]), spec)
    assert found.ravel().tolist() == [200.0, 80.0]


def test_a_constant_spreads_by_nothing():
    spec = StayPreprocessing(features=(feature("heart_rate", Aggregate.SPREAD),), horizon_hours=6)
    found = features_of_rows(table([[(1, 80.1, None)] * 200, [(1, 400.0, None)] * 3]), spec)
    assert np.nanmax(found) < 1e-3


def test_an_aggregate_that_needs_ends_is_refused():
    spec = StayPreprocessing(features=(feature("heart_rate", Aggregate.DURATION_HOURS),), horizon_hours=6)
    with pytest.raises(ManifestError, match="rows of a table tell no ends"):
        features_of_rows(table([[(1, 80.0, None)]]), spec)


@pytest.mark.parametrize("unknown", [feature("lactate", Aggregate.LAST), feature("sex", Aggregate.LAST, None, "crp")])
def test_a_concept_without_a_column_is_refused(unknown: FeatureSpec):
    with pytest.raises(ManifestError, match="the table has admission, birth_date"):
        features_of_rows(table([[(1, 80.0, None)]]), StayPreprocessing(features=(unknown,), horizon_hours=6))
