"""Releases with everything that a champion needs, less what a test takes away."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from evaluation.card import CardData, ModelCard, OperatingPoint, Quality, dump_card
from evaluation.case_scores import case_scores, dump_scores
from evaluation.evidence import dump_floors
from evaluation.parity import FindingParity, compare, dump_parity
from evaluation.report import Curves, DataFacts, EvaluationReport, MetricValue, Subgroup, dump_report
from evaluation.safety import dump_safety, examine
from evaluation.tally import Scored
from models.bundle import Floor
from models.folder_store import FolderStore
from models.manifest import Manifest, Task, dump_manifest, load_manifest
from models.onnx_runtime import open_runtime
from models.provenance import Provenance
from models.release import Release, sha256_of
from tests.factories.releases import write_release
from training.card_page import to_page

MODEL = "infection_urinary"
AUTHOR = "anna"
APPROVER = "bo"
PATIENTS = 400


def make_candidate(
    store_dir: Path,
    *,
    version: str = "0.1.0",
    files: Mapping[str, bytes | None] | None = None,
    provenance: Mapping[str, object] | None = None,
) -> Release:
    """A release in the store at *store_dir* that passes every gate, but for *files* (None takes one away) and
    *provenance*.
    """
    with tempfile.TemporaryDirectory() as directory:
        staged = Path(directory) / "staged"
        stage(staged, version=version, files=files or {}, provenance=provenance or {})
        return FolderStore(store_dir).install(staged)


def stage(staged: Path, *, version: str, files: Mapping[str, bytes | None], provenance: Mapping[str, object]) -> None:
    """The files of such a release in the new directory *staged*."""
    staged.mkdir(parents=True)
    write_release(staged, Task.STAY_RISK, name=MODEL, version=version)
    (staged / "evidence").mkdir()
    manifest = load_manifest(staged / "manifest.json")
    (staged / "manifest.json").unlink()
    for name, content in evidence(staged, manifest).items():
        (staged / name).write_bytes(content)
    made = _provenance(staged, provenance)
    card = a_card(manifest, made)
    (staged / "model_card.json").write_bytes(dump_card(card))
    (staged / "model_card.md").write_text(to_page(card))
    for name, content in files.items():
        (staged / name).unlink(missing_ok=True)
        if content is not None:
            (staged / name).write_bytes(content)
    listed = {
        path.relative_to(staged).as_posix(): sha256_of(path) for path in sorted(staged.rglob("*")) if path.is_file()
    }
    (staged / "manifest.json").write_bytes(dump_manifest(replace(manifest, provenance=made, files=listed)))


def evidence(staged: Path, manifest: Manifest) -> dict[str, bytes]:
    """Every file beside graph, card and manifest."""
    runtime = open_runtime(Release(path=staged, digest="", manifest=manifest))
    return {
        "LICENSE": b"Apache-2.0\n",
        "data_license.txt": b"Drawn by Varsel.\n",
        "evidence/data.json": b"{}\n",
        "evidence/environment.txt": b"numpy==1\n",
        "evidence/floors.json": dump_floors((Floor(metric="auroc", at_least=0.8),)),
        "evidence/parity.json": parity(),
        "evidence/evaluation.json": dump_report(a_report()),
        "evidence/safety.json": dump_safety(examine(manifest.preprocessing, runtime)),
        "evidence/test_scores.npz": scores(noise=1.0),
    }


def parity(difference: float = 0.0, alike: int | None = 1) -> bytes:
    """A parity report of graphs that lie *difference* apart and say the same of *alike* of one case."""
    one = {"probability": np.full((1, 1), 0.5, np.float32)}
    found = compare([(one, {"probability": one["probability"] + np.float32(difference)})], ("a", "b"))
    findings = None if alike is None else FindingParity(cases=1, alike=alike)
    return dump_parity(replace(found, findings=findings))


def scores(noise: float, *, seed: int = 0) -> bytes:
    """Test scores of the same patients, told apart the worse the more *noise*."""
    truths = (np.arange(PATIENTS) % 2).astype(np.int8)
    logits = 3 * (truths - 0.5) + noise * np.random.default_rng(seed).normal(size=PATIENTS)
    said = Scored(
        truths=truths,
        probabilities=1 / (1 + np.exp(-logits)),
        patients=np.array([f"p{number}" for number in range(PATIENTS)]),
        threshold=0.5,
    )
    return dump_scores(case_scores(said))


def value(lower: float, middle: float, upper: float) -> MetricValue:
    """A number with its interval."""
    return MetricValue(value=middle, lower=lower, upper=upper)


def a_report(
    metrics: Mapping[str, MetricValue] | None = None, subgroups: tuple[Subgroup, ...] = ()
) -> EvaluationReport:
    """A good evaluation, with *metrics* in place of its own."""
    good = {
        "auroc": value(0.86, 0.9, 0.93),
        "calibration_slope": value(0.9, 1.0, 1.1),
        "calibration_intercept": value(-0.1, 0.0, 0.1),
    }
    return EvaluationReport(
        model=MODEL,
        version="0.1.0",
        digest="",
        data=DataFacts(source="invented", sha256="0" * 64, split="test", files={}),
        label="urinary_tract_infection",
        cases=PATIENTS,
        patients=PATIENTS,
        positives=PATIENTS // 2,
        prevalence=0.5,
        threshold=0.2,
        metrics=good | dict(metrics or {}),
        labels={},
        curves=Curves(),
        subgroups=subgroups,
        gaps=(),
        failures=(),
        alerts=(),
        comparison=None,
        findings=(),
        not_examined=("Real patients",),
    )


def a_subgroup(group: str, of: str, auroc: MetricValue, *, too_few: bool = False) -> Subgroup:
    """100 cases of one group."""
    metrics = {} if too_few else {"auroc": auroc}
    return Subgroup(group=group, value=of, cases=100, patients=100, positives=50, too_few=too_few, metrics=metrics)


def a_card(manifest: Manifest, provenance: Provenance) -> ModelCard:
    """A complete card of *manifest*."""
    report = a_report()
    return ModelCard(
        name=manifest.name,
        version=manifest.version,
        task=manifest.task,
        demonstration=manifest.demonstration,
        intended_use=manifest.intended_use,
        limits=("age 18 to 130 years or not given",),
        operating_points=tuple(
            OperatingPoint(label=one.key, text=one.text, code="1 SCT", threshold=one.threshold, rule="by hand")
            for one in manifest.labels
        ),
        data=CardData(trained_on=manifest.trained_on, sha256=provenance.data_sha256, attribution="Drawn by Varsel."),
        quality=Quality(
            data=report.data,
            label=report.label,
            cases=report.cases,
            patients=report.patients,
            positives=report.positives,
            metrics=report.metrics,
            subgroups=report.subgroups,
            gaps=report.gaps,
        ),
        not_examined=report.not_examined,
        evidence=("evidence/parity.json",),
        provenance=provenance,
        applied_model_card={},
    )


def spoiled(release: Release, copy_to: Path) -> Path:
    """A copy of *release* with one byte of its graph changed."""
    shutil.copytree(release.path, copy_to)
    graph = copy_to / "model.onnx"
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.chmod(0o644)
    graph.write_bytes(bytes(content))
    return copy_to


def without(report: bytes, name: str) -> bytes:
    """The JSON *report* without the number *name*."""
    told = json.loads(report)
    del told["metrics"][name]
    return json.dumps(told).encode()


def _provenance(staged: Path, changes: Mapping[str, object]) -> Provenance:
    made = Provenance(
        run_id="test",
        git_commit="c" * 40,
        data_sha256=sha256_of(staged / "evidence" / "data.json"),
        seed=1,
        created_at="2026-01-01T00:00:00Z",
        author=AUTHOR,
        uncommitted_changes=False,
        environment_sha256=hashlib.sha256(b"numpy==1\n").hexdigest(),
        machine="2 cores",
        training_seconds=60.0,
    )
    return replace(made, **changes)  # type: ignore[arg-type]
