"""The ensemble of small networks: members differ, gaps are told, reasons add up, and the graph says the same."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from models.bundle import find_bundle
from models.onnx_runtime import OnnxRuntime
from training.calibrate import Calibration
from training.export import export_graph
from training.risk_ensemble import MemberLoss, RiskEnsembleGraph, RiskEnsembleNetwork

_FEATURES = 51
_CALIBRATION = Calibration(slope=0.8, intercept=-0.3)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """A network this small is slower on several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _rows(count: int = 400, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = rng.lognormal(2, 1, (count, _FEATURES)).astype(np.float32)
    rows[:, 3] = np.round(rows[:, 3] / 20)
    rows[rng.random(rows.shape) < 0.3] = np.nan
    rows[:, 7] = np.nan
    return rows


def _network() -> RiskEnsembleNetwork:
    torch.manual_seed(1)
    made = RiskEnsembleNetwork(_FEATURES, members=3, hidden=8)
    made.learn_scale(_rows())
    with torch.no_grad():
        # As large as training makes them, so that the gradient bends on the way.
        for weights in (made.first, made.second, made.last):
            weights.mul_(3)
    return made.eval()


def test_members_are_told_apart_while_training_and_averaged_otherwise():
    network, rows = _network(), torch.from_numpy(_rows(20, 2))
    averaged = network(rows)
    network.dropout.p = network.input_dropout.p = 0.0
    members = network.train()(rows)
    assert averaged.shape == (20, 1)
    assert members.shape == (20, 3)
    torch.testing.assert_close(members.mean(1, keepdim=True), averaged)
    assert members.std(1).min() > 0


def test_the_loss_is_that_of_each_member_on_its_own():
    logits, truths = torch.tensor([[2.0, -2.0]]), torch.tensor([[1.0]])
    alone = [torch.nn.functional.binary_cross_entropy_with_logits(logits[:, n : n + 1], truths) for n in (0, 1)]
    torch.testing.assert_close(MemberLoss()(logits, truths), sum(alone) / 2)


def test_a_value_becomes_its_normal_score_and_a_gap_is_told_beside_it():
    network = _network()
    rows = torch.from_numpy(_rows())
    scores, gaps = network.inputs(rows).split(_FEATURES, dim=1)
    assert torch.equal(gaps.bool(), torch.isnan(rows))
    assert not scores[gaps.bool()].any()
    measured = scores[:, 0][~gaps[:, 0].bool()]
    assert abs(float(measured.mean())) < 0.1
    assert abs(float(measured.std()) - 1) < 0.1


def test_a_value_far_outside_says_no_more_than_the_outermost_of_training():
    network = _network()
    rows = torch.from_numpy(_rows(2, 3))
    rows[0, 0], rows[1, 0] = 1e6, 1e30
    scores = network.inputs(rows)[:, 0]
    assert scores[0] == scores[1] < 3


def test_the_gradient_is_that_of_the_log_odds():
    network = _network()
    inputs = network.inputs(torch.from_numpy(_rows(10, 4))).requires_grad_()
    logits, gradient = network.logit_and_gradient(inputs)
    torch.testing.assert_close(torch.autograd.grad(logits.sum(), inputs)[0], gradient)


def test_reasons_add_up_to_the_calibrated_log_odds_of_the_network():
    network, rows = _network(), torch.from_numpy(_rows(50, 5))
    with torch.no_grad():
        probability, contributions, baseline = RiskEnsembleGraph(network, _CALIBRATION)(rows)
        expected = network(rows) * 0.8 - 0.3
    torch.testing.assert_close(baseline + contributions.sum(1, keepdim=True), expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.sigmoid(expected), probability)


def test_reasons_are_integrated_gradients_of_many_steps():
    network, rows = _network(), torch.from_numpy(_rows(20, 6))
    graph = RiskEnsembleGraph(network)
    with torch.no_grad():
        found = graph.contributions(rows)
        way = network.inputs(rows) - network.average
        shares = (torch.arange(400) + 0.5) / 400
        gradients = torch.stack([network.logit_and_gradient(network.average + share * way)[1] for share in shares])
        fine = (gradients.mean(0) * way).reshape(-1, 2, _FEATURES).sum(1)
    torch.testing.assert_close(found, fine, atol=2e-3, rtol=0)


def test_the_exported_graph_says_what_torch_says(tmp_path: Path):
    clinical = find_bundle("bacteremia_at_culture").clinical
    graph = RiskEnsembleGraph(_network(), _CALIBRATION).eval()
    export_graph(graph, clinical, tmp_path / "model.onnx")
    rows = _rows(30, 7)
    found = OnnxRuntime(tmp_path / "model.onnx").infer({"features": rows})
    with torch.no_grad():
        expected = graph(torch.from_numpy(rows))
    for spec, values in zip(clinical.outputs, expected, strict=True):
        np.testing.assert_allclose(found[spec.name], values.numpy(), atol=1e-5)
