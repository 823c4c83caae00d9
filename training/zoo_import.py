"""A zoo bundle as a release: exported, compared, examined, with a card that says that nobody has evaluated it here."""

import json
import math
import shutil
from datetime import UTC, datetime
from pathlib import Path

from evaluation.card import dump_card
from evaluation.evidence import dump_floors
from evaluation.parity import dump_parity
from evaluation.report import Curves, DataFacts, EvaluationReport, MetricValue
from evaluation.safety import dump_safety, examine
from models.bundle import Bundle, ClinicalSpec
from models.manifest import dump_manifest
from models.onnx_runtime import open_runtime
from models.provenance import Provenance
from models.release import Release, sha256_of
from training.card import make_card
from training.card_page import to_page
from training.package import manifest_of
from training.zoo import ZooBundle
from training.zoo_parity import Trial, demand_shapes, try_as_served
from training.zoo_recipe import read_recipe

#: Stands in the card where numbers would.
NOT_EVALUATED = "nobody has evaluated it here"


def stage_zoo_release(zoo: ZooBundle, clinical: ClinicalSpec, author: str, staged: Path) -> Path:
    """Write the release of *zoo*, imported by *author*, to the new directory *staged*, ready to be installed.

    Raises:
        BundleError: the bundle breaks a rule; see `training.zoo_check`.
        ExportError: the network cannot be exported, or its graph differs from it.
    """
    recipe = read_recipe(zoo)
    demand_shapes(zoo, recipe)
    evidence = staged / "evidence"
    evidence.mkdir(parents=True)
    trial = try_as_served(zoo, recipe, clinical, staged)
    (evidence / "parity.json").write_bytes(dump_parity(trial.parity))
    (evidence / "zoo.json").write_text(_origin(zoo, trial), encoding="utf-8")
    (evidence / "floors.json").write_bytes(dump_floors(clinical.floors))
    shutil.copyfile(zoo.licence, staged / "LICENSE")
    bundle = Bundle(path=zoo.path, name=zoo.name, version=zoo.metadata["version"], clinical=clinical)
    provenance = _provenance(zoo, author)
    manifest = manifest_of(bundle, provenance, staged)
    unfinished = Release(path=staged, digest="", manifest=manifest)
    (evidence / "safety.json").write_bytes(dump_safety(examine(manifest.preprocessing, open_runtime(unfinished))))
    _write_card(zoo, bundle, provenance, staged)
    (staged / "manifest.json").write_bytes(dump_manifest(manifest_of(bundle, provenance, staged)))
    return staged


def _write_card(zoo: ZooBundle, bundle: Bundle, provenance: Provenance, staged: Path) -> None:
    files = tuple(sorted(path.relative_to(staged).as_posix() for path in (staged / "evidence").iterdir()))
    card = make_card(bundle, provenance, _no_report(zoo, bundle), files, zoo.attribution)
    (staged / "data_license.txt").write_text(f"{card.data.attribution}\n", encoding="utf-8")
    (staged / "model_card.json").write_bytes(dump_card(card))
    (staged / "model_card.md").write_text(to_page(card, "other"), encoding="utf-8")


def _provenance(zoo: ZooBundle, author: str) -> Provenance:
    return Provenance(
        run_id=f"zoo-{zoo.name}-{zoo.metadata['version']}",
        # Neither data nor seed are known; a word that is no digest keeps the gate from taking them for known.
        data_sha256="unknown",
        seed=0,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        author=author,
    )


def _origin(zoo: ZooBundle, trial: Trial) -> str:
    """Which files it was made of, what its authors claim, and how alike its masks are."""
    files = (zoo.path / "configs" / "metadata.json", zoo.config, zoo.checkpoint)
    agreement = {key: None if math.isnan(value) else round(value, 4) for key, value in trial.agreement.items()}
    said = {
        "bundle": zoo.name,
        "version": zoo.metadata["version"],
        "authors": zoo.metadata["authors"],
        "sha256": {file.relative_to(zoo.path).as_posix(): sha256_of(file) for file in files},
        "claimed_by_its_authors": zoo.metadata.get("eval_metrics", {}),
        "dice_between_own_inferer_and_serving": agreement,
    }
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"


def _no_report(zoo: ZooBundle, bundle: Bundle) -> EvaluationReport:
    """What is known of its quality: nothing; goes into the card, never into the evidence."""
    nothing = MetricValue(value=None, lower=None, upper=None, reason=NOT_EVALUATED)
    label = bundle.clinical.labels[0]
    return EvaluationReport(
        model=bundle.name,
        version=bundle.version,
        digest="",
        data=DataFacts(source=NOT_EVALUATED, sha256="", split="none", files={}),
        label=label.key,
        cases=0,
        patients=0,
        positives=0,
        prevalence=0,
        threshold=label.threshold,
        metrics={"dice": nothing},
        labels={},
        curves=Curves(),
        subgroups=(),
        gaps=(),
        failures=(),
        alerts=(),
        comparison=None,
        findings=(),
        not_examined=(
            f"Anything: {NOT_EVALUATED}. What its authors claim stands in evidence/zoo.json.",
            f"Resampling: the bundle's own differs from serving's, which averages where it shrinks ({zoo.config.name})",
        ),
    )
