"""A bundle as the Model Zoo publishes it becomes a release that marks what MONAI's own inferer marks."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from monai.inferers import SlidingWindowInferer
from typer.testing import CliRunner, Result

from evaluation.decision import Candidacy, Gate
from evaluation.gate import judge
from models.folder_store import FolderStore
from models.onnx_runtime import open_runtime
from models.registry import Alias
from models.release import Release
from tests.factories.zoo import NAME, ROI, filled_draft, trained_network, write_zoo_bundle
from varsel.cli import app

pytestmark = [
    pytest.mark.slow,
    # MONAI, MLflow and torch's exporter warn of their own internals.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:sqlalchemy.exc.SADeprecationWarning"),
]


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    return trained_network()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, network: torch.nn.Module) -> Path:
    """A site's directory with the bundle in it, imported."""
    home = tmp_path_factory.mktemp("site")
    write_zoo_bundle(home / NAME, network)
    assert run(home, "import", home / NAME, "--trust", "--write-clinical", home / "draft.yaml").exit_code == 0
    filled = filled_draft((home / "draft.yaml").read_text(encoding="utf-8"))
    (home / "clinical.yaml").write_text(yaml.safe_dump(filled), encoding="utf-8")
    imported = run(home, "import", home / NAME, "--trust", "--clinical", home / "clinical.yaml")
    assert imported.exit_code == 0, imported.output + imported.stderr
    return home


def run(home: Path, *arguments: str | Path) -> Result:
    settings = home / "varsel.toml"
    settings.write_text(f"[site]\ndata_dir = {json.dumps(str(home / 'data'))}\n")
    return CliRunner().invoke(app, ["--settings", str(settings), "bundle", *map(str, arguments)])


def release_of(home: Path) -> Release:
    (release,) = FolderStore(home / "data" / "releases").releases()
    return release


def masks(home: Path, network: torch.nn.Module, volume: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(z, y, x) by MONAI on the volume in RAS, and as served."""
    in_ras = np.ascontiguousarray(volume.transpose(2, 1, 0)[::-1, ::-1])
    inferer = SlidingWindowInferer(roi_size=ROI, sw_batch_size=4, overlap=0.25)
    with torch.no_grad():
        logits = inferer(torch.from_numpy(in_ras * 2 - 1)[None, None], network)
    marked = logits.argmax(dim=1)[0].numpy()[::-1, ::-1].transpose(2, 1, 0)
    answer = open_runtime(release_of(home)).infer({"image": volume[np.newaxis, np.newaxis]})
    return marked.astype(bool), answer["probability"][0, 0] >= 0.5


def smooth_noise(*shape: int) -> np.ndarray:
    coarse = torch.randn(1, 1, *(size // 4 for size in shape), generator=torch.Generator().manual_seed(5))
    fine = torch.nn.functional.interpolate(coarse, size=shape, mode="trilinear").tanh()
    return (fine[0, 0].numpy() / 2 + 0.5).astype(np.float32)


def test_a_window_is_marked_voxel_by_voxel_as_monai_marks_it(home: Path, network: torch.nn.Module):
    expected, found = masks(home, network, smooth_noise(*ROI[::-1]))
    assert 0.2 < expected.mean() < 0.8
    assert np.array_equal(expected, found)


def test_a_whole_volume_is_marked_as_monais_sliding_window_marks_it(home: Path, network: torch.nn.Module):
    """Voxels at edges may differ where windows overlap: MONAI blends logits there, serving probabilities."""
    expected, found = masks(home, network, smooth_noise(40, 84, 80))
    assert 2 * (expected & found).sum() / (expected.sum() + found.sum()) > 0.99


def test_the_release_says_what_it_is_and_that_nobody_has_evaluated_it(home: Path):
    release = release_of(home)
    manifest = release.manifest
    assert (manifest.name, manifest.version, manifest.demonstration) == (NAME, "0.3.1", True)
    assert [label.key for label in manifest.labels] == ["soft_tissue"]
    page = (release.path / "model_card.md").read_text(encoding="utf-8")
    assert "nobody has evaluated it here" in page
    assert "license: other" in page
    origin = json.loads((release.path / "evidence" / "zoo.json").read_bytes())
    assert origin["dice_between_own_inferer_and_serving"]["soft_tissue"] > 0.95
    assert set(origin["sha256"]) == {"configs/metadata.json", "configs/inference.json", "models/model.pt"}


def test_the_gates_let_it_be_challenger_but_not_champion(home: Path):
    decisions = {
        alias: judge(
            Candidacy(release=release_of(home), alias=alias, approver="somebody else", holder=None, comparison=None)
        )
        for alias in Alias
    }
    assert decisions[Alias.CHALLENGER].reasons == ()
    refused = {gate.gate for gate in decisions[Alias.CHAMPION].gates if not gate.met}
    assert {Gate.FLOORS, Gate.REPRODUCIBLE} <= refused


def test_check_says_of_every_rule_that_it_is_met(home: Path):
    answer = run(home, "check", home / NAME, "--trust")
    assert answer.exit_code == 0, answer.output
    assert answer.output.count("  met ") == 7


def test_nothing_is_imported_that_is_not_trusted(home: Path):
    answer = run(home, "import", home / NAME, "--clinical", home / "clinical.yaml")
    assert answer.exit_code == 1
    assert "is code" in answer.stderr
    assert "--trust" in answer.stderr
