import pytest
import torch

from training.networks import EvidenceDenseNet, EvidenceLoss, image_logit, image_truth


@pytest.fixture(scope="module")
def network() -> EvidenceDenseNet:
    architecture = {"init_features": 4, "growth_rate": 4, "block_config": (1, 1), "bn_size": 2}
    return EvidenceDenseNet(spatial_dims=2, in_channels=1, out_channels=2, **architecture).eval()


def test_the_network_speaks_at_every_eighth_pixel_of_each_label(network: EvidenceDenseNet):
    assert network(torch.rand(3, 1, 64, 48)).shape == (3, 2, 8, 6)


def test_an_untrained_network_calls_images_empty(network: EvidenceDenseNet):
    assert torch.all(image_logit(network(torch.rand(2, 1, 64, 64))) < 0)


def test_one_certain_place_makes_the_image_certain():
    evidence = torch.full((1, 1, 16, 16), -6.0)
    evidence[0, 0, 3, 4] = 8.0
    assert image_logit(evidence).item() > 5


def test_an_even_map_says_what_each_place_says():
    assert image_logit(torch.full((1, 1, 8, 8), 1.5)).item() == pytest.approx(1.5)


def test_a_truth_with_any_place_is_positive():
    truth = torch.zeros(2, 1, 4, 4)
    truth[1, 0, 2, 2] = 0.3
    assert image_truth(truth).flatten().tolist() == [0, 1]


def test_a_truth_without_places_still_teaches_the_image():
    evidence = torch.zeros(2, 1, 4, 4, requires_grad=True)
    EvidenceLoss()(evidence, torch.tensor([0.0, 1.0]).reshape(2, 1, 1, 1)).backward()
    assert evidence.grad.abs().sum() > 0


def test_the_right_place_costs_less_than_a_wrong_one():
    truth = torch.zeros(1, 1, 8, 8)
    truth[0, 0, 2, 2] = 1
    right, wrong = torch.full((1, 1, 8, 8), -4.0), torch.full((1, 1, 8, 8), -4.0)
    right[0, 0, 2, 2], wrong[0, 0, 6, 6] = 4.0, 4.0
    assert EvidenceLoss()(right, truth) < EvidenceLoss()(wrong, truth)
