"""Releases of realistic cost without training: each bundle's own untrained network beside a rule that finds phantoms.

The network's answer counts for a millionth, so that it is computed and the finding is nevertheless certain: what is
timed is a study with a finding, the case with most to write.
"""

import tempfile
from pathlib import Path

import torch
from factories.releases import promote
from monai.bundle import ConfigParser

from models.bundle import Bundle, open_bundle
from models.folder_store import FolderStore
from models.manifest import Manifest, Task, dump_manifest
from models.provenance import Provenance
from models.release import sha256_of
from training.export import export_graph
from training.networks import image_logit

_BUNDLES = Path(__file__).parents[2] / "models" / "bundles"
#: How much of the untrained network is heard.
_WHISPER = 1e-6
#: Names no run: nothing was trained.
_RUN_ID = "bench"


class BrightestPlace(torch.nn.Module):
    """Image (n, 1, y, x) -> probability (n, 1) near 1 and an activation that points at the brightest place."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        evidence = self.network(image)
        bright = torch.nn.functional.adaptive_avg_pool2d(image, evidence.shape[-2:])
        probability = torch.sigmoid(2.0 + _WHISPER * image_logit(evidence))
        return probability, torch.relu(bright + _WHISPER * evidence)


class Densest(torch.nn.Module):
    """Window (n, 1, z, y, x) -> probability: what reaches the upper end of the window is a nodule."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(40.0 * (image - 0.9) + _WHISPER * self.network(image))


_RULES = {Task.IMAGE_CLASSIFICATION: BrightestPlace, Task.VOLUME_SEGMENTATION: Densest}


def make_quick_releases(store_dir: Path) -> None:
    """Champions of both imaging bundles in the store at *store_dir*, unless it has champions."""
    store = FolderStore(store_dir)
    if store.aliases():
        return
    for name in ("chest_xray_opacity", "ct_lung_nodule"):
        bundle = open_bundle(_BUNDLES / name)
        with tempfile.TemporaryDirectory() as staged:
            _stage(bundle, Path(staged))
            promote(store, store.install(Path(staged)))


def are_quick(store_dir: Path) -> bool:
    """Whether the champions in the store were made here."""
    release = FolderStore(store_dir).resolve("ct_lung_nodule", "champion")
    return release.manifest.provenance.run_id == _RUN_ID


def _stage(bundle: Bundle, staged: Path) -> None:
    parser = ConfigParser()
    parser.read_config(str(bundle.config("train.yaml")))
    torch.manual_seed(1)
    rule = _RULES[bundle.clinical.task](parser.get_parsed_content("network_def")).eval()
    export_graph(rule, bundle.clinical, staged / "model.onnx")
    (staged / "model_card.md").write_text(f"# {bundle.name}\n\nNot trained: for measuring time only.\n")
    files = {path.name: sha256_of(path) for path in sorted(staged.iterdir())}
    clinical = bundle.clinical
    manifest = Manifest(
        name=bundle.name,
        version=bundle.version,
        task=clinical.task,
        intended_use=clinical.intended_use,
        trained_on=clinical.trained_on,
        demonstration=True,
        inputs=clinical.inputs,
        outputs=clinical.outputs,
        preprocessing=clinical.preprocessing,
        limits=clinical.limits,
        labels=clinical.labels,
        provenance=Provenance(run_id=_RUN_ID, data_sha256="0" * 64, seed=1, created_at="2026-01-01T00:00:00Z"),
        files=files,
    )
    (staged / "manifest.json").write_bytes(dump_manifest(manifest))
