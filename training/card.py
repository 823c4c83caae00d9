"""The model card of a release as one value, from the release's own evidence."""

from collections.abc import Mapping
from pathlib import Path

from evaluation.card import CardData, ModelCard, OperatingPoint, Quality
from evaluation.report import EvaluationReport, MetricValue
from models.bundle import Bundle
from models.manifest import InputLimits, Label
from models.provenance import Provenance
from training.card_page import WARNING, interval_text, value_text
from training.errors import PackageError


def make_card(
    bundle: Bundle,
    provenance: Provenance,
    report: EvaluationReport,
    evidence: tuple[str, ...],
    attribution: str | None = None,
) -> ModelCard:
    """The card of a release of *bundle* whose *evidence* files lie beside it.

    *attribution* names the source, authors and licence of its data; the bundle's own file does unless it is given.

    Raises:
        PackageError: the bundle does not say where its data comes from.
    """
    clinical = bundle.clinical
    return ModelCard(
        name=bundle.name,
        version=bundle.version,
        task=clinical.task,
        demonstration=clinical.demonstration,
        intended_use=clinical.intended_use,
        limits=_limits(clinical.limits),
        operating_points=tuple(_operating_point(label) for label in clinical.labels),
        data=CardData(
            trained_on=clinical.trained_on,
            sha256=provenance.data_sha256,
            attribution=attribution or _attribution(bundle.path),
        ),
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
        not_examined=report.not_examined or ("Patients of the hospital where it is installed",),
        evidence=evidence,
        provenance=provenance,
        applied_model_card=_applied(bundle, provenance, report),
    )


def _applied(bundle: Bundle, provenance: Provenance, report: EvaluationReport) -> dict[str, dict[str, str]]:
    """The elements of the CHAI Applied Model Card; an empty text is what nobody has said."""
    clinical = bundle.clinical
    limits = "; ".join(_limits(clinical.limits))
    return {
        "BasicInfo": {"ModelName": bundle.name, "ModelDeveloper": provenance.author, "DeveloperContact": ""},
        "ReleaseInfo": {
            "ReleaseStage": "demonstration" if clinical.demonstration else "",
            "ReleaseDate": provenance.created_at[:10],
            "ReleaseVersion": bundle.version,
            "GlobalAvailability": "",
            "RegulatoryApproval": "",
        },
        "ModelSummary": {"Summary": clinical.intended_use.en},
        "UsesAndDirections": {
            "IntendedUseAndWorkflow": clinical.intended_use.en,
            "PrimaryIntendedUsers": "",
            "HowToUse": "",
            "TargetedPatientPopulation": limits,
            "CautionedOutOfScopeSettings": f"Any case outside: {limits}",
        },
        "Warnings": {
            "KnownRisksAndLimitations": WARNING if clinical.demonstration else "",
            "KnownBiasesOrEthicalConsiderations": "; ".join(report.not_examined),
            "ClinicalRiskLevel": "",
        },
        "TrustIngredients": {
            "OutcomesAndOutputs": "; ".join(label.text.en for label in clinical.labels),
            "ModelType": clinical.task.value,
            "InputDataSource": ", ".join(clinical.limits.modalities) or "patient record",
            "DevelopmentDataCharacterization": clinical.trained_on.en,
            "BiasMitigationApproaches": "",
            "OngoingMaintenance": "",
            "FundingSource": "",
            "StakeholdersConsulted": "",
        },
        "KeyMetrics": {
            "UsefulnessUsabilityEfficacy": _told(report.metrics),
            "FairnessEquity": "; ".join(
                f"{gap.metric} by {gap.group}: {gap.difference:.3f} between {gap.lowest} and {gap.highest}"
                for gap in report.gaps
            ),
            "SafetyReliability": "evidence/safety.json",
        },
        "Resources": {"EvaluationReferences": "evidence/evaluation.json", "PeerReviewedPublications": ""},
    }


def _told(metrics: Mapping[str, MetricValue]) -> str:
    return "; ".join(f"{name} {value_text(one)} ({interval_text(one)})" for name, one in metrics.items())


def _operating_point(label: Label) -> OperatingPoint:
    return OperatingPoint(
        label=label.key,
        text=label.text,
        code=f"{label.concept.value} {label.concept.scheme}",
        threshold=label.threshold,
        rule=label.threshold_rule,
    )


def _attribution(path: Path) -> str:
    file = path / "docs" / "data_license.txt"
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise PackageError(
            f"'{file.relative_to(path)}' of the bundle cannot be read ({error.strerror}); a release names the source, "
            "authors and licence of its data there"
        ) from error


def _limits(limits: InputLimits) -> tuple[str, ...]:
    parts = (
        f"modality {', '.join(limits.modalities)}" if limits.modalities else "",
        f"body part {', '.join(limits.body_parts)} or not given" if limits.body_parts else "",
        f"view {', '.join(limits.view_positions)} or not given" if limits.view_positions else "",
        f"at least {limits.minimum_size_px} pixels each way" if limits.minimum_size_px else "",
        f"at least {limits.minimum_slices} slices" if limits.minimum_slices else "",
        f"at most {limits.maximum_slice_spacing_mm:g} mm between slices" if limits.maximum_slice_spacing_mm else "",
        f"age {limits.age_years[0]:g} to {limits.age_years[1]:g} years{'' if limits.age_required else ' or not given'}",
    )
    return tuple(part for part in parts if part)
