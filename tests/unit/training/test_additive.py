"""The additive network: parts add up, what is missing has a constant of its own, and the graph says the same."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch

from models.bundle import find_bundle
from models.features import FeatureVector, explain
from models.manifest import StayPreprocessing
from models.onnx_runtime import OnnxRuntime
from training.additive import AdditiveRiskGraph, AdditiveRiskNetwork
from training.calibrate import Calibration
from training.export import export_graph

FEATURES = 12


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """A network this small is slower on several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def rows(count: int = 600, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    made = rng.normal(50, 10, (count, FEATURES)).astype(np.float32)
    made[rng.random(made.shape) < 0.3] = np.nan
    return made


def network() -> AdditiveRiskNetwork:
    torch.manual_seed(1)
    made = AdditiveRiskNetwork(FEATURES)
    made.learn_scale(rows())
    with torch.no_grad():
        made.not_measured.uniform_(-1, 1)
        made.bias.fill_(-2)
        made.weight_out.mul_(5)
    return made.eval()


def test_the_parts_add_up_to_the_log_odds():
    probability, contributions, baseline = AdditiveRiskGraph(network(), Calibration(slope=0.6, intercept=-0.4))(
        torch.from_numpy(rows(50, 2))
    )
    total = baseline + contributions.sum(-1, keepdim=True)
    torch.testing.assert_close(torch.logit(probability), total, rtol=1e-4, atol=1e-4)


def test_calibration_scales_and_moves_the_networks_own_log_odds():
    features = torch.from_numpy(rows(50, 2))
    made = network()
    probability, _, _ = AdditiveRiskGraph(made, Calibration(slope=0.6, intercept=-0.4))(features)
    torch.testing.assert_close(torch.logit(probability), made(features) * 0.6 - 0.4, rtol=1e-4, atol=1e-4)


def test_the_baseline_is_that_of_the_average_stay():
    made = network()
    _, contributions, _ = AdditiveRiskGraph(made)(made.reference)
    torch.testing.assert_close(contributions.mean(0), torch.zeros(FEATURES), rtol=0, atol=1e-5)


def test_what_was_not_measured_has_a_constant_part():
    made = network()
    nothing = torch.full((2, FEATURES), float("nan"))
    torch.testing.assert_close(made.contributions(nothing)[0], made.not_measured)


def test_one_feature_changes_its_own_part_only():
    made = network()
    features = torch.from_numpy(np.nan_to_num(rows(1), nan=50.0))
    changed = features.clone()
    changed[0, 3] += 10
    moved = made.contributions(changed) - made.contributions(features)
    assert torch.nonzero(moved[0]).flatten().tolist() == [3]


def test_a_value_beyond_all_training_says_no_more_than_the_limit():
    made = network()
    far, farther = (torch.full((1, FEATURES), value) for value in (1e4, 1e9))
    torch.testing.assert_close(made(far), made(farther))


def test_missing_values_leave_every_gradient_finite():
    made = network().train()
    made(torch.from_numpy(rows(64))).sum().backward()
    assert all(torch.isfinite(weight.grad).all() for weight in made.parameters() if weight.grad is not None)
    assert made.not_measured.grad.abs().sum() > 0


def test_the_scale_travels_with_the_checkpoint():
    made = network()
    again = AdditiveRiskNetwork(FEATURES)
    again.load_state_dict(made.state_dict())
    features = torch.from_numpy(rows(20, 3))
    torch.testing.assert_close(again.eval()(features), made(features))


def test_a_column_that_was_never_measured_does_no_harm():
    made = AdditiveRiskNetwork(FEATURES)
    features = rows()
    features[:, 4] = np.nan
    made.learn_scale(features)
    assert torch.isfinite(made(torch.from_numpy(features))).all()


def test_it_learns_a_dependence_and_what_missing_means():
    torch.manual_seed(1)
    features = rows(2000)
    logit = np.where(np.isnan(features[:, 0]), 2.0, (features[:, 0] - 50) / 4)
    labels = torch.from_numpy((np.random.default_rng(1).random(2000) < 1 / (1 + np.exp(-logit))).astype(np.float32))
    made = AdditiveRiskNetwork(FEATURES)
    made.learn_scale(features)
    optimizer = torch.optim.AdamW(made.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(made(torch.from_numpy(features))[:, 0], labels)
        loss.backward()
        optimizer.step()
    made.eval()
    found = made(torch.from_numpy(features)).detach().numpy()[:, 0]
    assert np.corrcoef(found, logit)[0, 1] > 0.9


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("graph") / "model.onnx"
    export_graph(
        AdditiveRiskGraph(network(), Calibration(slope=1.3)).eval(), find_bundle("infection_urinary").clinical, path
    )
    return path


@pytest.mark.parametrize("count", [1, 2, 33])
def test_the_graph_says_what_the_network_says_for_any_number_of_rows(graph: Path, count: int):
    features = rows(count, 5)
    found = OnnxRuntime(graph).infer({"features": features})
    with torch.no_grad():
        expected = AdditiveRiskGraph(network(), Calibration(slope=1.3))(torch.from_numpy(features))
    for name, tensor in zip(("probability", "contributions", "baseline"), expected, strict=True):
        np.testing.assert_allclose(found[name], tensor.numpy(), rtol=1e-5, atol=1e-5)


def test_the_graphs_reasons_are_those_of_its_score(graph: Path):
    spec = find_bundle("infection_urinary").clinical.preprocessing
    assert isinstance(spec, StayPreprocessing)
    runtime = OnnxRuntime(graph)
    for row in rows(40, 6):
        vector = FeatureVector(values=row, measured_at=("",) * FEATURES, sources=("",) * FEATURES)
        score = explain(runtime.infer({"features": row[None]}), vector, spec, datetime(2026, 1, 1, tzinfo=UTC))
        assert {reason.feature for reason in score.reasons if reason.value is None} == {
            spec.features[n].name for n in np.flatnonzero(np.isnan(row))
        }
