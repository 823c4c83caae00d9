"""Asks another release first whether a picture is one that a model was made for; see decision 0007."""

from dataclasses import dataclass

import numpy as np

from dicom_io.volume import Radiograph
from models.errors import ManifestError, RegistryError, ReleaseError
from models.manifest import GuardDemand, Manifest, RadiographPreprocessing, Text
from models.preprocess import radiograph_to_tensor
from models.registry import ReleaseStore
from models.release import Release
from models.runtime import Runtime
from serving.errors import NotAnalysedError

#: The guard's champion: what is good enough to refuse a picture was promoted like any other model.
_ALIAS = "champion"
_REFUSAL = Text(
    en="the picture is not taken for {wanted} ({probability:.0%} sure, required {required:.0%}); it looks like: "
    "{found}. See the image, correct and send it again, or read it without the model.",
    da="billedet ligner ikke {wanted} ({probability:.0%} sikker, krævet {required:.0%}); det ligner: "
    "{found}. Se på billedet, ret og send det igen, eller læs det uden modellen.",
)


@dataclass(frozen=True, kw_only=True)
class Guard:
    """A release that is asked first, and what it must answer."""

    #: The release that looks.
    release: Release
    #: What runs it.
    runtime: Runtime
    #: What it must answer.
    demand: GuardDemand

    @property
    def parameters(self) -> tuple[str, ...]:
        """What the report keeps of it, as ``key=value``."""
        return (
            f"guard={self.release.manifest.name}@{self.release.short_digest}",
            f"guard_{self.demand.label}={self.demand.at_least:g}",
        )

    def check(self, radiograph: Radiograph, language: str) -> None:
        """Pass when the guard is sure enough of *radiograph*.

        Raises:
            NotAnalysedError: it is not; the text, in *language*, says what the picture looks like instead.
            RuntimeFailedError: the guard could not be run, so that nobody looked.
        """
        manifest = self.release.manifest
        spec = manifest.preprocessing
        assert isinstance(spec, RadiographPreprocessing)  # noqa: S101  # find_guard demanded it
        tensor, _ = radiograph_to_tensor(radiograph, spec)
        answer = self.runtime.infer({manifest.inputs[0].name: tensor})["probability"][0]
        probability = dict(zip((label.key for label in manifest.labels), map(float, answer), strict=True))
        # Written so that a guard that answers NaN refuses.
        if not probability[self.demand.label] >= self.demand.at_least:
            raise NotAnalysedError("unexpected_picture", _refusal(manifest, self.demand, probability, language))


def find_guard(store: ReleaseStore, manifest: Manifest) -> tuple[Release, GuardDemand] | None:
    """The release that must be asked before the model of *manifest*; None when it demands none.

    Raises:
        NotAnalysedError: it demands one that is not there or cannot answer: unguarded, nothing is analysed.
    """
    demand = manifest.limits.guard
    if demand is None:
        return None
    try:
        release = store.resolve(demand.model, _ALIAS)
    except (ManifestError, RegistryError, ReleaseError) as error:
        text = (
            f"'{manifest.name}' may only read pictures that '{demand.model}' has passed, which cannot be had: {error}"
        )
        raise NotAnalysedError("guard_missing", text) from error
    labels = [label.key for label in release.manifest.labels]
    read = [type(one.preprocessing) is RadiographPreprocessing for one in (manifest, release.manifest)]
    if not all(read) or demand.label not in labels:
        text = (
            f"'{manifest.name}' demands '{demand.label}' of '{demand.model}', whose champion says {labels}; "
            "both must read radiographs, and the label must be one of these"
        )
        raise NotAnalysedError("guard_missing", text)
    return release, demand


def _refusal(manifest: Manifest, demand: GuardDemand, probability: dict[str, float], language: str) -> str:
    texts = {label.key: label.text.in_language(language) for label in manifest.labels}
    others = {key: value for key, value in probability.items() if key != demand.label}
    likely = max(others, key=lambda key: np.nan_to_num(others[key])) if others else ""
    return _REFUSAL.in_language(language).format(
        wanted=texts[demand.label],
        probability=probability[demand.label],
        required=demand.at_least,
        found=texts.get(likely, "?"),
    )
