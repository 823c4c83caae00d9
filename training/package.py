"""From an exported run to a release: staged, digest-named, installed in the store, registered in MLflow."""

import shutil
import tempfile
from pathlib import Path

from evaluation.gate import dump_floors
from evaluation.parity import load_parity
from evaluation.report import load_report
from models.bundle import Bundle, open_bundle
from models.folder_store import FolderStore
from models.manifest import Manifest, Provenance, dump_manifest
from models.mlflow_registry import MlflowRegistry, RegisteredRelease
from models.release import Release, sha256_of
from training.card import model_card
from training.errors import PackageError
from training.mlflow_model import write_mlflow_model
from training.tracking import TrackedRun, Tracker

_EVIDENCE = ("parity.json", "evaluation.json")


def package_run(run_id: str, tracker: Tracker, store: FolderStore) -> Release:
    """Make the release of the exported run *run_id* and install it in *store*.

    The same run packaged twice is the same release: nothing in it depends on when or where it was packaged.

    Raises:
        RunError: there is no such run, or it was not exported.
        PackageError: the graph does not say what the network says.
    """
    run = tracker.find(run_id)
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        bundle = open_bundle(tracker.fetch(run_id, "bundle", scratch))
        exported = tracker.fetch(run_id, "export", scratch)
        data = tracker.fetch(run_id, "data", scratch)
        staged = _stage(scratch / "staged", bundle, exported, data, _provenance(run))
        return store.install(staged)


def register(release: Release, tracker: Tracker, registry: MlflowRegistry) -> RegisteredRelease:
    """Put *release* into its run as an MLflow model (with the release inside) and into the model registry.

    Raises:
        RunError: the run that made it is not in this MLflow.
    """
    run_id = release.manifest.provenance.run_id
    run = tracker.find(run_id)
    folder = f"releases/{release.short_digest}"
    with tempfile.TemporaryDirectory() as directory:
        model = Path(directory) / release.short_digest
        write_mlflow_model(release, model)
        shutil.copytree(release.path, model / "release")
        tracker.keep(run_id, model, folder)
    tracker.tag(run_id, {"varsel.release": release.digest})
    return registry.add(release, f"{run.artifact_uri}/{folder}", run_id)


def _stage(staged: Path, bundle: Bundle, exported: Path, data: Path, provenance: Provenance) -> Path:
    evidence = staged / "evidence"
    evidence.mkdir(parents=True)
    shutil.copyfile(exported / "model.onnx", staged / "model.onnx")
    for name in _EVIDENCE:
        shutil.copyfile(exported / name, evidence / name)
    shutil.copyfile(data / "dataset.json", evidence / "data.json")
    (evidence / "floors.json").write_bytes(dump_floors(bundle.clinical.floors))
    parity = load_parity((evidence / "parity.json").read_bytes())
    if not parity.passed:
        worst = ", ".join(f"{tensor.name}: {tensor.tolerance_used:.3g}" for tensor in parity.tensors)
        raise PackageError(
            f"run '{provenance.run_id}' was exported to a graph that differs from its network "
            f"(share of the tolerance used, at most 1 required: {worst}); export it again"
        )
    report = load_report((evidence / "evaluation.json").read_bytes())
    (staged / "model_card.md").write_text(model_card(bundle, provenance, parity, report), encoding="utf-8")
    (staged / "manifest.json").write_bytes(dump_manifest(_manifest(bundle, provenance, staged)))
    return staged


def _manifest(bundle: Bundle, provenance: Provenance, staged: Path) -> Manifest:
    files = sorted(path for path in staged.rglob("*") if path.is_file())
    clinical = bundle.clinical
    return Manifest(
        name=bundle.name,
        version=bundle.version,
        task=clinical.task,
        intended_use=clinical.intended_use,
        trained_on=clinical.trained_on,
        demonstration=clinical.demonstration,
        inputs=clinical.inputs,
        outputs=clinical.outputs,
        preprocessing=clinical.preprocessing,
        limits=clinical.limits,
        labels=clinical.labels,
        provenance=provenance,
        data=clinical.data,
        files={path.relative_to(staged).as_posix(): sha256_of(path) for path in files},
    )


def _provenance(run: TrackedRun) -> Provenance:
    return Provenance(
        run_id=run.run_id,
        git_commit=run.tags.get("varsel.git_commit", ""),
        data_sha256=run.tags["varsel.data_sha256"],
        seed=int(run.tags.get("varsel.seed", "0")),
        created_at=run.started_at,
    )
