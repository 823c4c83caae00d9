"""An exported graph says what it computes, not where it was made."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from training.export import without_traces


def test_the_exporters_notes_are_gone_and_the_graph_is_the_same(tmp_path: Path):
    path = tmp_path / "model.onnx"
    node = onnx.helper.make_node("Neg", ["x"], ["y"], doc_string="line 7 of /somewhere/net.py")
    node.metadata_props.add(key="stack_trace", value="/somewhere/net.py")
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2]) for name in ("x", "y")]
    graph = onnx.helper.make_graph([node], "graph", ends[:1], ends[1:])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10), path)

    without_traces(path)

    assert b"somewhere" not in path.read_bytes()
    (answer,) = onnxruntime.InferenceSession(path).run(None, {"x": np.array([1, -2], dtype=np.float32)})
    assert answer.tolist() == [-1, 2]
