"""From a bundle to a champion: train, export, package, register, promote, wired to one site's store and MLflow.

Imports torch and MLflow: only the commands that make models import it.
"""

import getpass
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from evaluation.gate import PromotionDecision, judge_release
from models.bundle import Bundle, find_bundle
from models.errors import RegistryError
from models.folder_store import FolderStore
from models.manifest import Task
from models.mlflow_registry import MlflowRegistry, RegisteredRelease
from models.registry import LedgerRow
from models.release import Release
from serving.settings import Settings
from training import synthetic
from training.datasets import Dataset, open_dataset
from training.export import ExportedRun, export_run
from training.package import package_run, register
from training.run import Progress, TrainingRun, train_bundle
from training.synthetic import DEFAULT_COUNT, prepare_synthetic
from training.tracking import Tracker
from varsel.errors import VarselError

#: Patients and epochs of a quick training: enough for the demonstration's cases, in about a minute a model.
QUICK_COUNT: Mapping[Task, int] = {Task.IMAGE_CLASSIFICATION: 420, Task.VOLUME_SEGMENTATION: 60, Task.STAY_RISK: 3000}
_SEED = 1
#: Loggers that tell of each batch, of each of MLflow's migrations, and the like.
_CHATTY = (
    *("alembic.runtime.migration", "alembic.runtime.plugins", "mlflow.store.db.utils", "mlflow.tracking.client"),
    *("ignite.engine.engine.SupervisedTrainer", "ignite.engine.engine.SupervisedEvaluator"),
    *("monai.bundle.workflows", "varsel.train", "varsel.validate"),
)


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
    #: Who promotes, for the ledger.
    actor: str = field(default_factory=getpass.getuser)

    def data(self, bundle: Bundle, directory: Path | None, *, quick: bool = False) -> Dataset:
        """The data set in *directory*, or a synthetic one, drawn when it is not there yet.

        Raises:
            DataError: *directory* holds none, or it was altered.
        """
        if directory is not None:
            return open_dataset(directory)
        count = (QUICK_COUNT if quick else DEFAULT_COUNT)[bundle.clinical.task]
        place = self.datasets_dir / f"{bundle.name}-{count}-{_SEED}-{_recipe_of(bundle)}"
        if (place / "dataset.json").is_file():
            return open_dataset(place)
        return prepare_synthetic(bundle, place, count, _SEED)

    def train(
        self, name: str, data: Dataset, overrides: Mapping[str, object], progress: Progress | None = None
    ) -> TrainingRun:
        """Train bundle *name* on *data*; see `training.run.train_bundle`."""
        return train_bundle(find_bundle(name), data, self.tracker, overrides=overrides, progress=progress)

    def export(self, run_id: str) -> ExportedRun:
        """Export run *run_id* with the data it was trained on; see `training.export.export_run`."""
        run = self.tracker.find(run_id)
        where = run.tags.get("varsel.dataset_dir")
        if where is None:
            raise VarselError(f"run '{run_id}' does not say where its data lies; it is no training of a bundle")
        return export_run(run_id, open_dataset(Path(where)), self.tracker)

    def release(self, run_id: str) -> tuple[Release, RegisteredRelease]:
        """Package run *run_id*, install it in the store and register it."""
        release = package_run(run_id, self.tracker, self.store)
        return release, register(release, self.tracker, self.registry)

    def promote(self, release: Release, alias: str, reason: str) -> PromotionDecision:
        """Move *alias* to *release* in the ledger, then in MLflow, when its evidence allows it.

        Raises:
            ReleaseError: its evidence cannot be read.
            RegistryError: MLflow does not know the release, or someone else promoted meanwhile.
        """
        decision = judge_release(release)
        if decision.allowed:
            model = release.manifest.name
            current = self.store.aliases().get((model, alias), "")
            if current != release.digest:
                self.store.promote(self._row(release, alias, current, reason))
            # Also when the ledger had it already: an earlier try may have ended between the two.
            self.registry.set_alias(model, release.digest, alias)
        return decision

    def find_release(self, model: str, version: str) -> Release:
        """The release of *model* by digest, beginning of a digest, or version.

        Raises:
            RegistryError: there is none, or more than one.
        """
        here = [one for one in self.store.releases() if one.manifest.name == model]
        found = [one for one in here if one.digest.startswith(version.lower())]
        found = found or [one for one in here if one.manifest.version == version]
        if len(found) != 1:
            known = ", ".join(f"{one.manifest.version} ({one.short_digest})" for one in here) or "none"
            raise RegistryError(
                f"'{model}' has {len(found)} releases '{version}', required is one; give a digest. Installed: {known}"
            )
        return found[0]

    def _row(self, release: Release, alias: str, current: str, reason: str) -> LedgerRow:
        return LedgerRow(
            model=release.manifest.name,
            alias=alias,
            from_digest=current,
            to_digest=release.digest,
            actor=self.actor,
            reason=reason,
            at=datetime.now(UTC).isoformat(),
        )


def _recipe_of(bundle: Bundle) -> str:
    """Eight digits that change when what is drawn, or how it is preprocessed, may have changed."""
    package = Path(synthetic.__file__).parent
    files = (
        bundle.config("clinical.yaml"),
        *sorted(package.glob("phantoms/*.py")),
        package / "synthetic.py",
        package / "stay_rows.py",
    )
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]


def open_making(settings: Settings) -> Making:
    """What the models of the site *settings* are made with."""
    _hush()
    settings.site.data_dir.mkdir(parents=True, exist_ok=True)
    return Making(
        store=FolderStore(settings.store_dir),
        tracker=Tracker(settings.mlflow_tracking_uri),
        registry=MlflowRegistry(settings.mlflow_tracking_uri),
        datasets_dir=settings.site.data_dir / "datasets",
    )


def _hush() -> None:
    """Keep the libraries' chatter from the terminal: our bars say how far it is, MLflow keeps the numbers."""
    for name in _CHATTY:
        # Filtered, not silenced by level: MONAI's handlers warn when their logger's level is above INFO.
        logging.getLogger(name).addFilter(_matters)


def _matters(record: logging.LogRecord) -> bool:
    # That MONAI was given no logging file is as we want it.
    return record.levelno >= logging.WARNING and not str(record.msg).startswith("Logging file is set to False")
