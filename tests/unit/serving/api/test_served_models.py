"""Which models run, and whether all is well."""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from models.errors import ProviderError, RegistryError, ReleaseError, RuntimeFailedError, RuntimeUnavailableError
from models.folder_store import FolderStore
from models.manifest import Task
from models.onnx_runtime import demand_provider
from models.provider import ExecutionProvider
from models.release import Release
from models.runtime import Runtime, ScriptedRuntime
from serving.api.served_models import ServedModels
from tests.factories.releases import make_release, promote

MODEL = "infection_urinary"


def scripted(_: Release) -> Runtime:
    return ScriptedRuntime(dict)


def serve(store: Path, open_model: Callable[[Release], Runtime] = scripted, wait_seconds: float = 60) -> ServedModels:
    return ServedModels(FolderStore(store), open_model=open_model, check=lambda: None, wait_seconds=wait_seconds)


def test_what_an_alias_points_to_is_loaded_at_start(tmp_path: Path):
    opened: list[str] = []

    def open_model(release: Release) -> Runtime:
        opened.append(release.manifest.version)
        return scripted(release)

    make_release(tmp_path, Task.STAY_RISK, version="1")
    promote(FolderStore(tmp_path), make_release(tmp_path, Task.STAY_RISK, version="2", champion=False), "challenger")
    make_release(tmp_path, Task.STAY_RISK, version="3", champion=False)
    models = serve(tmp_path, open_model)

    models.load()

    assert sorted(opened) == ["1", "2"]
    assert models.find(MODEL).release.manifest.version == "1"
    assert sorted(opened) == ["1", "2"]
    assert models.champions() == (MODEL,)


def test_a_promotion_needs_no_restart(tmp_path: Path):
    make_release(tmp_path, Task.STAY_RISK, version="1")
    models = serve(tmp_path)
    models.load()
    newer = make_release(tmp_path, Task.STAY_RISK, version="2")
    assert models.find(MODEL).release == newer
    assert models.faults() == ()


def test_another_version_is_loaded_when_asked_for(tmp_path: Path):
    make_release(tmp_path, Task.STAY_RISK, version="1")
    other = make_release(tmp_path, Task.STAY_RISK, version="2", champion=False)
    assert serve(tmp_path).find(MODEL, other.short_digest).release == other


def test_the_release_before_stays_loaded_as_long_as_cases_ask_for_it(tmp_path: Path):
    opened: list[str] = []

    def open_model(release: Release) -> Runtime:
        opened.append(release.manifest.version)
        return scripted(release)

    before = make_release(tmp_path, Task.STAY_RISK, version="1")
    models = serve(tmp_path, open_model)
    models.load()
    make_release(tmp_path, Task.STAY_RISK, version="2")
    for _ in range(3):
        models.find(MODEL, before.short_digest)
        models.faults()
    assert opened == ["1", "2"]
    for _ in range(2):
        models.faults()
    models.find(MODEL, before.short_digest)
    assert opened == ["1", "2", "1"], "nobody asked between two looks, so it had been dropped"


def test_a_model_that_is_asked_for_at_once_is_loaded_once(tmp_path: Path):
    make_release(tmp_path, Task.STAY_RISK)
    opened: list[Release] = []
    together = threading.Barrier(4)

    def open_model(release: Release) -> Runtime:
        opened.append(release)
        return scripted(release)

    models = serve(tmp_path, open_model)

    def ask() -> None:
        together.wait()
        models.find(MODEL)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(opened) == 1


def test_a_missing_provider_is_serious_even_without_models(tmp_path: Path):
    models = ServedModels(
        FolderStore(tmp_path), open_model=scripted, check=partial(demand_provider, ExecutionProvider.CUDA)
    )
    (fault,) = models.faults()
    assert fault.serious
    assert "CUDAExecutionProvider" in fault.reason


@pytest.mark.parametrize(
    ("alias", "error", "serious"),
    [
        ("champion", RuntimeFailedError("broken"), True),
        ("challenger", RuntimeFailedError("broken"), False),
        ("challenger", ReleaseError("altered"), True),
        ("challenger", ProviderError("no GPU"), True),
    ],
)
def test_a_model_that_cannot_be_loaded_is_a_fault(tmp_path: Path, alias: str, error: Exception, serious: bool):  # noqa: FBT001 - a case of the test
    release = make_release(tmp_path, Task.STAY_RISK, champion=False)
    promote(FolderStore(tmp_path), release, alias)

    def open_model(_: Release) -> Runtime:
        raise error

    (fault,) = serve(tmp_path, open_model).faults()
    assert (fault.model, fault.alias, fault.serious) == (MODEL, alias, serious)
    assert fault.reason == str(error)


def test_a_fault_that_is_mended_goes_away_without_a_restart(tmp_path: Path):
    release = make_release(tmp_path, Task.STAY_RISK)
    models = serve(tmp_path)
    graph = release.graph_path
    sound = graph.read_bytes()
    graph.chmod(0o644)
    graph.write_bytes(b"altered")
    assert [fault.serious for fault in models.faults()] == [True]
    with pytest.raises(ReleaseError):
        models.find(MODEL)
    graph.write_bytes(sound)
    assert models.faults() == ()


def test_a_damaged_ledger_is_a_serious_fault(tmp_path: Path):
    (tmp_path / "ledger.jsonl").write_text("nonsense\n")
    (fault,) = serve(tmp_path).faults()
    assert fault.serious


def test_an_unknown_model_is_an_error(tmp_path: Path):
    with pytest.raises(RegistryError):
        serve(tmp_path).find("unknown")


def test_one_inference_runs_at_a_time_and_who_waits_too_long_is_turned_away(tmp_path: Path):
    make_release(tmp_path, Task.STAY_RISK)
    running, go_on = threading.Event(), threading.Event()

    def open_model(_: Release) -> Runtime:
        def answer(inputs: object) -> dict[str, np.ndarray]:
            running.set()
            go_on.wait(30)
            return {}

        return ScriptedRuntime(answer)

    served = serve(tmp_path, open_model, wait_seconds=0.05).find(MODEL)
    first = threading.Thread(target=served.infer, args=({},))
    first.start()
    running.wait(30)
    with pytest.raises(RuntimeUnavailableError, match="was busy"):
        served.infer({})
    go_on.set()
    first.join()
    assert served.infer({}) == {}
