"""The model card of a release: a page for people, from the release's own evidence (Mitchell et al., FAT* 2019)."""

from evaluation.parity import ParityReport
from evaluation.report import EvaluationReport, to_markdown
from models.bundle import Bundle
from models.manifest import InputLimits, Provenance


def model_card(bundle: Bundle, provenance: Provenance, parity: ParityReport, report: EvaluationReport) -> str:
    """Markdown with a YAML head, in the shape that model hubs read."""
    clinical = bundle.clinical
    warning = "**A demonstration. It must not be used on patients.**\n\n" if clinical.demonstration else ""
    labels = "\n".join(
        f"| {label.text.en} / {label.text.da} | {label.concept.value} {label.concept.scheme} | {label.threshold:.2f} |"
        for label in clinical.labels
    )
    return f"""---
license: apache-2.0
library_name: onnx
pipeline_tag: {clinical.task.value.replace("_", "-")}
tags: [medical, monai, varsel]
---

# {bundle.name} {bundle.version}

{warning}## Intended use

{clinical.intended_use.en}

{clinical.intended_use.da}

Applied only to: {_limits(clinical.limits)}. Any other case is not analysed, and the answer says why.

## What it says

| label | code | operating point |
|---|---|---|
{labels}

## Data

{clinical.trained_on.en} Manifest SHA-256 `{provenance.data_sha256}` (`evidence/data.json`).

## How good it is

{to_markdown(report)}
Not examined: subgroups by age, sex, site or scanner; real patients.

## Where it comes from

| | |
|---|---|
| MLflow run | `{provenance.run_id}` |
| code | `{provenance.git_commit or "outside a checkout"}` |
| seed | {provenance.seed} |
| trained | {provenance.created_at} |
| parity | {parity.candidate} against {parity.reference}, {parity.cases} cases: {_verdict(parity)} |
"""


def _verdict(parity: ParityReport) -> str:
    return "passed" if parity.passed else "failed"


def _limits(limits: InputLimits) -> str:
    parts = [
        f"modality {', '.join(limits.modalities)}" if limits.modalities else "",
        f"body part {', '.join(limits.body_parts)} or not given" if limits.body_parts else "",
        f"view {', '.join(limits.view_positions)} or not given" if limits.view_positions else "",
        f"at least {limits.minimum_size_px} pixels each way" if limits.minimum_size_px else "",
        f"at least {limits.minimum_slices} slices" if limits.minimum_slices else "",
        f"at most {limits.maximum_slice_spacing_mm:g} mm between slices" if limits.maximum_slice_spacing_mm else "",
        f"age {limits.age_years[0]:g} to {limits.age_years[1]:g} years or not given",
    ]
    return "; ".join(part for part in parts if part)
