"""Which of network and trees ships: better by the stated rule, a tie goes to the trees."""

from pathlib import Path

import numpy as np
import pytest
import torch

from training.boosting import BoostedModel
from training.candidates import Candidate, TrackedTrees, choose
from training.datasets import Case, Dataset, Description, Split, write_dataset


class _Says(torch.nn.Module):
    """A network whose log-odds are the first feature."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features[:, :1]


def _data(folder: Path, said: np.ndarray, truths: np.ndarray) -> Dataset:
    cases = [
        (split, Case(patient=f"{split.value}-{n}", input=np.array([one], dtype=np.float32), label=np.array([truth])))
        for split in Split
        for n, (one, truth) in enumerate(zip(said, truths, strict=True))
    ]
    return write_dataset(folder / "data", cases, Description(bundle="b", source="drawn", seed=1))


def _scores(noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    truths = (np.arange(300) % 3 == 0).astype(np.float32)
    return truths, truths + noise * np.random.default_rng(seed).normal(size=300)


def _shipped(folder: Path, network: np.ndarray, trees: np.ndarray, truths: np.ndarray) -> Candidate:
    tracked = TrackedTrees(model=BoostedModel(boosters=(), features=1), validation=trees)
    choice, scores = choose(_Says(), tracked, _data(folder, network, truths))
    share = choice.shipped.network_share
    np.testing.assert_allclose(scores, share * network + (1 - share) * trees, atol=1e-6)
    assert choice.patients == 300
    assert choice.positives == 100
    return choice.shipped


def test_two_that_err_apart_ship_as_their_mean(tmp_path: Path):
    truths, network = _scores(1.0, 1)
    _, trees = _scores(1.0, 2)
    assert _shipped(tmp_path, network, trees, truths) is Candidate.BOTH


def test_a_network_that_is_far_better_ships_alone(tmp_path: Path):
    truths, network = _scores(0.2, 1)
    _, trees = _scores(20.0, 2)
    assert _shipped(tmp_path, network, trees, truths) is Candidate.NETWORK


@pytest.mark.parametrize("noise", [0.0, 1e-9])
def test_a_tie_goes_to_the_trees(tmp_path: Path, noise: float):
    truths, trees = _scores(1.0, 2)
    network = trees + noise
    assert _shipped(tmp_path, network, trees, truths) is Candidate.BOOSTING


def test_rows_of_unknown_truth_are_not_compared(tmp_path: Path):
    truths, network = _scores(1.0, 1)
    _, trees = _scores(1.0, 2)
    truths[:30], trees[:30] = np.nan, np.nan
    tracked = TrackedTrees(model=BoostedModel(boosters=(), features=1), validation=trees)
    choice, _ = choose(_Says(), tracked, _data(tmp_path, network, truths))
    assert choice.patients == 270
    assert choice.against_boosting[Candidate.BOTH].lower is not None
