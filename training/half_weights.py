"""Weights in half precision on disk: half the size, computed in single precision as before.

They are rounded before calibration, parity and evaluation, so that everything said of a release is said of these.
"""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

#: Smaller ones, biases and statistics, stay as they are: they are few, and their digits count.
_SMALLEST = 1024


def round_to_half(network: torch.nn.Module) -> None:
    """Round the large weights of *network*, in place, to what half precision can hold."""
    with torch.no_grad():
        for weights in network.parameters():
            if weights.numel() >= _SMALLEST:
                weights.copy_(weights.half().float())


def store_as_half(path: Path) -> None:
    """Write the large weights of the ONNX file at *path* in half precision where that loses nothing.

    A cast follows each; ONNX Runtime does it once, when it opens the file.
    """
    model = onnx.load(path)
    graph, casts = model.graph, []
    for number, weights in enumerate(graph.initializer):
        values = numpy_helper.to_array(weights) if weights.data_type == TensorProto.FLOAT else np.empty(0)
        half = values.astype(np.float16)
        if values.size >= _SMALLEST and np.array_equal(half.astype(np.float32), values):
            name = f"{weights.name}.half"
            casts.append(helper.make_node("Cast", [name], [weights.name], to=TensorProto.FLOAT))
            graph.initializer[number].CopyFrom(numpy_helper.from_array(half, name))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, path)
