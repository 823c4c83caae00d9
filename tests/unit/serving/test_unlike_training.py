"""A stay far from what its model was trained on is not scored, and why is told without its values."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from ehr_io.events import Event, EventKind, Stay
from models.folder_store import shipped_releases
from models.manifest import TrainedRange
from models.onnx_runtime import open_runtime
from models.provider import ExecutionProvider
from models.release import Release, open_release
from serving.errors import NotAnalysedError
from serving.reasons import reason_in
from serving.stay_pipeline import StaySubject, score_stay
from serving.stopwatch import Stopwatch
from training.phantoms.stays import synthesize_stays

(MADE, *_) = synthesize_stays(1, 4)
MOMENT = MADE.admitted_at + timedelta(hours=24)
VITALS = ("temperature_max_24h", "heart_rate_max_24h", "respiratory_rate_max_24h")


def release(ranges: Sequence[TrainedRange]) -> Release:
    (path,) = [path for path in shipped_releases() if path.parent.name == "infection_urinary"]
    found = open_release(path)
    limits = replace(found.manifest.limits, trained_ranges=tuple(ranges))
    return replace(found, manifest=replace(found.manifest, limits=limits))


def narrow(*names: str) -> list[TrainedRange]:
    """Ranges that no living patient's values lie in, for *names*."""
    return [TrainedRange(feature=name, low=-2, high=-1) for name in names]


def score(of: Release, stay: Stay = MADE.stay) -> float:
    runtime = open_runtime(of, provider=ExecutionProvider.CPU, threads=1)
    return score_stay(StaySubject(stay=stay, moment=MOMENT, release=of), runtime, Stopwatch()).probability


def test_a_stay_far_from_training_is_not_scored_and_its_features_are_named():
    with pytest.raises(NotAnalysedError) as refused:
        score(release(narrow(*VITALS)))
    assert refused.value.code == "unlike_training"
    assert "3 of 3 measured inputs" in str(refused.value)
    assert all(name in str(refused.value) for name in VITALS)


def test_the_reason_says_nothing_of_the_patients_values():
    fever = Event(
        stay_id=MADE.stay.stay_id, source="Observation/f", kind=EventKind.OBSERVATION, code="temperature", unit="Cel",
        event_time=MOMENT - timedelta(minutes=5), known_time=MOMENT - timedelta(minutes=5), value=41.37,
    )  # fmt: skip
    with pytest.raises(NotAnalysedError) as refused:
        score(release(narrow(*VITALS)), replace(MADE.stay, events=(*MADE.stay.events, fever)))
    assert "41" not in str(refused.value)


def test_one_unusual_value_among_many_keeps_nobody_out():
    usual = [TrainedRange(feature=f"{one}", low=-1e6, high=1e6) for one in _names() if one != VITALS[0]]
    assert score(release([*usual, *narrow(VITALS[0])])) == score(release(()))


def test_a_danish_site_reads_why():
    assert reason_in("da", "unlike_training", "...").startswith("værdierne ligger uden for")


def _names() -> list[str]:
    return [feature.name for feature in release(()).manifest.preprocessing.features]  # type: ignore[union-attr]
