"""What is wrong with a bundle of the Model Zoo is said with file, finding and need; what is right is understood."""

import copy
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from monai.networks.nets import UNet

from models.manifest import VolumePreprocessing
from tests.factories.zoo import INFERENCE, METADATA, NAME, NETWORK, filled_draft, write_json, write_zoo_bundle
from training.errors import BundleError, RunError, TrainingError
from training.zoo import ZooBundle
from training.zoo_check import Verdict, check_bundle
from training.zoo_clinical import draft_clinical, filled_clinical
from training.zoo_graph import ServedLayout
from training.zoo_parity import demand_shapes
from training.zoo_recipe import Activation, ZooRecipe, read_recipe

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_zoo_bundle(tmp_path / NAME, UNet(**{k: v for k, v in NETWORK.items() if k != "_target_"}))


def changed(path: Path, change: Callable[[dict[str, Any]], object], *, metadata: bool = False) -> ZooBundle:
    content = copy.deepcopy(METADATA if metadata else INFERENCE)
    change(content)
    write_json(path / "configs" / ("metadata.json" if metadata else "inference.json"), content)
    return ZooBundle(path, trusted=True)


def test_the_inference_config_is_read_in_our_axes(path: Path):
    recipe = read_recipe(ZooBundle(path, trusted=True))
    assert recipe.preprocessing == VolumePreprocessing(
        spacing_mm=(5.0, 5.0, 5.0), window_hu=(-200.0, 200.0), roi=(16, 48, 32), overlap=0.25
    )
    assert (recipe.axcodes, recipe.value_range) == ("RAS", (-1.0, 1.0))
    assert (recipe.activation, recipe.labels) == (Activation.SOFTMAX, ("soft_tissue",))


def test_a_config_in_yaml_with_sigmoid_is_read_as_well(path: Path):
    config = copy.deepcopy(INFERENCE)
    config["postprocessing"] = {"_target_": "monai.transforms.Activationsd", "keys": "pred", "sigmoid": True}
    (path / "configs" / "inference.json").unlink()
    (path / "configs" / "inference.yaml").write_text(yaml.safe_dump(config))
    recipe = read_recipe(ZooBundle(path, trusted=True))
    assert recipe.activation is Activation.SIGMOID
    assert recipe.labels == ("background", "soft_tissue")


@pytest.mark.parametrize("axcodes", ["RAS", "LPS", "SPL", "ARI"])
def test_the_network_is_asked_in_its_own_directions(axcodes: str):
    """A network that answers with the place along its first axis says where that axis points to."""
    spec = VolumePreprocessing(spacing_mm=(1, 1, 1), window_hu=(0, 1), roi=(2, 3, 4))
    recipe = ZooRecipe(
        preprocessing=spec, axcodes=axcodes, value_range=(0, 1), activation=Activation.SIGMOID, labels=("a",)
    )
    module = ServedLayout(_FirstAxis(), recipe)
    found = module(torch.zeros(1, 1, 2, 3, 4))[0, 0]
    ours, grows = {"R": (2, False), "L": (2, True), "S": (0, True), "A": (1, False)}[axcodes[0]]
    along = found.movedim(ours, 0).flatten(1)
    assert bool((along == along[:, :1]).all())
    assert bool((along[1:, 0] > along[:-1, 0]).all()) is grows


class _FirstAxis(torch.nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        places = torch.arange(image.shape[2], dtype=torch.float32)
        return image + places[:, None, None]


def test_values_are_mapped_to_the_networks_range():
    spec = VolumePreprocessing(spacing_mm=(1, 1, 1), window_hu=(0, 1), roi=(1, 1, 2))
    recipe = ZooRecipe(
        preprocessing=spec, axcodes="SPL", value_range=(-1, 3), activation=Activation.SIGMOID, labels=("a",)
    )
    given = ServedLayout(torch.nn.Identity(), recipe).to_network(torch.tensor([0.0, 1.0]).reshape(1, 1, 1, 1, 2))
    assert given.flatten().tolist() == [-1.0, 3.0]


def _broken(part: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda config: config.update({part: value})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_broken("preprocessing", {"_target_": "NormalizeIntensityd", "keys": "image"}), "normalizeintensityd"),
        (lambda c: c["preprocessing"]["transforms"].pop(2), "orientationd"),
        (lambda c: c["preprocessing"]["transforms"][2].update(axcodes="RRS"), "axcodes 'RRS'"),
        (lambda c: c["preprocessing"]["transforms"][3].update(pixdim=[1, 0, 1]), "pixdim"),
        (lambda c: c["preprocessing"]["transforms"][4].update(clip=False), "clip"),
        (_broken("inferer", {"_target_": "SimpleInferer"}), "SlidingWindowInferer"),
        (_broken("postprocessing", {"_target_": "SaveImaged", "keys": "pred"}), "softmax or sigmoid"),
    ],
)
def test_what_serving_cannot_do_is_named_with_its_file(path: Path, change: Callable[..., object], words: str):
    with pytest.raises(BundleError, match=words) as told:
        read_recipe(changed(path, change))
    assert "inference.json" in str(told.value)


def test_a_config_that_is_a_list_is_refused_with_its_file(path: Path):
    (path / "configs" / "inference.json").write_text("[1, 2]", encoding="utf-8")
    with pytest.raises(BundleError, match=r"inference.json' cannot be read as a config of MONAI"):
        read_recipe(ZooBundle(path, trusted=True))


def test_a_config_that_ends_the_program_is_no_success(path: Path):
    with pytest.raises(RunError, match=r"'network_def' in .*inference.json' does not resolve: it ends the program"):
        _ = changed(path, lambda c: c.update(imports=["$import sys"], network_def="$sys.exit(0)")).network


def test_a_config_id_that_does_not_resolve_is_named(path: Path):
    with pytest.raises(RunError, match=r"'network_def' in .*inference.json' does not resolve"):
        _ = changed(path, lambda c: c["network_def"].update(_target_="NoSuchNet")).network


def test_metadata_against_the_rules_are_refused(path: Path):
    with pytest.raises(BundleError, match=r"metadata.json' breaks the zoo's rules: .*'task'"):
        _ = changed(path, lambda m: m.pop("task"), metadata=True).metadata


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data["inputs"]["image"].update(num_channels=2), "3D image of one channel"),
        (lambda data: data["inputs"]["image"].update(spatial_shape=[64, 64]), "3D image of one channel"),
        (lambda data: data["outputs"]["pred"].update(format="classes"), "format 'classes'"),
        (lambda data: data["outputs"]["pred"].pop("channel_def"), "channel_def"),
        (lambda data: data["outputs"]["pred"].update(channel_def={"0": "a", "1": "b"}), "background first"),
    ],
)
def test_an_unsupported_task_is_told_with_what_is_supported(path: Path, change: Callable[..., object], words: str):
    zoo = changed(path, lambda m: change(m["network_data_format"]), metadata=True)
    with pytest.raises(BundleError, match=words) as told:
        read_recipe(zoo)
    assert "metadata.json" in str(told.value)


def test_metadata_that_contradict_the_network_are_refused(path: Path):
    def three(metadata: dict[str, Any]) -> None:
        said = metadata["network_data_format"]["outputs"]["pred"]
        said.update(num_channels=3, channel_def={"0": "background", "1": "a", "2": "b"})

    zoo = changed(path, three, metadata=True)
    with pytest.raises(BundleError, match=r"gives \[3, 32, 48, 16\].*found \[2, 32, 48, 16\]"):
        demand_shapes(zoo, read_recipe(zoo))


def test_a_checkpoint_with_pickled_objects_is_refused(path: Path):
    torch.save({"model": Path("a")}, path / "models" / "model.pt")
    with pytest.raises(RunError, match=r"model.pt' holds pickled objects"):
        _ = ZooBundle(path, trusted=True).weights


def test_weights_of_another_network_are_refused(path: Path):
    torch.save({"other.weight": torch.zeros(3)}, path / "models" / "model.pt")
    with pytest.raises(BundleError, match=r"model.pt' does not fit 'network_def'"):
        _ = ZooBundle(path, trusted=True).network


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "has no model.pt or model.ts"), (b"version https://git-lfs.github.com/spec/v1\n", "pointer of Git LFS")],
)
def test_weights_that_were_not_fetched_are_told_with_the_way_to_get_them(path: Path, content: bytes | None, words: str):
    file = path / "models" / "model.pt"
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(BundleError, match=words) as told:
        _ = ZooBundle(path, trusted=True).weights
    assert "download_large_files" in str(told.value)


def test_nothing_of_a_bundle_is_run_that_is_not_trusted(path: Path, tmp_path: Path):
    trap = tmp_path / "was-run"
    zoo = changed(path, _broken("network_def", f"$open({str(trap)!r}, 'w')"))
    results = list(check_bundle(ZooBundle(zoo.path, trusted=False)))
    assert not trap.exists()
    assert [one.verdict for one in results] == [Verdict.MET] * 3 + [Verdict.NOT_MET] + [Verdict.NOT_LOOKED_AT] * 3
    assert "--trust" in results[3].found


def test_a_draft_shows_its_gaps_and_is_refused_until_they_are_filled(path: Path, tmp_path: Path):
    zoo = ZooBundle(path, trusted=True)
    file = tmp_path / "clinical.yaml"
    file.write_text(draft_clinical(zoo), encoding="utf-8")
    with pytest.raises(BundleError, match=r"\?\?\? at intended_use.da, .*labels\[0\].concept.value"):
        filled_clinical(file, read_recipe(zoo))


@pytest.mark.parametrize(("part", "value"), [("demonstration", False), ("labels", [])])
def test_a_filled_draft_must_not_contradict_the_bundle(path: Path, tmp_path: Path, part: str, value: object):
    zoo = ZooBundle(path, trusted=True)
    filled, file = filled_draft(draft_clinical(zoo)), tmp_path / "clinical.yaml"
    file.write_text(yaml.safe_dump(filled), encoding="utf-8")
    assert filled_clinical(file, read_recipe(zoo)).labels[0].key == "soft_tissue"
    file.write_text(yaml.safe_dump(filled | {part: value}), encoding="utf-8")
    with pytest.raises(TrainingError, match=rf"has {part}"):
        filled_clinical(file, read_recipe(zoo))


def test_weights_are_taken_from_torchscript_of_a_trusted_bundle(path: Path):
    expected = torch.load(path / "models" / "model.pt", weights_only=True)
    network = ZooBundle(path, trusted=True).network
    with warnings.catch_warnings():
        # The tracer warns of every size that it takes for fixed.
        warnings.simplefilter("ignore")
        torch.jit.trace(network, torch.zeros(1, 1, 16, 16, 16)).save(str(path / "models" / "model.ts"))
    (path / "models" / "model.pt").unlink()
    found = ZooBundle(path, trusted=True).network.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    with pytest.raises(BundleError, match="is code"):
        _ = ZooBundle(path, trusted=False).weights


def test_a_network_of_the_bundles_own_scripts_is_found(path: Path):
    (path / "scripts").mkdir()
    (path / "scripts" / "__init__.py").touch()
    (path / "scripts" / "own_net.py").write_text(
        "from monai.networks.nets import UNet\n\nclass OwnNet(UNet):\n    pass\n"
    )
    zoo = changed(path, lambda c: c["network_def"].update(_target_="scripts.own_net.OwnNet"))
    assert type(zoo.network).__name__ == "OwnNet"
