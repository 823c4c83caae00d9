"""Each bundle from invented patients to a release that is judged, promoted, served and rolled back."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from models.bundle import bundle_names
from models.folder_store import FolderStore
from models.mlflow_registry import MlflowRegistry
from models.onnx_runtime import open_runtime
from models.registry import LedgerRow
from models.release import open_release
from serving.api.served_models import ServedModels
from tests.factories.lines import Line, make_line, next_version
from training.datasets import Split
from training.register import register
from varsel.cli import app

pytestmark = [
    pytest.mark.slow,
    # ignite, MONAI, MLflow and torch's exporter warn of their own internals while they train and log.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    # MLflow's SQLAlchemy engines close their SQLite connections when collected.
    pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:sqlalchemy.exc.SADeprecationWarning"),
]


@pytest.fixture(scope="module", params=bundle_names())
def line(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Line:
    return make_line(request.param, tmp_path_factory.mktemp(request.param))


def varsel(line: Line, *words: str) -> Result:
    settings = line.store.directory.parent / "varsel.toml"
    settings.write_text(f"[site]\ndata_dir = {json.dumps(str(settings.parent))}\n", encoding="utf-8")
    return CliRunner().invoke(app, ["--settings", str(settings), *words])


def succeed(line: Line, *words: str) -> None:
    done = varsel(line, *words)
    assert done.exit_code == 0, done.output + done.stderr


def test_the_graph_says_what_the_network_says(line: Line):
    assert line.exported.parity.passed
    assert line.exported.parity.cases > 0
    assert {t.name for t in line.exported.parity.tensors} == {t.name for t in line.release.manifest.outputs}


def test_a_release_for_stays_states_which_values_it_was_trained_on(line: Line):
    spec, stated = line.release.manifest.preprocessing, line.release.manifest.limits.trained_ranges
    named = [one.feature for one in stated]
    assert bool(named) == (spec.kind == "stay")
    assert all(one.low <= one.high for one in stated)
    if spec.kind == "stay":
        assert set(named) <= {feature.name for feature in spec.features}


def test_the_release_holds_all_its_evidence(line: Line):
    assert set(open_release(line.release.path).manifest.files) >= {
        "model.onnx",
        "LICENSE",
        "data_license.txt",
        "model_card.md",
        "model_card.json",
        "evidence/parity.json",
        "evidence/floors.json",
        "evidence/safety.json",
        "evidence/evaluation.html",
        "evidence/environment.txt",
    }


def test_a_barely_trained_release_may_run_unheard_but_not_as_champion(line: Line):
    name, release = line.release.manifest.name, line.release
    register(release, line.tracker, MlflowRegistry(line.tracker.uri))
    succeed(line, "promote", name, release.short_digest, "--to", "challenger", "--reason", "runs unheard")
    refused = varsel(line, "promote", name, release.short_digest, "--to", "champion", "--reason", "too early")
    assert refused.exit_code == 1
    assert "NOT MET" in refused.stdout
    assert line.store.aliases() == {(name, "challenger"): release.digest}


def test_the_release_is_judged_on_a_data_set(line: Line, tmp_path: Path):
    name, digest = line.release.manifest.name, line.release.digest
    succeed(line, "evaluate", f"{name}@{digest[:12]}", "--data", str(line.data.path), "--out", str(tmp_path))
    report = json.loads((tmp_path / "report.json").read_bytes())
    assert (report["model"], report["digest"]) == (name, digest)
    assert report["cases"] == line.data.count(Split.TEST)
    assert report["metrics"]


def test_a_champion_is_served_and_rolled_back_without_a_restart(line: Line):
    """The pointer is set by hand: a model trained for seconds passes no gate, and what passes is tested elsewhere."""
    name, first = line.release.manifest.name, line.release
    second = next_version(first, line.store)
    register(first, line.tracker, MlflowRegistry(line.tracker.uri))
    served = ServedModels(line.store, open_model=open_runtime, check=lambda: None)
    make_champion(line.store, name, "", first.digest)
    case = next(line.data.cases(Split.TEST)).input[np.newaxis].astype(np.float32)
    answers = [ask(served, name, case)]
    make_champion(line.store, name, first.digest, second.digest)
    answers.append(ask(served, name, case))
    succeed(line, "rollback", name, "--reason", "worse")
    answers.append(ask(served, name, case))
    assert [digest for digest, _ in answers] == [first.digest, second.digest, first.digest]
    for _, probability in answers:
        np.testing.assert_array_equal(probability, answers[0][1])
        assert np.all((probability >= 0) & (probability <= 1))


def make_champion(store: FolderStore, model: str, before: str, after: str) -> None:
    row = LedgerRow(
        model=model, alias="champion", from_digest=before, to_digest=after, actor="test", reason="test",
        at="2026-01-01T00:00:00Z",
    )  # fmt: skip
    store.promote(row)


def ask(served: ServedModels, model: str, case: np.ndarray) -> tuple[str, np.ndarray]:
    """Digest of the champion, and what it says of *case*."""
    found = served.find(model)
    return found.release.digest, found.infer({found.inputs[0].name: case})["probability"]
