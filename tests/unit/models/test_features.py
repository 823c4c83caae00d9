"""Each aggregate at T, the windows' edges, and that the reasons are those of the score."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ehr_io.events import Event, EventKind, Stay
from models.errors import RuntimeFailedError
from models.features import explain, features_as_of
from models.manifest import Aggregate, FeatureSpec, StayPreprocessing, Text

T = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def event(kind: EventKind, code: str, hours_ago: float, value: float | None = None, **changes: object) -> Event:
    at = T - hours_ago * HOUR
    told = {"source": f"{kind.value}/{hours_ago}", "known_time": at} | changes
    return Event(stay_id="e1", kind=kind, code=code, event_time=at, value=value, **told)


def temperature(hours_ago: float, value: float, **changes: object) -> Event:
    return event(EventKind.OBSERVATION, "temperature", hours_ago, value, **changes)


def catheter(hours_ago: float, until_hours_ago: float | None = None) -> Event:
    end = None if until_hours_ago is None else T - until_hours_ago * HOUR
    return event(EventKind.PROCEDURE, "urinary_catheter", hours_ago, end_time=end)


def spec(aggregate: Aggregate, code: str = "temperature", window: float | None = 24) -> StayPreprocessing:
    feature = FeatureSpec(
        name="f", code=code, aggregate=aggregate, window_hours=window, text=Text(en="f", da="f"), unit="Cel"
    )
    return StayPreprocessing(features=(feature,), horizon_hours=48)


def value(aggregate: Aggregate, *events: Event, code: str = "temperature", window: float | None = 24) -> float:
    stay = Stay(stay_id="e1", patient_id="p1", events=events)
    return float(features_as_of(stay, spec(aggregate, code, window), T).values[0])


THREE = (temperature(20, 37.0), temperature(10, 39.0), temperature(2, 38.0))


@pytest.mark.parametrize(
    ("aggregate", "expected"),
    [(Aggregate.LAST, 38.0), (Aggregate.MAX, 39.0), (Aggregate.MIN, 37.0), (Aggregate.CHANGE, 1.0)],
)
def test_numbers_are_aggregated_over_the_window(aggregate: Aggregate, expected: float):
    assert value(aggregate, *THREE) == expected


@pytest.mark.parametrize(
    "aggregate", [Aggregate.LAST, Aggregate.MAX, Aggregate.MIN, Aggregate.CHANGE, Aggregate.HOURS_SINCE]
)
def test_what_was_not_measured_is_nan(aggregate: Aggregate):
    assert math.isnan(value(aggregate))


def test_one_value_is_no_change():
    assert math.isnan(value(Aggregate.CHANGE, temperature(2, 38)))


@pytest.mark.parametrize(("hours_ago", "is_inside"), [(24.0, True), (24.1, False)])
def test_the_window_includes_its_edge(hours_ago: float, is_inside: bool):  # noqa: FBT001
    assert math.isnan(value(Aggregate.LAST, temperature(hours_ago, 38))) is not is_inside


def test_without_a_window_the_whole_stay_counts():
    assert value(Aggregate.LAST, temperature(500, 38), window=None) == 38


def test_hours_since_the_newest_event():
    assert value(Aggregate.HOURS_SINCE, *THREE) == 2


def test_hours_since_admission_are_found_by_kind():
    admission = event(EventKind.ADMISSION, "IMP", 30)
    assert value(Aggregate.HOURS_SINCE, admission, code="admission", window=None) == 30


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((), 0.0),
        ((catheter(100),), 1.0),
        ((catheter(100, 48),), 1.0),
        ((catheter(100, 49),), 0.0),
        ((catheter(100, -5),), 1.0),
    ],
)
def test_a_device_is_present_while_it_lies_and_for_the_window_after(events: tuple[Event, ...], expected: float):
    assert value(Aggregate.PRESENT, *events, code="urinary_catheter", window=48) == expected


@pytest.mark.parametrize(("hours_ago", "expected"), [(48.0, 1.0), (49.0, 0.0)])
def test_a_dose_is_over_at_once(hours_ago: float, expected: float):
    dose = event(EventKind.MEDICATION, "antibiotic", hours_ago)
    assert value(Aggregate.PRESENT, dose, code="antibiotic", window=48) == expected


@pytest.mark.parametrize(
    ("events", "expected"),
    [((), 0.0), ((catheter(100),), 100.0), ((catheter(100, 1),), 0.0), ((catheter(100, 50), catheter(20)), 20.0)],
)
def test_a_device_counts_the_hours_it_lies(events: tuple[Event, ...], expected: float):
    assert value(Aggregate.DURATION_HOURS, *events, code="urinary_catheter", window=None) == expected


def test_age_in_years():
    born = event(EventKind.PATIENT, "birth_date", 50 * 365.25 * 24)
    assert value(Aggregate.AGE_YEARS, born, code="birth_date", window=None) == pytest.approx(50, abs=0.001)


def test_what_became_known_later_changes_nothing():
    late = temperature(5, 41.0, known_time=T + HOUR, source="Observation/late")
    assert value(Aggregate.MAX, *THREE, late) == 39.0


def test_a_removal_after_the_moment_is_unknown():
    assert value(Aggregate.DURATION_HOURS, catheter(10, -1), code="urinary_catheter", window=None) == 10


def test_a_correction_with_the_same_time_wins_by_when_it_was_known():
    first = temperature(2, 36.0, known_time=T - HOUR, source="Observation/b")
    second = temperature(2, 38.0, known_time=T - HOUR / 2, source="Observation/a")
    assert value(Aggregate.LAST, second, first) == 38.0


def test_the_vector_tells_when_and_by_what_each_value_was_measured():
    stay = Stay(stay_id="e1", patient_id="p1", events=THREE)
    vector = features_as_of(stay, spec(Aggregate.MAX), T)
    assert vector.measured_at == ("2026-03-10T10:00:00+00:00",)
    assert vector.sources == ("observation/2",)
    assert vector.measured_count == 1
    assert vector.values.dtype == np.float32


def test_an_absent_device_is_a_value_but_nothing_measured():
    stay = Stay(stay_id="e1", patient_id="p1", events=())
    assert features_as_of(stay, spec(Aggregate.PRESENT), T).measured_count == 0


def two_features() -> StayPreprocessing:
    texts = [FeatureSpec(name=n, code="temperature", aggregate=Aggregate.LAST, text=Text(en=n, da=n)) for n in "ab"]
    return StayPreprocessing(features=tuple(texts), horizon_hours=48)


def outputs(probability: float, contributions: list[float], baseline: float) -> dict[str, np.ndarray]:
    return {
        "probability": np.array([[probability]], dtype=np.float32),
        "contributions": np.array([contributions], dtype=np.float32),
        "baseline": np.array([[baseline]], dtype=np.float32),
    }


def explained(found: dict[str, np.ndarray]):
    stay = Stay(stay_id="e1", patient_id="p1", events=(temperature(2, 38.0),))
    return explain(found, features_as_of(stay, two_features(), T), two_features(), T)


def test_reasons_come_strongest_first_and_add_up():
    score = explained(outputs(1 / (1 + math.exp(1.5)), [0.5, -1.0], -1.0))
    assert [(reason.feature, reason.contribution) for reason in score.reasons] == [("b", -1.0), ("a", 0.5)]
    assert score.reasons[0].value == 38.0
    assert score.as_of == "2026-03-10T12:00:00+00:00"
    assert score.horizon_hours == 48


@pytest.mark.parametrize("log_odds", [-60.0, -12.0, 12.0, 60.0])
def test_a_probability_at_the_ends_of_float32_still_adds_up(log_odds: float):
    explained(outputs(float(np.float32(1 / (1 + math.exp(-log_odds)))), [0.0, 0.0], log_odds))


def test_reasons_that_are_not_those_of_the_score_are_refused():
    with pytest.raises(RuntimeFailedError, match="not that of baseline and contributions"):
        explained(outputs(0.3, [0.5, -1.0], -1.0))


@pytest.mark.parametrize("name", ["probability", "contributions", "baseline"])
def test_a_missing_output_is_refused(name: str):
    found = outputs(0.5, [0.0, 0.0], 0.0)
    del found[name]
    with pytest.raises(RuntimeFailedError, match=f"'{name}' is missing"):
        explained(found)


def test_an_output_of_another_shape_is_refused():
    with pytest.raises(RuntimeFailedError, match=r"of shape \(1, 3\); required \(1, 2\)"):
        explained(outputs(0.5, [0.0, 0.0, 0.0], 0.0))


def test_an_output_that_is_not_finite_is_refused():
    with pytest.raises(RuntimeFailedError, match="not finite"):
        explained(outputs(0.5, [math.nan, 0.0], 0.0))
