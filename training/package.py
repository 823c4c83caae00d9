"""From an exported run to a release: staged, examined, digest-named, installed in the store.

<release>/model.onnx, further graphs
          manifest.json, model_card.md, model_card.json
          evidence/     everything the export found, the data set's manifest, floors, environment, safety corpus
          LICENSE       of the bundle
          data_license.txt   source, authors and licence of the data
"""

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from evaluation.card import dump_card
from evaluation.evidence import dump_floors
from evaluation.html import Surroundings, to_html
from evaluation.parity import load_parity
from evaluation.report import EvaluationReport, load_report
from evaluation.safety import dump_safety, examine
from models.bundle import Bundle, open_bundle
from models.folder_store import FolderStore
from models.manifest import Manifest, dump_manifest
from models.onnx_runtime import open_runtime
from models.provenance import Provenance
from models.release import Release, sha256_of
from training.card import make_card
from training.card_page import to_page
from training.errors import PackageError, RunError
from training.ranges import RANGES, load_ranges
from training.tracking import TrackedRun, Tracker


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """What of a run goes into its release."""

    #: The bundle as it was trained.
    bundle: Bundle
    #: Graphs and what was found about them.
    exported: Path
    #: The data set's manifest.
    data: Path
    #: Installed packages with their versions; None when the run kept no list.
    environment: Path | None
    #: Where the release comes from.
    provenance: Provenance


def package_run(run_id: str, tracker: Tracker, store: FolderStore) -> Release:
    """Make the release of the exported run *run_id* and install it in *store*.

    The same run packaged twice is the same release: nothing in it depends on when or where it was packaged.

    Raises:
        RunError: there is no such run, or it was not exported.
        PackageError: the graph does not say what the network says, or the bundle does not say whose data it is.
    """
    run = tracker.find(run_id)
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        environment = _environment(tracker, run_id, scratch)
        parts = _Parts(
            bundle=open_bundle(tracker.fetch(run_id, "bundle", scratch)),
            exported=tracker.fetch(run_id, "export", scratch),
            data=tracker.fetch(run_id, "data", scratch) / "dataset.json",
            environment=environment,
            provenance=_provenance(run, environment),
        )
        return store.install(_stage(scratch / "staged", parts))


def _stage(staged: Path, parts: _Parts) -> Path:
    evidence = staged / "evidence"
    evidence.mkdir(parents=True)
    _copy_parts(staged, evidence, parts)
    _demand_parity(evidence / "parity.json", parts.provenance.run_id)
    manifest = manifest_of(parts.bundle, parts.provenance, staged)
    # Not yet in a store: opened by its path, as it will lie there.
    unfinished = Release(path=staged, digest="", manifest=manifest)
    (evidence / "safety.json").write_bytes(dump_safety(examine(manifest.preprocessing, open_runtime(unfinished))))
    report = load_report((evidence / "evaluation.json").read_bytes())
    # With the reporting items of TRIPOD+AI, which only a manifest can fill in.
    (evidence / "evaluation.html").write_text(to_html(report, Surroundings(manifest=manifest)), encoding="utf-8")
    _write_card(staged, parts, report)
    (staged / "manifest.json").write_bytes(dump_manifest(manifest_of(parts.bundle, parts.provenance, staged)))
    return staged


def _copy_parts(staged: Path, evidence: Path, parts: _Parts) -> None:
    for path in sorted(path for path in parts.exported.rglob("*") if path.is_file()):
        target = (staged if path.suffix == ".onnx" else evidence) / path.relative_to(parts.exported)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    shutil.copyfile(parts.data, evidence / "data.json")
    if parts.environment is not None:
        shutil.copyfile(parts.environment, evidence / "environment.txt")
    (evidence / "floors.json").write_bytes(dump_floors(parts.bundle.clinical.floors))
    shutil.copyfile(parts.bundle.path / "LICENSE", staged / "LICENSE")


def _demand_parity(path: Path, run_id: str) -> None:
    parity = load_parity(path.read_bytes())
    if not parity.passed:
        worst = ", ".join(f"{tensor.name}: {tensor.tolerance_used:.3g}" for tensor in parity.tensors)
        raise PackageError(
            f"run '{run_id}' was exported to a graph that differs from its network "
            f"(share of the tolerance used, at most 1 required: {worst}); export it again"
        )


def _write_card(staged: Path, parts: _Parts, report: EvaluationReport) -> None:
    files = tuple(sorted(path.relative_to(staged).as_posix() for path in (staged / "evidence").rglob("*.*")))
    card = make_card(parts.bundle, parts.provenance, report, files)
    (staged / "data_license.txt").write_text(f"{card.data.attribution}\n", encoding="utf-8")
    (staged / "model_card.json").write_bytes(dump_card(card))
    (staged / "model_card.md").write_text(to_page(card), encoding="utf-8")


def manifest_of(bundle: Bundle, provenance: Provenance, staged: Path) -> Manifest:
    """The manifest of a release of *bundle* that holds every file now in *staged*."""
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
        limits=replace(clinical.limits, trained_ranges=load_ranges(staged / "evidence" / RANGES)),
        labels=clinical.labels,
        provenance=provenance,
        data=clinical.data,
        files={path.relative_to(staged).as_posix(): sha256_of(path) for path in files},
    )


def _environment(tracker: Tracker, run_id: str, scratch: Path) -> Path | None:
    try:
        return next(iter(sorted(tracker.fetch(run_id, "environment", scratch).iterdir())))
    except RunError:
        return None


def _provenance(run: TrackedRun, environment: Path | None) -> Provenance:
    tags = run.tags
    changed = tags.get("varsel.git_dirty")
    seconds = tags.get("varsel.training_seconds")
    return Provenance(
        run_id=run.run_id,
        git_commit=tags.get("varsel.git_commit", ""),
        data_sha256=tags["varsel.data_sha256"],
        seed=int(tags["varsel.seed"]),
        created_at=run.started_at,
        author=tags.get("varsel.author", ""),
        uncommitted_changes=None if changed is None else changed == "true",
        environment_sha256="" if environment is None else sha256_of(environment),
        machine=tags.get("varsel.machine", ""),
        training_seconds=None if seconds is None else float(seconds),
    )
