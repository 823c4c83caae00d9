"""Puts a release that came on a disk into a site's store, and into MLflow where that is installed."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from models.folder_store import FolderStore
from models.release import Release
from serving.settings.file import Settings
from varsel.quiet import hush

if TYPE_CHECKING:
    from models.mlflow_registry import RegisteredRelease


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A release that has come into the store."""

    #: Where it lies now.
    release: Release
    #: What MLflow made of it; None where MLflow is not installed.
    registered: "RegisteredRelease | None"


def install_release(path: Path, settings: Settings) -> Installed:
    """Install the release in the directory *path*, verified; the same release twice changes nothing.

    Raises:
        ReleaseError: a file is missing, altered or unexpected.
        ManifestError: the manifest is not valid.
    """
    release = FolderStore(settings.store_dir).install(path)
    return Installed(release=release, registered=_register(release, settings))


def _register(release: Release, settings: Settings) -> "RegisteredRelease | None":
    if find_spec("mlflow") is None or find_spec("onnx") is None:
        return None
    from models.mlflow_registry import MlflowRegistry
    from training.register import register
    from training.tracking import Tracker

    hush()
    settings.site.data_dir.mkdir(parents=True, exist_ok=True)
    return register(release, Tracker(settings.mlflow_tracking_uri), MlflowRegistry(settings.mlflow_tracking_uri))
