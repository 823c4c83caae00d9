"""A network and boosted trees on the same patients: both trained, compared, exported; the better one is the release."""

import json
from pathlib import Path

import numpy as np
import pytest

from models.onnx_runtime import OnnxRuntime
from tests.factories.lines import Line, make_line
from training.datasets import Split

pytestmark = [
    # ignite, MONAI, MLflow and torch's exporter warn of their own internals while they train and log.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    # MLflow's SQLAlchemy engines close their SQLite connections when collected.
    pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning"),
]


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    changes = {"boosting::rounds": 30, "boosting::folds": 3}
    return make_line("bacteremia_at_culture", tmp_path_factory.mktemp("bacteremia_at_culture"), 500, changes)


def test_the_release_says_what_torch_and_lightgbm_say_together(line: Line):
    assert line.exported.parity.passed
    assert {t.name for t in line.exported.parity.tensors} == {"probability", "contributions", "baseline"}


def test_the_evidence_tells_how_the_better_one_was_chosen(line: Line):
    choice = json.loads((line.release.path / "evidence" / "candidates.json").read_bytes())
    assert set(choice["auroc"]) == {"boosting", "network", "both"}
    best = max(choice["auroc"].values())
    assert choice["auroc"][choice["shipped"]] >= best - 0.001
    assert set(choice["against_boosting"]) == {"network", "both"}
    assert choice["patients"] == 75


def test_both_are_kept_as_graphs_in_the_run_and_one_in_the_release(line: Line, tmp_path: Path):
    kept = line.tracker.fetch(line.trained.run_id, "candidates", tmp_path)
    rows = np.stack([case.input for case in line.data.cases(Split.TEST)]).astype(np.float32)
    for name in ("network.onnx", "boosting.onnx"):
        said = OnnxRuntime(kept / name).infer({"features": rows})
        log_odds = said["baseline"] + said["contributions"].sum(axis=1, keepdims=True)
        np.testing.assert_allclose(said["probability"], 1 / (1 + np.exp(-log_odds)), atol=1e-5)
    assert [file for file in line.release.manifest.files if file.endswith(".onnx")] == ["model.onnx"]


def test_both_learn_what_the_phantom_holds(line: Line):
    metrics = line.tracker.history(line.trained.run_id, "boosting_val_auroc")
    assert metrics[-1][1] > 0.75
    assert line.trained.metrics["best_val_auroc"] > 0.75


def test_the_run_keeps_no_patient_with_the_trees(line: Line, tmp_path: Path):
    kept = line.tracker.fetch(line.trained.run_id, "boosting", tmp_path)
    patient = next(line.data.cases(Split.VALIDATION)).patient.encode()
    assert not any(patient in file.read_bytes() for file in kept.rglob("*"))
