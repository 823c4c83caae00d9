"""The page of a model card: Markdown with a YAML head, in the form that model hubs read.

https://huggingface.co/docs/hub/model-cards: ``model-index`` holds the numbers for machines.
"""

from collections.abc import Mapping
from typing import Any

import yaml

from evaluation.card import ModelCard, Section
from evaluation.report import MetricValue, Subgroup
from models.manifest import Task
from models.provenance import Provenance

#: Stands right under the title of a demonstration.
WARNING = "A demonstration. It must not be used on patients."
#: Task -> what model hubs call it.
_PIPELINES: Mapping[Task, str] = {
    Task.IMAGE_CLASSIFICATION: "image-classification",
    Task.VOLUME_SEGMENTATION: "image-segmentation",
    Task.STAY_RISK: "tabular-classification",
}


def to_page(card: ModelCard, licence: str = "apache-2.0") -> str:
    """The page of *card*, of a model under *licence* (SPDX in small letters, or ``other``)."""
    head = yaml.safe_dump(_head(card, licence), sort_keys=False, allow_unicode=True, width=1000)
    warning = f"**{WARNING}**\n\n" if card.demonstration else ""
    parts = "\n\n".join(f"## {section.value}\n\n{_PARTS[section](card)}" for section in Section)
    return f"---\n{head}---\n\n# {card.name} {card.version}\n\n{warning}{parts}\n"


def _head(card: ModelCard, licence: str) -> dict[str, Any]:
    task = _PIPELINES[card.task]
    measured = {name: one.value for name, one in card.quality.metrics.items() if one.value is not None}
    dataset = {"type": card.name, "name": card.quality.data.source, "split": card.quality.data.split}
    return {
        "license": licence,
        "library_name": "onnx",
        "pipeline_tag": task,
        "tags": ["medical", "monai", "varsel", *(["demonstration"] if card.demonstration else [])],
        "datasets": [card.name],
        "metrics": sorted(measured),
        "model-index": [
            {
                "name": f"{card.name} {card.version}",
                "results": [
                    {
                        "task": {"type": task},
                        "dataset": dataset,
                        "metrics": [{"type": name, "name": name, "value": value} for name, value in measured.items()],
                    }
                ],
            }
        ],
    }


def _use(card: ModelCard) -> str:
    limits = "\n".join(f"- {limit}" for limit in card.limits)
    return (
        f"{card.intended_use.en}\n\n{card.intended_use.da}\n\nApplied only to:\n\n{limits}\n\n"
        "Any other case is not analysed, and the answer says why."
    )


def _says(card: ModelCard) -> str:
    rows = "\n".join(
        f"| {one.text.en} / {one.text.da} | {one.code} | {one.threshold:.3g} | {one.rule or 'not stated'} |"
        for one in card.operating_points
    )
    return f"| label | code | operating point | chosen by |\n|---|---|---|---|\n{rows}"


def _data(card: ModelCard) -> str:
    return (
        f"{card.data.trained_on.en}\n\nManifest SHA-256 `{card.data.sha256}` (`evidence/data.json`).\n\n"
        f"{card.data.attribution}"
    )


def _quality(card: ModelCard) -> str:
    found = card.quality
    rows = "\n".join(f"| {name} | {value_text(one)} | {interval_text(one)} |" for name, one in found.metrics.items())
    return (
        f"`{found.label}` on {found.cases} cases of {found.patients} patients ({found.positives} positive), split "
        f"`{found.data.split}` of: {found.data.source}.\n\n"
        f"| number | value | 95 % interval by patient |\n|---|---|---|\n{rows}"
    )


def _subgroups(card: ModelCard) -> str:
    if not card.quality.subgroups:
        return "None could be told apart in the data."
    rows = "\n".join(_subgroup_row(one) for one in card.quality.subgroups)
    return f"| group | cases | positive | auroc | 95 % interval |\n|---|---|---|---|---|\n{rows}"


def _subgroup_row(one: Subgroup) -> str:
    auroc = one.metrics.get("auroc")
    found = "too few | " if one.too_few or auroc is None else f"{value_text(auroc)} | {interval_text(auroc)}"
    return f"| {one.group} {one.value} | {one.cases} | {one.positives} | {found} |"


def _not_examined(card: ModelCard) -> str:
    return "\n".join(f"- {one}" for one in card.not_examined)


def _evidence(card: ModelCard) -> str:
    files = "\n".join(f"- `{name}`" for name in card.evidence)
    told = "Covered by the digest of the release; the items of TRIPOD+AI stand in `evidence/evaluation.html`."
    return f"{told}\n\n{files}"


def _origin(card: ModelCard) -> str:
    one = card.provenance
    rows = {
        "MLflow run": f"`{one.run_id}`",
        "author": one.author or "unknown",
        "code": _code(one),
        "environment": f"`{one.environment_sha256}`" if one.environment_sha256 else "unknown",
        "seed": str(one.seed),
        "trained": one.created_at,
        "trained on": one.machine or "unknown",
        "training took": "unknown" if one.training_seconds is None else f"{one.training_seconds / 60:.1f} minutes",
    }
    return "| | |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in rows.items())


_PARTS = {
    Section.USE: _use,
    Section.SAYS: _says,
    Section.DATA: _data,
    Section.QUALITY: _quality,
    Section.SUBGROUPS: _subgroups,
    Section.NOT_EXAMINED: _not_examined,
    Section.EVIDENCE: _evidence,
    Section.ORIGIN: _origin,
}


def _code(provenance: Provenance) -> str:
    if not provenance.git_commit:
        return "outside a checkout"
    changed = {True: ", with uncommitted changes", False: "", None: ", uncommitted changes unknown"}
    return f"`{provenance.git_commit}`{changed[provenance.uncommitted_changes]}"


def value_text(one: MetricValue) -> str:
    """The number, or that there is none."""
    return "not defined" if one.value is None else f"{one.value:.3f}"


def interval_text(one: MetricValue) -> str:
    """Its interval, or that there is none."""
    return "not defined" if one.lower is None or one.upper is None else f"{one.lower:.3f} to {one.upper:.3f}"
