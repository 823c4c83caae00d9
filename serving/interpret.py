"""From what a model computed to what is said: the only room that knows both words."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from dicom_io.codes import CUBIC_MILLIMETRE, DIAMETER, MILLIMETRE, VOLUME
from dicom_io.findings import Finding, HeatMap, Measurement, Region, Segment
from dicom_io.uids import derive_uid
from dicom_io.volume import Volume
from models.manifest import Label, Manifest
from models.postprocess import Component, components_of, region_of
from models.prediction import ImagePrediction, VolumePrediction
from models.preprocess import Placement


def image_findings(
    prediction: ImagePrediction, placement: Placement, manifest: Manifest, *, study_uid: str, language: str
) -> tuple[Finding, ...]:
    """Each label of one image whose probability reaches its operating point, with the place that speaks for it."""
    said = []
    for index, label in enumerate(manifest.labels):
        probability = float(prediction.probabilities[index])
        if probability >= label.threshold:
            polygon = region_of(prediction.activations[index], placement, prediction.source_shape)
            region = Region(sop_instance_uid=prediction.sop_instance_uid, polygon=polygon) if polygon else None
            key = f"{label.key}-{prediction.sop_instance_uid}"
            finding = _finding(label, key, probability, (manifest.name, study_uid), language)
            said.append(replace(finding, region=region))
    return tuple(said)


def volume_findings(
    prediction: VolumePrediction, volume: Volume, manifest: Manifest, *, study_uid: str, language: str
) -> tuple[Finding, ...]:
    """Each connected component of each label that reaches the operating point, strongest first, with its size."""
    said = []
    for cut, label in zip(prediction.labels, manifest.labels, strict=True):
        found = components_of(cut.values, label.threshold, volume.spacing_mm, label.minimum_volume_mm3)
        for rank, component in enumerate(found, start=1):
            key = f"{label.key}-{volume.series_instance_uid}-{rank}"
            finding = _finding(label, key, component.probability, (manifest.name, study_uid), language, rank)
            segment = Segment(
                mask=cut.on_whole_grid(component.mask),
                sop_instance_uids=volume.sop_instance_uids,
                frame_numbers=volume.frame_numbers,
                within=(cut.place[0], cut.place[1], cut.place[2]),
            )
            said.append(replace(finding, segment=segment, measurements=_sizes(component)))
    return tuple(said)


def heat_maps(prediction: VolumePrediction, volume: Volume, manifest: Manifest, language: str) -> tuple[HeatMap, ...]:
    """The probabilities of each label that reaches its operating point, around what reaches it."""
    return tuple(
        HeatMap(
            label=label.key,
            text=label.text.in_language(language),
            site=label.site,
            values=cut.values,
            sop_instance_uids=volume.sop_instance_uids,
            frame_numbers=volume.frame_numbers,
            offset=(cut.place[0].start, cut.place[1].start, cut.place[2].start),
        )
        for label, cut in zip(manifest.labels, prediction.labels, strict=True)
        if (cut.values >= label.threshold).any()
    )


def highest(scores: Iterable[dict[str, float]]) -> dict[str, float]:
    """The highest score of each label over several images."""
    merged: dict[str, float] = {}
    for one in scores:
        for label, value in one.items():
            merged[label] = max(value, merged.get(label, 0.0))
    return merged


def scores_of(probabilities: Sequence[float], manifest: Manifest, language: str) -> dict[str, float]:
    """Label text -> probability, for people, also below the operating point."""
    return {
        label.text.in_language(language): round(float(value), 4)
        for label, value in zip(manifest.labels, probabilities, strict=True)
    }


def peak_of(prediction: VolumePrediction) -> list[float]:
    """The highest probability of each label anywhere in the volume."""
    return [float(cut.values.max()) for cut in prediction.labels]


def _sizes(component: Component) -> tuple[Measurement, ...]:
    return (
        Measurement(concept=DIAMETER, value=round(component.diameter_mm, 1), unit=MILLIMETRE),
        Measurement(concept=VOLUME, value=round(component.volume_mm3, 0), unit=CUBIC_MILLIMETRE),
    )


def _finding(
    label: Label, key: str, probability: float, named: tuple[str, str], language: str, rank: int | None = None
) -> Finding:
    """The finding without its place; its tracking UID holds over re-runs and releases of the same model."""
    model, study_uid = named
    text = label.text.in_language(language)
    return Finding(
        key=f"{label.key}-{rank or 1}",
        label=label.key,
        concept=label.concept,
        site=label.site,
        text=text if rank is None else f"{text} {rank}",
        tracking_uid=derive_uid("tracking", study_uid, model, key),
        probability=round(probability, 4),
        threshold=label.threshold,
    )
