"""Who is judged: what a release and a bundle on its way to one have in common."""

from dataclasses import dataclass

from models.bundle import Bundle
from models.manifest import Label, Preprocessing, Task, Text
from models.release import Release


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model, as far as judging it needs to know it."""

    #: Bundle name.
    model: str
    #: Bundle version.
    version: str
    #: SHA-256 of the release; empty where a graph is judged before it is one.
    digest: str
    #: What kind of answer it gives.
    task: Task
    #: What it may be used for.
    intended_use: Text
    #: What it can say; the first is judged in depth.
    labels: tuple[Label, ...]
    #: From study or stay to input tensor.
    preprocessing: Preprocessing
    #: Name of the graph's input.
    input_name: str


def subject_of_release(release: Release) -> Subject:
    """The model of *release*."""
    manifest = release.manifest
    return Subject(
        model=manifest.name,
        version=manifest.version,
        digest=release.digest,
        task=manifest.task,
        intended_use=manifest.intended_use,
        labels=manifest.labels,
        preprocessing=manifest.preprocessing,
        input_name=manifest.inputs[0].name,
    )


def subject_of_bundle(bundle: Bundle) -> Subject:
    """The model that *bundle* makes."""
    clinical = bundle.clinical
    return Subject(
        model=bundle.name,
        version=bundle.version,
        digest="",
        task=clinical.task,
        intended_use=clinical.intended_use,
        labels=clinical.labels,
        preprocessing=clinical.preprocessing,
        input_name=clinical.inputs[0].name,
    )
