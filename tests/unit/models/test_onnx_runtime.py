"""Releases in process."""

from pathlib import Path

import numpy as np
import pytest
from onnxruntime.capi import onnxruntime_pybind11_state as vendor

from models import onnx_runtime
from models.errors import ProviderError, ReleaseError, RuntimeFailedError, UnfitInputError
from models.manifest import Task, TensorSpec
from models.onnx_runtime import VENDOR_ERRORS, OnnxRuntime, open_runtime
from models.provider import ExecutionProvider
from models.runtime import Runtime, Tensors
from tests.factories import releases
from tests.factories.releases import BASELINE, FEATURES, IMAGE_SIZE, make_release


@pytest.fixture
def image_runtime(tmp_path: Path):
    return open_runtime(make_release(tmp_path, Task.IMAGE_CLASSIFICATION), threads=1)


def test_an_image_gives_a_probability_and_an_activation(image_runtime: Runtime):
    image = np.zeros((2, 1, *IMAGE_SIZE), np.float32)
    image[1, 0, 8:24, 8:24] = 1

    outputs = image_runtime.infer({"image": image})

    assert outputs["probability"].shape == (2, 1)
    assert outputs["probability"][0, 0] < 0.01
    assert outputs["probability"][1, 0] > 0.99
    assert outputs["activation"].shape == (2, 1, 8, 8)


def test_a_volume_is_taken_whole(tmp_path: Path):
    runtime = open_runtime(make_release(tmp_path, Task.VOLUME_SEGMENTATION), threads=1)
    volume = np.full((1, 1, 13, 40, 45), 0.2, np.float32)
    volume[0, 0, 5:7, 10:20, 10:20] = 0.9

    probability = runtime.infer({"image": volume})["probability"]

    assert probability.shape == volume.shape
    np.testing.assert_array_equal(probability > 0.5, volume > 0.7)


def test_the_contributions_of_a_stay_add_up_to_its_risk(tmp_path: Path):
    runtime = open_runtime(make_release(tmp_path, Task.STAY_RISK), threads=1)

    outputs = runtime.infer({"features": np.array([[80, 39, np.nan]], np.float32)})

    logit = np.log(outputs["probability"] / (1 - outputs["probability"]))
    np.testing.assert_allclose(logit, BASELINE + outputs["contributions"].sum(axis=1, keepdims=True), rtol=1e-5)
    assert outputs["contributions"][0, 2] == 0


def test_warm_up_runs_every_kind(tmp_path: Path):
    for task in Task:
        open_runtime(make_release(tmp_path, task), threads=1).warm_up()


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"picture": np.zeros((1, 1, *IMAGE_SIZE), np.float32)}, "takes \\['image'\\]"),
        ({"image": np.zeros((1, 1, 5, 5), np.float32)}, "shape \\[1, 1, 5, 5\\]"),
        ({"image": np.zeros((0, 1, *IMAGE_SIZE), np.float32)}, "any size from 1"),
        ({"image": np.zeros(IMAGE_SIZE, np.float32)}, "required is FP32"),
        ({"image": np.zeros((1, 1, *IMAGE_SIZE), np.float64)}, "is float64"),
    ],
)
def test_an_input_that_does_not_fit_is_refused_with_what_is_required(
    image_runtime: Runtime, inputs: Tensors, words: str
):
    with pytest.raises(UnfitInputError, match=words):
        image_runtime.infer(inputs)


def test_a_provider_that_is_not_installed_is_an_error_and_no_fallback(tmp_path: Path):
    release = make_release(tmp_path, Task.STAY_RISK)
    with pytest.raises(ProviderError, match=r"CUDAExecutionProvider.*install onnxruntime-gpu"):
        open_runtime(release, provider=ExecutionProvider.CUDA)


def test_a_provider_that_does_not_come_up_is_an_error_and_no_fallback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The package is there, the driver is not: ONNX Runtime then runs on the CPU and only warns."""
    release = make_release(tmp_path, Task.STAY_RISK)
    monkeypatch.setattr(
        onnx_runtime.onnxruntime, "get_available_providers", lambda: [one.value for one in ExecutionProvider]
    )
    with pytest.raises(ProviderError, match=r"'CPUExecutionProvider' is in use"):
        OnnxRuntime(release.graph_path, provider=ExecutionProvider.CUDA)


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path):
    (tmp_path / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(RuntimeFailedError, match="cannot be loaded"):
        OnnxRuntime(tmp_path / "model.onnx")


def test_a_manifest_that_does_not_describe_the_graph_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    wrong = TensorSpec(name="features", datatype="FP32", shape=(-1, len(FEATURES) + 1))
    outputs = releases._TENSORS
    monkeypatch.setitem(outputs, Task.STAY_RISK, ((wrong,), outputs[Task.STAY_RISK][1]))
    release = make_release(tmp_path, Task.STAY_RISK)
    with pytest.raises(ReleaseError, match="its manifest says"):
        open_runtime(release)


def test_every_vendor_error_is_translated():
    kinds = {one for one in vars(vendor).values() if isinstance(one, type) and issubclass(one, Exception)}
    assert kinds == set(VENDOR_ERRORS)
