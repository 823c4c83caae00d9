"""Boosted trees as one ONNX graph that says a risk and its reasons.

On its way through a tree a row meets one split after the other; each moves the expected score, and the move is
credited to the split's feature (path attribution: Saabas 2014; ``approx_contribs`` of XGBoost). What reaches a leaf is
thus a constant vector, one number a feature, and a single ``TreeEnsembleRegressor`` (ai.onnx.ml) with one target a
feature adds them up: the reasons are exactly additive, and cost no more than the score.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, checker, helper

from training.calibrate import Calibration
from training.errors import ExportError

#: TreeEnsembleRegressor as ONNX Runtime and every converter know it; version 5 has no leaf with several targets.
_OPSETS = (helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3))
#: IR version of the opsets above.
_IR_VERSION = 8


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A node that asks one feature."""

    #: Column of the feature.
    feature: int
    #: Largest float32 that goes left: for float32 inputs the same as ``<=`` LightGBM's float64 threshold.
    threshold: float
    #: Whether a value that was not measured goes left.
    missing_left: bool
    #: Place of the left child among the tree's nodes.
    left: int
    #: Place of the right child.
    right: int


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """Where a row ends."""

    #: LightGBM's number of the leaf, as ``predict(pred_leaf=True)`` says it.
    number: int
    #: Feature column -> what it moved the score by, on the way here.
    parts: Mapping[int, float]


@dataclass(frozen=True, kw_only=True)
class Tree:
    """One tree; the first node is the root."""

    #: Branches and leaves.
    nodes: tuple[Branch | Leaf, ...]
    #: Score of the average training row.
    expectation: float


def read_trees(dump: Mapping[str, Any]) -> tuple[Tree, ...]:
    """The trees of LightGBM's ``Booster.dump_model()``.

    Raises:
        ExportError: a tree splits in a way that float32 inputs with NaN for "not measured" do not need.
    """
    return tuple(_read_tree(info["tree_structure"]) for info in dump["tree_info"])


def contributions(trees: Sequence[Tree], leaves: npt.NDArray[np.int64], features: int) -> npt.NDArray[np.float64]:
    """What each of *features* adds to the mean score of rows that end in *leaves* (row, tree): (row, feature)."""
    found = np.zeros((len(leaves), features))
    for column, tree in enumerate(trees):
        parts = {leaf.number: leaf.parts for leaf in tree.nodes if isinstance(leaf, Leaf)}
        for row, number in enumerate(leaves[:, column]):
            for feature, part in parts[int(number)].items():
                found[row, feature] += part
    return found


def attribution_graph(trees: Sequence[Tree], features: int, bags: int, calibration: Calibration) -> ModelProto:
    """``features`` (n, feature) -> ``probability`` (n, 1), ``contributions`` (n, feature), ``baseline`` (n, 1).

    *trees* are those of *bags* models whose log-odds are averaged; *calibration* calibrates the average.
    """
    baseline = calibration.slope * sum(tree.expectation for tree in trees) / bags + calibration.intercept
    graph = helper.make_graph(
        [_regressor(trees, features, calibration.slope / bags), *_sigmoid_of_sum()],
        "boosted_trees",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", features])],
        [
            helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["n", 1]),
            helper.make_tensor_value_info("contributions", TensorProto.FLOAT, ["n", features]),
            helper.make_tensor_value_info("baseline", TensorProto.FLOAT, ["n", 1]),
        ],
        [
            helper.make_tensor("average", TensorProto.FLOAT, [1, 1], [baseline]),
            helper.make_tensor("one", TensorProto.INT64, [1], [1]),
        ],
    )
    model = helper.make_model(graph, opset_imports=_OPSETS, ir_version=_IR_VERSION, producer_name="varsel")
    checker.check_model(model)
    return model


def _sigmoid_of_sum() -> list[NodeProto]:
    return [
        helper.make_node("ReduceSum", ["contributions", "one"], ["total"], keepdims=1),
        helper.make_node("Shape", ["features"], ["rows"], start=0, end=1),
        helper.make_node("Concat", ["rows", "one"], ["shape"], axis=0),
        helper.make_node("Expand", ["average", "shape"], ["baseline"]),
        helper.make_node("Add", ["baseline", "total"], ["log_odds"]),
        helper.make_node("Sigmoid", ["log_odds"], ["probability"]),
    ]


def _regressor(trees: Sequence[Tree], features: int, scale: float) -> NodeProto:
    placed = [(t, n, node) for t, tree in enumerate(trees) for n, node in enumerate(tree.nodes)]
    branches = [node if isinstance(node, Branch) else None for _, _, node in placed]
    parts = [
        (t, n, feature, part * scale)
        for t, n, node in placed
        if isinstance(node, Leaf)
        for feature, part in (node.parts or {0: 0.0}).items()
    ]
    return helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["contributions"],
        domain="ai.onnx.ml",
        n_targets=features,
        aggregate_function="SUM",
        post_transform="NONE",
        nodes_treeids=[t for t, _, _ in placed],
        nodes_nodeids=[n for _, n, _ in placed],
        nodes_modes=["BRANCH_LEQ" if branch else "LEAF" for branch in branches],
        nodes_featureids=[branch.feature if branch else 0 for branch in branches],
        nodes_values=[branch.threshold if branch else 0.0 for branch in branches],
        nodes_missing_value_tracks_true=[int(branch.missing_left) if branch else 0 for branch in branches],
        nodes_truenodeids=[branch.left if branch else 0 for branch in branches],
        nodes_falsenodeids=[branch.right if branch else 0 for branch in branches],
        target_treeids=[t for t, _, _, _ in parts],
        target_nodeids=[n for _, n, _, _ in parts],
        target_ids=[feature for _, _, feature, _ in parts],
        target_weights=[part for _, _, _, part in parts],
    )


def _read_tree(root: Mapping[str, Any]) -> Tree:
    expected = {id(node): _expectation(node) for node in _preorder(root)}
    places = {id(node): place for place, node in enumerate(_preorder(root))}
    parts: dict[int, dict[int, float]] = {id(root): {}}
    nodes: list[Branch | Leaf] = []
    for node in _preorder(root):
        if _is_leaf(node):
            nodes.append(Leaf(number=node.get("leaf_index", 0), parts=parts[id(node)]))
            continue
        left, right = node["left_child"], node["right_child"]
        for child in (left, right):
            moved = dict(parts[id(node)])
            feature = node["split_feature"]
            moved[feature] = moved.get(feature, 0.0) + expected[id(child)] - expected[id(node)]
            parts[id(child)] = moved
        nodes.append(_branch(node, places[id(left)], places[id(right)]))
    return Tree(nodes=tuple(nodes), expectation=expected[id(root)])


def _branch(node: Mapping[str, Any], left: int, right: int) -> Branch:
    if node["decision_type"] != "<=" or node["missing_type"] == "Zero":
        raise ExportError(
            f"a tree splits by '{node['decision_type']}' with missing type '{node['missing_type']}'; "
            "required '<=' and NaN: fit without categorical features and without zero_as_missing"
        )
    threshold = float(node["threshold"])
    # LightGBM takes NaN for 0 where a feature was never missing in training.
    missing_left = bool(node["default_left"]) if node["missing_type"] == "NaN" else threshold >= 0
    return Branch(
        feature=node["split_feature"],
        threshold=_float32_below(threshold),
        missing_left=missing_left,
        left=left,
        right=right,
    )


def _float32_below(number: float) -> float:
    """The largest float32 that is at most *number*."""
    with np.errstate(over="ignore"):
        nearest = np.float32(number)
    return float(nearest if float(nearest) <= number else np.nextafter(nearest, np.float32(-np.inf)))


def _preorder(root: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        if not _is_leaf(node):
            waiting += [node["right_child"], node["left_child"]]


def _expectation(node: Mapping[str, Any]) -> float:
    """Mean of the leaves below *node*, each by its training rows; ``internal_value`` is a regularised guess instead."""
    leaves = [leaf for leaf in _preorder(node) if _is_leaf(leaf)]
    weights = [leaf.get("leaf_count", 1) for leaf in leaves]
    return float(np.average([leaf["leaf_value"] for leaf in leaves], weights=weights))


def _is_leaf(node: Mapping[str, Any]) -> bool:
    return "left_child" not in node
