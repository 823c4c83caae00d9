"""Bundles trained on a few invented patients, and what came of it: the whole training line in seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from models.bundle import find_bundle
from models.folder_store import FolderStore
from models.manifest import dump_manifest, load_manifest
from models.release import Release
from tests.factories.mlflow_database import fresh_mlflow
from training.datasets import Dataset
from training.export import ExportedRun, export_run
from training.package import package_run
from training.run import TrainingRun, train_bundle
from training.synthetic import prepare_synthetic
from training.tracking import Tracker

#: Invented patients of each bundle.
COUNT = {
    "bacteremia_at_culture": 150,
    "chest_xray_opacity": 40,
    "chest_xray_pneumonia": 40,
    "ct_lung_nodule": 7,
    "image_guard": 100,
    "infection_sepsis": 60,
    "infection_urinary": 100,
}
_FEW_TREES = {
    "boosting::rounds": 10,
    "boosting::folds": 2,
    "boosting::parameters::num_threads": 1,
}
#: What is set in each bundle's train.yaml, so that a training takes seconds.
TINY = {
    "bacteremia_at_culture": {"max_epochs": 2, **_FEW_TREES},
    "chest_xray_opacity": {"max_epochs": 2, "batch_size": 8},
    "chest_xray_pneumonia": {"max_epochs": 1, "batch_size": 8, "sides": [32], "pretrained": False, "val_interval": 1},
    "ct_lung_nodule": {"max_epochs": 1, "val_interval": 1},
    "image_guard": {"max_epochs": 1, "batch_size": 8},
    "infection_sepsis": {"max_epochs": 1, **_FEW_TREES},
    "infection_urinary": {"max_epochs": 1},
}


@dataclass(frozen=True, kw_only=True)
class Line:
    """One run of the line."""

    #: MLflow.
    tracker: Tracker
    #: What was trained on.
    data: Dataset
    #: The training.
    trained: TrainingRun
    #: Graph and evidence.
    exported: ExportedRun
    #: Where the release is installed.
    store: FolderStore
    #: The release.
    release: Release


def make_line(name: str, root: Path, count: int | None = None, changes: Mapping[str, object] | None = None) -> Line:
    """Bundle *name* from invented patients to a release; *root* is laid out as a site's directory.

    As many patients as `COUNT` says unless *count* is given; *changes* come on top of `TINY`.
    """
    bundle = find_bundle(name)
    tracker = Tracker(fresh_mlflow(root))
    data = prepare_synthetic(bundle, root / "data", count or COUNT[name])
    trained = train_bundle(bundle, data, tracker, overrides={**TINY[name], **(changes or {})}, runs_dir=root / "runs")
    exported = export_run(trained.run_id, data, tracker)
    store = FolderStore(root / "releases")
    release = package_run(trained.run_id, tracker, store)
    return Line(tracker=tracker, data=data, trained=trained, exported=exported, store=store, release=release)


def next_version(release: Release, store: FolderStore) -> Release:
    """*release* under a later version, so with another digest, installed in *store*."""
    with TemporaryDirectory() as directory:
        staged = Path(directory) / "staged"
        staged.mkdir()
        for path in (one for one in sorted(release.path.rglob("*")) if one.is_file()):
            target = staged / path.relative_to(release.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
        manifest = load_manifest(staged / "manifest.json")
        (staged / "manifest.json").write_bytes(dump_manifest(replace(manifest, version="99.0.0")))
        return store.install(staged)
