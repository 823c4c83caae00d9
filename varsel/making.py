"""From a bundle to a champion: train, export, package, register, promote, wired to one site's store and MLflow.

Imports torch and MLflow: only the commands that make models import it.
"""

import getpass
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evaluation.decision import PromotionDecision
from models.bundle import Bundle, find_bundle
from models.folder_store import FolderStore
from models.manifest import Task
from models.mlflow_registry import MlflowRegistry, RegisteredRelease
from models.registry import Alias
from models.release import Release
from serving.settings.file import Settings
from training import synthetic
from training.datasets import Dataset, open_dataset
from training.export import ExportedRun, export_run
from training.package import package_run
from training.prepare import prepare_cohort
from training.real_lungs import prepare_real_lungs
from training.register import register
from training.run import Progress, TrainingRun, resume_run, train_bundle
from training.synthetic import DEFAULT_COUNT, prepare_synthetic
from training.tracking import Tracker
from varsel.errors import VarselError
from varsel.promotion import Promotion
from varsel.quiet import hush

#: Patients and epochs of a quick training: enough for the demonstration's cases, in about a minute a model.
QUICK_COUNT: Mapping[Task, int] = {Task.IMAGE_CLASSIFICATION: 420, Task.VOLUME_SEGMENTATION: 60, Task.STAY_RISK: 3000}
_SEED = 1


@dataclass(frozen=True, kw_only=True)
class Making:
    """What a site's models are made with."""

    #: Releases and the champion's pointer.
    store: FolderStore
    #: Runs.
    tracker: Tracker
    #: Versions and aliases.
    registry: MlflowRegistry
    #: Synthetic data sets lie below this.
    datasets_dir: Path
    #: Runs that are not finished lie below this.
    runs_dir: Path
    #: Who promotes, for the ledger.
    actor: str = field(default_factory=getpass.getuser)

    def data(self, bundle: Bundle, directory: Path | None, *, quick: bool = False) -> Dataset:
        """The data set in *directory*, or a synthetic one; each is prepared when it is not there yet.

        *directory* may also be a labelled data set in its published layout, a folder or a file.

        Raises:
            DataError: a data set was altered, or *bundle* knows no layout.
            CohortError: *directory* is not laid out as *bundle* says.
        """
        if directory is not None:
            return self._given(bundle, directory)
        count = (QUICK_COUNT if quick else DEFAULT_COUNT)[bundle.clinical.task]
        place = self.datasets_dir / f"{bundle.name}-{count}-{_SEED}-{_recipe_of(bundle)}"
        if (place / "dataset.json").is_file():
            return open_dataset(place)
        return prepare_synthetic(bundle, place, count, _SEED)

    def _given(self, bundle: Bundle, source: Path) -> Dataset:
        segments = bundle.clinical.task is Task.VOLUME_SEGMENTATION
        if (bundle.clinical.data is None and not segments) or (source / "dataset.json").is_file():
            return open_dataset(source)
        place = self.datasets_dir / f"{bundle.name}-{_state_of(source)}-{_SEED}-{_recipe_of(bundle)}"
        if (place / "dataset.json").is_file():
            return open_dataset(place)
        if segments:
            return prepare_real_lungs(bundle, source, place, DEFAULT_COUNT[bundle.clinical.task], _SEED)
        return prepare_cohort(bundle, source, place, _SEED)

    def train(
        self, name: str, data: Dataset, overrides: Mapping[str, object], progress: Progress | None = None
    ) -> TrainingRun:
        """Train bundle *name* on *data*; see `training.run.train_bundle`."""
        return train_bundle(
            find_bundle(name), data, self.tracker, overrides=overrides, progress=progress, runs_dir=self.runs_dir
        )

    def resume(self, run_id: str, name: str, data: Dataset, progress: Progress | None = None) -> TrainingRun:
        """Go on with the run *run_id* of bundle *name*; see `training.run.resume_run`."""
        return resume_run(run_id, find_bundle(name), data, self.tracker, progress=progress, runs_dir=self.runs_dir)

    def export(self, run_id: str) -> ExportedRun:
        """Export run *run_id* with the data it was trained on; see `training.export.export_run`."""
        return export_run(run_id, self.data_of(run_id), self.tracker)

    def data_of(self, run_id: str) -> Dataset:
        """The data that run *run_id* was started on.

        Raises:
            DataError: they are not where they were, or were altered.
        """
        where = self.tracker.find(run_id).tags.get("varsel.dataset_dir")
        if where is None:
            raise VarselError(f"run '{run_id}' does not say where its data lies; it is no training of a bundle")
        return open_dataset(Path(where))

    def release(self, run_id: str) -> tuple[Release, RegisteredRelease]:
        """Package run *run_id*, install it in the store and register it."""
        release = package_run(run_id, self.tracker, self.store)
        return release, register(release, self.tracker, self.registry)

    def promote(self, release: Release, alias: Alias, reason: str) -> PromotionDecision:
        """Move *alias* to *release* when its evidence allows it; see `varsel.promotion.Promotion.promote`."""
        return self.promotion.promote(release, alias, reason)

    @property
    def promotion(self) -> Promotion:
        """What moves the pointers of this site."""
        return Promotion(store=self.store, open_registry=lambda: self.registry, approver=self.actor)


def _state_of(source: Path) -> str:
    """Eight digits that change when a file of *source* is added, taken away, resized or written anew."""
    files = sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]
    states = [f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files if path.exists()]
    return hashlib.sha256("\n".join(states).encode()).hexdigest()[:8]


def _recipe_of(bundle: Bundle) -> str:
    """Eight digits that change when what is drawn, or how it is preprocessed, may have changed."""
    package = Path(synthetic.__file__).parent
    files = (
        bundle.config("clinical.yaml"),
        *sorted(package.glob("phantoms/*.py")),
        package / "synthetic.py",
        package / "stay_rows.py",
        package / "prepare.py",
        package / "real_lungs.py",
    )
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]


def open_making(settings: Settings) -> Making:
    """What the models of the site *settings* are made with."""
    hush()
    settings.site.data_dir.mkdir(parents=True, exist_ok=True)
    return Making(
        store=FolderStore(settings.store_dir),
        tracker=Tracker(settings.mlflow_tracking_uri),
        registry=MlflowRegistry(settings.mlflow_tracking_uri),
        datasets_dir=settings.site.data_dir / "datasets",
        runs_dir=settings.site.data_dir / "runs",
    )
