"""Two additive risk graphs as one: their log-odds weighted, calibrated, and their reasons with them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, checker, compose, helper, numpy_helper

from training.calibrate import Calibration

#: Both may stand beside operators of this version and later.
_IR_VERSION = 10


@dataclass(frozen=True, kw_only=True)
class Part:
    """One graph that takes part."""

    #: Takes ``features``, gives ``contributions`` (n, feature) and ``baseline`` (n, 1), uncalibrated.
    graph: ModelProto
    #: Its share in the log-odds, above 0.
    share: float


def blend(parts: Sequence[Part], features: int, calibration: Calibration) -> ModelProto:
    """``features`` (n, feature) -> ``probability`` (n, 1), ``contributions`` (n, feature), ``baseline`` (n, 1).

    Calibrated log-odds = slope * sum of shares * log-odds + intercept; the slope scales the reasons, too.
    """
    inner = [_renamed(part.graph, f"part{number}/") for number, part in enumerate(parts)]
    graph = helper.make_graph(
        [node for one in inner for node in one.graph.node] + _nodes(len(parts)),
        "risk",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", features])],
        [
            helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["n", 1]),
            helper.make_tensor_value_info("contributions", TensorProto.FLOAT, ["n", features]),
            helper.make_tensor_value_info("baseline", TensorProto.FLOAT, ["n", 1]),
        ],
        [tensor for one in inner for tensor in one.graph.initializer] + _constants(parts, calibration),
    )
    newest = {opset.domain: 0 for one in inner for opset in one.opset_import}
    for opset in (opset for one in inner for opset in one.opset_import):
        newest[opset.domain] = max(newest[opset.domain], opset.version)
    opsets = [helper.make_opsetid(domain, version) for domain, version in newest.items()]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="varsel")
    checker.check_model(model)
    return model


def _renamed(graph: ModelProto, prefix: str) -> ModelProto:
    inner = compose.add_prefix(graph, prefix)
    for node in inner.graph.node:
        for place, name in enumerate(node.input):
            if name == f"{prefix}features":
                node.input[place] = "features"
    return inner


def _nodes(count: int) -> list[NodeProto]:
    return [
        *_weighted_sum("contributions", count, "contributions"),
        *_weighted_sum("baseline", count, "uncalibrated_baseline"),
        helper.make_node("Add", ["uncalibrated_baseline", "intercept"], ["baseline"]),
        helper.make_node("ReduceSum", ["contributions", "axis"], ["total"], keepdims=1),
        helper.make_node("Add", ["baseline", "total"], ["log_odds"]),
        helper.make_node("Sigmoid", ["log_odds"], ["probability"]),
    ]


def _weighted_sum(output: str, count: int, name: str) -> list[NodeProto]:
    weighted = [f"weighted_{output}{number}" for number in range(count)]
    products = [
        helper.make_node("Mul", [f"part{number}/{output}", f"share{number}"], [product])
        for number, product in enumerate(weighted)
    ]
    return [*products, helper.make_node("Sum", weighted, [name])]


def _constants(parts: Sequence[Part], calibration: Calibration) -> list[TensorProto]:
    numbers = {f"share{number}": part.share * calibration.slope for number, part in enumerate(parts)}
    numbers["intercept"] = calibration.intercept
    return [
        numpy_helper.from_array(np.array([1], dtype=np.int64), "axis"),
        *(numpy_helper.from_array(np.array(value, dtype=np.float32), name) for name, value in numbers.items()),
    ]
