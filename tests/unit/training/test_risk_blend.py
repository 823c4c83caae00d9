"""Two additive graphs as one: shares, calibration and reasons."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from onnx import ModelProto

from models.onnx_runtime import OnnxRuntime
from training.boosting import BoostedTrees
from training.calibrate import Calibration
from training.risk_blend import Part, blend

_RECIPE = {"learning_rate": 0.1, "num_leaves": 5, "num_threads": 1}


def _rows(seed: int) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(200, 4)).astype(np.float32)
    rows[rng.random(rows.shape) < 0.2] = np.nan
    return rows


def _trees(feature: int) -> ModelProto:
    rows = _rows(feature)
    truths = (np.nan_to_num(rows[:, feature]) > 0.3).astype(np.float32)
    fit = BoostedTrees(parameters=_RECIPE, rounds=5, folds=2).fit(rows, truths, np.arange(200).astype(str))
    return fit.model.to_onnx()


def _run(graph: ModelProto, folder: Path) -> dict[str, npt.NDArray[np.float32]]:
    path = folder / "model.onnx"
    path.write_bytes(graph.SerializeToString())
    return dict(OnnxRuntime(path).infer({"features": _rows(9)}))


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_log_odds_and_reasons_are_the_weighted_ones(share: float, tmp_path: Path):
    first, second = _trees(0), _trees(1)
    calibration = Calibration(slope=1.3, intercept=0.4)
    both = blend([Part(graph=first, share=share), Part(graph=second, share=1 - share)], 4, calibration)
    found, one, other = (_run(graph, tmp_path) for graph in (both, first, second))
    contributions, baseline = (
        1.3 * (share * one[name] + (1 - share) * other[name]) for name in ("contributions", "baseline")
    )
    np.testing.assert_allclose(found["contributions"], contributions, atol=1e-6)
    np.testing.assert_allclose(found["baseline"], baseline + 0.4, atol=1e-6)
    log_odds = baseline + 0.4 + contributions.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found["probability"], 1 / (1 + np.exp(-log_odds)), atol=1e-6)


def test_one_part_alone_is_only_calibrated(tmp_path: Path):
    trees = _trees(2)
    found = _run(blend([Part(graph=trees, share=1.0)], 4, Calibration()), tmp_path)
    for name, values in _run(trees, tmp_path).items():
        np.testing.assert_allclose(found[name], values, atol=1e-6)
