"""Releases in MLflow: into the run that made them, or into one that says where they were imported from."""

import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

from evaluation.evidence import read_evidence
from models.mlflow_registry import MlflowRegistry, RegisteredRelease
from models.release import Release
from training.errors import RunError
from training.mlflow_model import write_mlflow_model
from training.tracking import Tracker


def register(release: Release, tracker: Tracker, registry: MlflowRegistry) -> RegisteredRelease:
    """Put *release* into its run as an MLflow model (with the release inside) and into the model registry.

    A release whose run is not in this MLflow gets a run of its own, "imported", with its evidence; the same release is
    registered once.
    """
    known = registry.known(release)
    if known is not None:
        return known
    run_id = _run_of(release, tracker)
    folder = f"releases/{release.short_digest}"
    with tempfile.TemporaryDirectory() as directory:
        model = Path(directory) / release.short_digest
        write_mlflow_model(release, model)
        shutil.copytree(release.path, model / "release")
        tracker.keep(run_id, model, folder)
    tracker.tag(run_id, {"varsel.release": release.digest})
    return registry.add(release, f"{tracker.find(run_id).artifact_uri}/{folder}", run_id)


def _run_of(release: Release, tracker: Tracker) -> str:
    """The run that made *release*, or a new one that tells what is known of it."""
    try:
        return tracker.find(release.manifest.provenance.run_id).run_id
    except RunError:
        return _imported(release, tracker)


def _imported(release: Release, tracker: Tracker) -> str:
    provenance = release.manifest.provenance
    tags = {
        "varsel.bundle": release.manifest.name,
        "varsel.version": release.manifest.version,
        "varsel.imported": "true",
        "varsel.author": provenance.author,
        "varsel.data_sha256": provenance.data_sha256,
        "varsel.git_commit": provenance.git_commit,
    }
    known = {key: value for key, value in asdict(provenance).items() if value not in (None, "")}
    run_id = tracker.start(f"{release.manifest.name} {release.manifest.version} (imported)", known, tags)
    evaluation = read_evidence(release).evaluation
    measured = {} if evaluation is None else evaluation.metrics
    values = {f"test_{name}": one.value for name, one in measured.items() if one.value is not None}
    tracker.metrics(run_id, values)
    tracker.keep(run_id, release.path / "evidence", "evidence")
    tracker.finish(run_id)
    return run_id
