"""Stays as sequences: no hour is lost, none sees a later one, and what is unknown teaches nothing."""

from pathlib import Path

import numpy as np
import pytest
import torch

from training.datasets import Case, Description, Split, write_dataset
from training.recurrent import RecurrentRiskNetwork
from training.sequences import KnownHoursLoss, known_hours, rows_of, stay_sequences

LENGTHS = {"a": 3, "b": 5, "c": 2}


@pytest.fixture
def data_set(tmp_path: Path) -> str:
    cases = [
        (
            Split.TRAIN,
            Case(
                patient=stay,
                input=np.array([number * 10 + hour, np.nan], np.float32),
                label=np.array([hour == 2], np.float32),
            ),
        )
        for number, (stay, length) in enumerate(LENGTHS.items())
        for hour in range(length)
    ]
    # Shards of four rows cut stays in two.
    write_dataset(tmp_path / "d", cases, Description(bundle="b", source="s", seed=0, shard_size=4))
    return str(tmp_path / "d")


def test_each_stay_begins_a_sequence_and_long_ones_go_on_in_the_next(data_set: str):
    pieces = stay_sequences(data_set, "train", 3)
    np.testing.assert_array_equal(
        [piece["image"][:, 0] for piece in pieces],
        [[0, 1, 2], [10, 11, 12], [13, 14, np.nan], [20, 21, np.nan]],
    )
    np.testing.assert_array_equal(pieces[2]["label"][:, 0], [0, 0, np.nan])


def test_the_scale_is_learnt_from_real_hours_alone(data_set: str):
    assert rows_of(stay_sequences(data_set, "train", 3))[:, 0].tolist() == [0, 1, 2, 10, 11, 12, 13, 14, 20, 21]


def test_a_split_without_cases_has_no_sequences(data_set: str):
    assert stay_sequences(data_set, "test", 3) == []


def test_hours_that_nobody_knows_of_do_not_count_in_the_loss():
    logits = torch.tensor([[[0.3], [-1.0], [50.0]]])
    truths = torch.tensor([[[1.0], [0.0], [float("nan")]]])
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits[:, :2], truths[:, :2])
    assert torch.equal(KnownHoursLoss()(logits, truths), expected)


def test_an_hour_counts_by_what_yes_is_worth_in_it():
    logits = torch.tensor([[[0.3], [-1.0]]])
    truths = torch.tensor([[[1.0, 1.5], [0.0, -0.5]]])
    said, truth, worth = logits[0, :, 0], truths[0, :, 0], truths[0, :, 1]
    of_truth = torch.nn.functional.binary_cross_entropy_with_logits(said, truth)
    of_worth = (-worth.abs() * torch.nn.functional.logsigmoid(torch.sign(worth) * said)).mean()
    assert torch.isclose(KnownHoursLoss()(logits, truths), of_truth + of_worth)


def test_the_worth_of_an_hour_stands_beside_its_truth(data_set: str):
    pieces = stay_sequences(data_set, "train", 3, lambda _, truths: np.where(truths > 0, 8.0, -1.0))
    # Ten hours, two of them true: the mean absolute worth is 2.4.
    np.testing.assert_allclose(pieces[0]["label"], [[0, -1 / 2.4], [0, -1 / 2.4], [1, 8 / 2.4]], rtol=1e-6)
    assert np.isnan(pieces[2]["label"][2]).all()
    assert known_hours({"pred": torch.zeros(1, 3, 1), "label": torch.from_numpy(pieces[0]["label"])[None]})[
        "label"
    ].tolist() == [[0], [0], [1]]


def test_known_hours_become_rows_with_probabilities():
    found = known_hours(
        {"pred": torch.tensor([[[0.0], [9.0]]]), "label": torch.tensor([[[1.0], [float("nan")]]]), "loss": 1.0}
    )
    assert found["pred"].tolist() == [[0.5]]
    assert found["label"].tolist() == [[1.0]]
    assert found["loss"] == 1.0


def network() -> RecurrentRiskNetwork:
    torch.manual_seed(1)
    made = RecurrentRiskNetwork(features=3, hidden=8).eval()
    made.learn_scale(np.random.default_rng(0).normal(5, 2, (50, 3)).astype(np.float32))
    return made


def test_no_hour_sees_a_later_one():
    hours = torch.randn(1, 6, 3)
    changed = hours.clone()
    changed[:, 4:] += 3
    with torch.no_grad():
        before, after = network()(hours), network()(changed)
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.equal(before[:, 4:], after[:, 4:])


def test_not_measured_says_something_else_than_the_mean():
    made = network()
    measured = made.mean.expand(1, 1, 3).clone()
    missing = measured.clone()
    missing[..., 0] = float("nan")
    with torch.no_grad():
        assert torch.isfinite(made(missing)).all()
        assert not torch.equal(made(measured), made(missing))


def test_a_column_that_was_never_measured_has_a_scale():
    made = RecurrentRiskNetwork(features=2)
    made.learn_scale(np.array([[1, np.nan], [3, np.nan]], np.float32))
    assert made.mean.tolist() == [2, 0]
    assert made.scale.tolist() == [1, 1]
