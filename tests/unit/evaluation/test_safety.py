"""A graph is tried on input that no training set holds."""

from pathlib import Path

import numpy as np
import pytest

from evaluation.safety import SafetyReport, dump_safety, examine, load_safety
from models.errors import RuntimeFailedError
from models.manifest import Preprocessing, Task
from models.onnx_runtime import open_runtime
from models.runtime import ScriptedRuntime, Tensors
from tests.factories.releases import make_release


def preprocessing_of(task: Task, tmp_path: Path) -> Preprocessing:
    return make_release(tmp_path, task).manifest.preprocessing


@pytest.mark.parametrize("task", list(Task))
def test_sound_graphs_of_every_task_hold(tmp_path: Path, task: Task):
    release = make_release(tmp_path, task)
    report = examine(release.manifest.preprocessing, open_runtime(release))
    assert [check for check in report.checks if not check.passed] == []
    assert report.passed


def test_the_same_graph_is_found_the_same_twice(tmp_path: Path):
    release = make_release(tmp_path, Task.STAY_RISK)
    first, second = (examine(release.manifest.preprocessing, open_runtime(release)) for _ in range(2))
    assert dump_safety(first) == dump_safety(second)
    assert load_safety(dump_safety(first)) == first


def test_nothing_tried_is_nothing_passed():
    assert not SafetyReport(checks=()).passed


def risk(inputs: Tensors) -> Tensors:
    """A sound stay model: nothing speaks for or against."""
    rows, features = inputs["features"].shape
    return {
        "probability": np.full((rows, 1), 0.5, np.float32),
        "contributions": np.zeros((rows, features), np.float32),
        "baseline": np.zeros((rows, 1), np.float32),
    }


def not_finite(inputs: Tensors) -> Tensors:
    missing = np.isnan(inputs["features"]).all(axis=1, keepdims=True)
    return risk(inputs) | {"probability": np.where(missing, np.nan, 0.5).astype(np.float32)}


def beyond_one(inputs: Tensors) -> Tensors:
    return risk(inputs) | {"probability": np.full((len(inputs["features"]), 1), 1.5, np.float32)}


def other_reasons(inputs: Tensors) -> Tensors:
    return risk(inputs) | {"baseline": np.ones((len(inputs["features"]), 1), np.float32)}


def of_the_batch(inputs: Tensors) -> Tensors:
    rows = len(inputs["features"])
    logit = np.float32(rows - 1)
    said = risk(inputs)
    return said | {
        "probability": np.full((rows, 1), 1 / (1 + np.exp(-logit)), np.float32),
        "baseline": said["baseline"] + logit,
    }


def refusing(inputs: Tensors) -> Tensors:
    raise RuntimeFailedError("the graph failed")


FAULTS = {
    "not finite where nothing is measured": (not_finite, "nothing measured", "'probability' is not finite"),
    "beyond one": (beyond_one, "everything 0", "a probability of 1.5"),
    "reasons of another risk": (other_reasons, "everything 0", "off the risk"),
    "one row changes another's answer": (of_the_batch, "in one run", "0.4"),
    "no answer": (refusing, "everything 1e6", "the graph failed"),
}


@pytest.mark.parametrize("case", sorted(FAULTS))
def test_a_graph_that_does_not_hold_is_found_and_told(tmp_path: Path, case: str):
    answer, where, words = FAULTS[case]
    report = examine(preprocessing_of(Task.STAY_RISK, tmp_path), ScriptedRuntime(answer))
    failed = {check.name: check.found for check in report.checks if not check.passed}
    assert not report.passed
    assert any(where in name and words in found for name, found in failed.items()), failed


def test_a_graph_that_answers_differently_the_second_time_is_found(tmp_path: Path):
    rng = np.random.default_rng(0)

    def wavering(inputs: Tensors) -> Tensors:
        return risk(inputs) | {"contributions": rng.normal(size=inputs["features"].shape).astype(np.float32)}

    report = examine(preprocessing_of(Task.STAY_RISK, tmp_path), ScriptedRuntime(wavering))
    assert "'contributions' differs between two runs" in {check.found for check in report.checks}


def test_pixels_that_are_no_numbers_need_no_answer_but_no_nonsense_either(tmp_path: Path):
    spec = preprocessing_of(Task.IMAGE_CLASSIFICATION, tmp_path)

    def answering(nonsense: float) -> ScriptedRuntime:
        def answer(inputs: Tensors) -> Tensors:
            said = np.where(np.isnan(inputs["image"]).any(axis=(1, 2, 3)), nonsense, 0.5).astype(np.float32)
            return {"probability": said[:, None], "activation": np.zeros((len(said), 1, 2, 2), np.float32)}

        return ScriptedRuntime(answer)

    assert examine(spec, answering(np.nan)).passed
    assert not examine(spec, answering(7.0)).passed
