"""How fast risks are scored with their reasons: one stay with 5,000 events, and 1,000 stays; ``make bench-risks``.

One core, the graph in this process, reasons and additivity check included; the database and the model service are not.
"""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np

from ehr_io.codes import code_map
from ehr_io.events import Event, EventKind, Stay
from models.folder_store import shipped_releases
from models.manifest import StayPreprocessing
from models.onnx_runtime import open_runtime
from models.release import Release, open_release
from models.runtime import Runtime
from serving.stay_pipeline import StaySubject, score_stay
from serving.stopwatch import Stopwatch

NOW = datetime(2026, 3, 6, 8, tzinfo=UTC)
MODELS = ("infection_sepsis", "infection_urinary")
REPEATS = 15


def busy_stay(release: Release, events: int, number: int = 0) -> Stay:
    """A stay of five days with *events* facts, most of them measured values of the model's own concepts."""
    spec = release.manifest.preprocessing
    assert isinstance(spec, StayPreprocessing)
    concepts = code_map().concepts
    measured = sorted({one.code for one in spec.features if one.code in concepts and concepts[one.code].possible})
    rng = np.random.default_rng(number)
    stay_id = f"stay-{number}"
    told = [
        _event(stay_id, 0, EventKind.PATIENT, "birth_date", NOW - timedelta(days=365 * 70)),
        _event(stay_id, 1, EventKind.PATIENT, "sex", NOW - timedelta(days=365 * 70), text="male"),
        _event(stay_id, 2, EventKind.ADMISSION, "IMP", NOW - timedelta(days=5)),
        _event(stay_id, 3, EventKind.WARD, "M2", NOW - timedelta(days=5)),
        _event(stay_id, 4, EventKind.PROCEDURE, "urinary_catheter", NOW - timedelta(days=3)),
    ]
    for at, hours in enumerate(np.sort(rng.uniform(0, 118, events - len(told)))[::-1]):
        concept = concepts[measured[at % len(measured)]]
        low, high = concept.reference_range or concept.possible or (0.0, 1.0)
        value = float(rng.uniform(low, high))
        moment = NOW - timedelta(hours=float(hours))
        told.append(_event(stay_id, at + 5, EventKind.OBSERVATION, concept.key, moment, value=value, unit=concept.unit))
    return Stay(stay_id=stay_id, patient_id="p", events=tuple(sorted(told, key=lambda e: (e.event_time, e.source))))


def _event(stay_id: str, number: int, kind: EventKind, code: str, at: datetime, **other: object) -> Event:
    values = {"stay_id": stay_id, "source": f"{kind.value}/{stay_id}-{number}", "kind": kind, "code": code}
    return Event(**values | {"event_time": at, "known_time": at} | other)


def timed(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Medians of elapsed and of processor time of *work*, in seconds, after one run that does not count."""
    work()
    took, used = [], []
    for _ in range(repeats):
        began, used_before = time.perf_counter(), time.process_time()
        work()
        took.append(time.perf_counter() - began)
        used.append(time.process_time() - used_before)
    return statistics.median(took), statistics.median(used)


def rows() -> list[tuple[str, str, float, float]]:
    """(what, model, elapsed s, processor s)."""
    found = []
    releases = {path.parent.name: path for path in shipped_releases()}
    for name in MODELS:
        release = open_release(releases[name])
        runtime = open_runtime(release, threads=1)
        large = busy_stay(release, 5000)
        found.append(("one stay, 5,000 events", name, *timed(lambda: _score(release, runtime, [large]), REPEATS)))  # noqa: B023
        ward = [busy_stay(release, 300, number) for number in range(1000)]
        found.append(("1,000 stays, 300 events each", name, *timed(lambda: _score(release, runtime, ward), 1)))  # noqa: B023
        runtime.close()
    return found


def _score(release: Release, runtime: Runtime, stays: list[Stay]) -> None:
    for stay in stays:
        score_stay(StaySubject(stay=stay, moment=NOW, release=release), runtime, Stopwatch())


def main() -> None:
    """Print the table."""
    print("| what | model | elapsed | of it processor |\n|---|---|---|---|")
    for what, model, elapsed, used in rows():
        print(f"| {what} | `{model}` | {1000 * elapsed:.1f} ms | {1000 * used:.1f} ms |")


if __name__ == "__main__":
    main()
