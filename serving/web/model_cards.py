"""What a page tells about a model: read from the release that did the work."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from ehr_io.results.wording import unit_words
from models.errors import ManifestError
from models.manifest import Label, Manifest, StayPreprocessing, load_manifest
from serving.web.rows import CaseRow


@dataclass(frozen=True, kw_only=True)
class FeatureText:
    """What people read of one feature."""

    #: Name in the page's language.
    text: str
    #: Unit as people write it; empty for a yes/no.
    unit: str
    #: Usual range; None when there is none.
    reference_range: tuple[float, float] | None
    #: Concept that it is made of.
    concept: str = ""


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """A release in a few words."""

    #: What it may be used for.
    intended_use: str
    #: What it was trained on.
    trained_on: str
    #: Whether it must not be used on patients.
    demonstration: bool
    #: Label text, in every language, and label key -> operating point.
    thresholds: Mapping[str, float] = field(default_factory=dict)
    #: Label text, in every language, and label key -> label text in the page's language.
    labels: Mapping[str, str] = field(default_factory=dict)
    #: Feature name -> what people read.
    features: Mapping[str, FeatureText] = field(default_factory=dict)

    def concept_of(self, feature: str) -> str:
        """The concept that *feature* is made of; its own name where the release does not know it."""
        return self.features[feature].concept if feature in self.features else feature

    def translated(self, row: CaseRow) -> CaseRow:
        """*row* with its labels in the page's language: they were kept in the language the site had then."""
        findings = tuple(replace(one, text=self.labels.get(one.text, one.text)) for one in row.findings)
        scores = {self.labels.get(name, name): value for name, value in row.scores.items()}
        return replace(row, findings=findings, scores=scores)


def card_of(store_dir: Path, model: str, digest: str, language: str) -> ModelCard | None:
    """The card of *model*'s release *digest* in *language*; None when the store does not hold it."""
    try:
        manifest = _manifest(store_dir / model / digest[:12] / "manifest.json")
    except ManifestError:
        return None
    return ModelCard(
        intended_use=manifest.intended_use.in_language(language),
        trained_on=manifest.trained_on.in_language(language),
        demonstration=manifest.demonstration,
        thresholds=_thresholds(manifest),
        labels={name: label.text.in_language(language) for label in manifest.labels for name in _names(label)},
        features=_features(manifest, language),
    )


@lru_cache(maxsize=256)
def _manifest(path: Path) -> Manifest:
    # A release lies under its digest and never changes.
    return load_manifest(path)


def _names(label: Label) -> tuple[str, ...]:
    # Scores are kept under the label's text in the language of the site when they were computed.
    return label.key, label.text.en, label.text.da


def _thresholds(manifest: Manifest) -> dict[str, float]:
    return {name: label.threshold for label in manifest.labels for name in _names(label)}


def _features(manifest: Manifest, language: str) -> dict[str, FeatureText]:
    if not isinstance(manifest.preprocessing, StayPreprocessing):
        return {}
    return {
        spec.name: FeatureText(
            text=spec.text.in_language(language),
            unit=unit_words(spec.unit, language),
            reference_range=spec.reference_range,
            concept=spec.code,
        )
        for spec in manifest.preprocessing.features
    }
