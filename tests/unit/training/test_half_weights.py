from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from models.onnx_runtime import OnnxRuntime
from training.half_weights import round_to_half, store_as_half

WEIGHTS = np.random.default_rng(1).normal(size=(64, 64)).astype(np.float32)
#: Which half precision holds exactly.
ROUND = WEIGHTS.astype(np.float16).astype(np.float32)


def product(path: Path, weights: npt.NDArray[np.float32]) -> Path:
    """An ONNX file that multiplies with *weights*."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weights"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 64])],
        [numpy_helper.from_array(weights, "weights")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def answer(path: Path) -> npt.NDArray[np.generic]:
    return OnnxRuntime(path).infer({"x": np.ones((2, 64), np.float32)})["y"]


def test_rounded_weights_are_stored_in_half_the_size_and_say_the_same(tmp_path: Path):
    path = product(tmp_path / "model.onnx", ROUND)
    before, size = answer(path), path.stat().st_size
    store_as_half(path)
    assert path.stat().st_size == pytest.approx(size / 2, abs=300)
    assert np.array_equal(answer(path), before)


def test_weights_that_half_precision_cannot_hold_stay_single(tmp_path: Path):
    path = product(tmp_path / "model.onnx", WEIGHTS)
    store_as_half(path)
    assert [one.data_type for one in onnx.load(path).graph.initializer] == [TensorProto.FLOAT]


def test_small_weights_keep_their_digits():
    network = torch.nn.Linear(64, 64)
    bias = network.bias.detach().clone()
    round_to_half(network)
    assert torch.equal(network.bias, bias)
    assert torch.equal(network.weight, network.weight.half().float())
