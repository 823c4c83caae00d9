"""The imaging line from Study to Report: decode -> contract -> preprocess -> infer -> interpret."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from dicom_io.findings import AlgorithmIdentity, Finding, Outcome, Report
from dicom_io.pixels import read_radiograph
from dicom_io.study import Instance, Series, Study
from dicom_io.volume import Radiograph, Volume
from dicom_io.volumes import read_volume
from models.contract import Violation, check_image, check_stack, check_study, suitable_series
from models.manifest import Manifest, RadiographPreprocessing, VolumePreprocessing
from models.prediction import ImagePrediction, VolumePrediction
from models.preprocess import probability_to_source_grid, radiograph_to_tensor, volume_to_tensor
from models.release import Release
from models.runtime import Runtime
from models.tilt import on_slices, straightened
from serving import interpret
from serving.errors import NotAnalysedError
from serving.guard import Guard
from serving.reasons import reason_in
from serving.settings.images import Images
from serving.stopwatch import Stopwatch
from serving.telemetry.metric_table import Stage

#: More images of one study than this are left to a person; the report names those that were read.
_MAXIMUM_IMAGES = 8


def _unheard(radiograph: Radiograph) -> None:
    """Nobody wants to know."""
    del radiograph


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """A report with what its result objects are drawn from."""

    #: What is said.
    report: Report
    #: The instances that were read; evidence of the report.
    sources: tuple[Instance, ...]
    #: What findings are drawn on: the image of the strongest one, else the first; None when not analysed.
    pixels: Radiograph | Volume | None
    #: Why it was not analysed, from a closed set; empty when it was.
    reason_code: str = ""
    #: What was found and required, as it is recorded; the report tells it in its own language.
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What one run of the line is about."""

    #: The study as it stood when its generation was closed.
    study: Study
    #: Number of that generation.
    generation: int
    #: The release that reads it.
    release: Release
    #: Language of what is said.
    language: str
    #: When that generation was closed: the time of all that is said, so that a repeated run writes the same bytes.
    closed_at: datetime
    #: What is asked first about every radiograph; None where the release demands nothing.
    guard: Guard | None = None
    #: How large its images may be.
    images: Images = field(default_factory=Images)
    #: Told of each radiograph that the model is asked about, just before.
    on_image: Callable[[Radiograph], None] = _unheard

    @property
    def manifest(self) -> Manifest:
        """What the release is."""
        return self.release.manifest


def analyse_study(subject: Subject, runtime: Runtime, stopwatch: Stopwatch) -> Analysis:
    """What the release says about the study.

    Raises:
        NotAnalysedError: the study lies outside the conditions of use.
        PixelError, GeometryError: the pixels cannot be read as what they claim to be.
        RuntimeFailedError: the model could not be run.
    """
    _demand(check_study(subject.study, subject.manifest.limits))
    spec = subject.manifest.preprocessing
    if isinstance(spec, RadiographPreprocessing):
        return _analyse_images(subject, spec, runtime, stopwatch)
    if isinstance(spec, VolumePreprocessing):
        return _analyse_volume(subject, spec, runtime, stopwatch)
    raise NotAnalysedError(
        "wrong_task", f"'{subject.manifest.name}' reads stays, not studies; mend the rule that named it"
    )


def not_analysed(subject: Subject, reason_code: str, reason: str) -> Analysis:
    """The report that says why nothing was analysed."""
    told = reason_in(subject.language, reason_code, reason)
    report = replace(_report(subject, (), {}, ()), outcome=Outcome.NOT_ANALYSED, reason=told)
    return Analysis(report=report, sources=subject.study.instances, pixels=None, reason_code=reason_code, reason=reason)


def _analyse_images(
    subject: Subject, spec: RadiographPreprocessing, runtime: Runtime, stopwatch: Stopwatch
) -> Analysis:
    images = [image for series in suitable_series(subject.study, subject.manifest.limits) for image in series.instances]
    images = images[:_MAXIMUM_IMAGES]
    for image in images:
        _demand(check_image(image, subject.manifest.limits))
    read = [_analyse_image(subject, spec, image, runtime, stopwatch) for image in images]
    findings = _numbered([finding for one in read for finding in one.findings])
    report = _report(subject, tuple(images), interpret.highest(one.scores for one in read), findings)
    strongest = max(read, key=lambda one: max((finding.probability for finding in one.findings), default=-1.0))
    return Analysis(report=report, sources=tuple(images), pixels=strongest.radiograph)


@dataclass(frozen=True, kw_only=True)
class _ImageReading:
    radiograph: Radiograph
    findings: tuple[Finding, ...]
    scores: dict[str, float]


def _analyse_image(
    subject: Subject, spec: RadiographPreprocessing, image: Instance, runtime: Runtime, stopwatch: Stopwatch
) -> _ImageReading:
    with stopwatch.time(Stage.DECODE):
        radiograph = read_radiograph(image, subject.images.maximum_pixels)
    if subject.guard is not None:
        with stopwatch.time(Stage.GUARD):
            subject.guard.check(radiograph, subject.language)
    with stopwatch.time(Stage.PREPROCESS):
        tensor, placement = radiograph_to_tensor(radiograph, spec)
    subject.on_image(radiograph)
    with stopwatch.time(Stage.INFER):
        outputs = runtime.infer({"image": tensor})
    with stopwatch.time(Stage.INTERPRET):
        rows, columns = radiograph.pixels.shape
        prediction = ImagePrediction(
            sop_instance_uid=image.sop_instance_uid,
            probabilities=_finite(outputs["probability"])[0],
            activations=_finite(outputs["activation"])[0],
            source_shape=(rows, columns),
        )
        named = {"study_uid": subject.study.study_instance_uid, "language": subject.language}
        findings = interpret.image_findings(prediction, placement, subject.manifest, **named)
        scores = interpret.scores_of(list(prediction.probabilities), subject.manifest, subject.language)
    return _ImageReading(radiograph=radiograph, findings=findings, scores=scores)


def _analyse_volume(subject: Subject, spec: VolumePreprocessing, runtime: Runtime, stopwatch: Stopwatch) -> Analysis:
    series = _longest(suitable_series(subject.study, subject.manifest.limits))
    with stopwatch.time(Stage.DECODE):
        volume = read_volume(series, subject.images.maximum_voxels)
    _demand(check_stack(len(volume.voxels), volume.spacing_mm[0], subject.manifest.limits))
    with stopwatch.time(Stage.PREPROCESS):
        upright = straightened(volume)
        tensor = volume_to_tensor(upright, spec)
    with stopwatch.time(Stage.INFER):
        outputs = runtime.infer({"image": tensor})
    with stopwatch.time(Stage.INTERPRET):
        probability = _finite(outputs["probability"])[0]
        prediction = _on_source_grid(probability, (volume, upright), subject.manifest)
        named = {"study_uid": subject.study.study_instance_uid, "language": subject.language}
        findings = interpret.volume_findings(prediction, volume, subject.manifest, **named)
        scores = interpret.scores_of(interpret.peak_of(prediction), subject.manifest, subject.language)
        maps = interpret.heat_maps(prediction, volume, subject.manifest, subject.language)
    read = tuple(image for image in series.instances if image.sop_instance_uid in set(volume.sop_instance_uids))
    report = replace(_report(subject, read, scores, findings), heat_maps=maps)
    return Analysis(report=report, sources=read, pixels=volume)


def _on_source_grid(probability: np.ndarray, volumes: tuple[Volume, Volume], manifest: Manifest) -> VolumePrediction:
    """What was computed on the second of *volumes*, upright, on the slices of the first."""
    volume, upright = volumes
    z, y, x = upright.voxels.shape
    return VolumePrediction(
        labels=tuple(
            on_slices(probability_to_source_grid(one, (z, y, x), label.threshold), volume)
            for one, label in zip(probability, manifest.labels, strict=True)
        )
    )


def _report(
    subject: Subject, read: tuple[Instance, ...], scores: dict[str, float], findings: tuple[Finding, ...]
) -> Report:
    manifest = subject.manifest
    parameters = tuple(f"threshold_{label.key}={label.threshold:g}" for label in manifest.labels)
    if subject.guard is not None:
        parameters += subject.guard.parameters
    return Report(
        study_instance_uid=subject.study.study_instance_uid,
        generation=subject.generation,
        outcome=Outcome.FINDING if findings else Outcome.NO_FINDING,
        algorithm=AlgorithmIdentity(
            name=manifest.name, version=manifest.version, digest=subject.release.digest, parameters=parameters
        ),
        findings=findings,
        source_uids=tuple(image.sop_instance_uid for image in read or subject.study.instances),
        scores=scores,
        created_at=subject.closed_at.isoformat(timespec="seconds"),
        language=subject.language,
        demonstration=manifest.demonstration,
    )


def _longest(series: tuple[Series, ...]) -> Series:
    """The series with most slices; of several equal ones the first by UID, so that a re-run reads the same."""
    return max(series, key=lambda one: sum(image.number_of_frames for image in one.instances))


def _numbered(findings: list[Finding]) -> tuple[Finding, ...]:
    """Strongest first, keys counted through over all images."""
    ordered = sorted(findings, key=lambda finding: -finding.probability)
    return tuple(replace(finding, key=f"{finding.label}-{rank}") for rank, finding in enumerate(ordered, start=1))


def _finite(values: np.ndarray) -> np.ndarray:
    """*values*, all finite: a graph that answers NaN has not analysed anything, and no result beats a wrong one."""
    if not np.isfinite(values).all():
        raise NotAnalysedError("model_gave_nonsense", "the model answered with values that are not finite numbers")
    return values


def _demand(violations: tuple[Violation, ...]) -> None:
    if violations:
        raise NotAnalysedError(violations[0].code.value, "; ".join(violation.text for violation in violations))
