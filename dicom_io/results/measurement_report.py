"""Comprehensive 3D SR with root TID 1500 (PS3.16), the object that IHE AI Results carries findings in."""

from collections.abc import Iterator
from enum import Enum
from typing import TypeAlias

import highdicom as hd
import numpy as np
from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from dicom_io.codes import (
    ANALYSIS_FAILED,
    ANALYSIS_OUTCOME,
    FINDING_REPORTED,
    MODEL_PROBABILITY,
    NO_FINDING,
    NO_UNITS,
    NOT_ANALYSED,
)
from dicom_io.errors import ConformanceError
from dicom_io.findings import Finding, Outcome, Region, Report, Segment
from dicom_io.results.image_library import image_library
from dicom_io.results.provenance import (
    algorithm_identification,
    coding_schemes,
    concept,
    contributing_equipment,
    device_observer,
    equipment,
    finish,
    object_uid,
)
from dicom_io.results.segmentation import reference_segmentation
from dicom_io.results.source import SourceSeries
from dicom_io.uids import derive_uid

SERIES_NUMBER = 901

_OUTCOMES = {
    Outcome.FINDING: FINDING_REPORTED,
    Outcome.NO_FINDING: NO_FINDING,
    Outcome.NOT_ANALYSED: NOT_ANALYSED,
    Outcome.FAILED: ANALYSIS_FAILED,
}
_LANGUAGES = {"da": "Danish", "en": "English"}

Group: TypeAlias = (
    sr.PlanarROIMeasurementsAndQualitativeEvaluations
    | sr.VolumetricROIMeasurementsAndQualitativeEvaluations
    | sr.MeasurementsAndQualitativeEvaluations
)


class Place(Enum):
    """How a finding is placed. One SR holds one kind: viewers fail on a mixture."""

    #: A polygon on one image: TID 1410.
    PLANAR = "planar"
    #: A segment of the Segmentation object: TID 1411.
    VOLUMETRIC = "volumetric"
    #: Nowhere in particular, or no finding at all: TID 1501.
    NONE = "none"


def place_of(finding: Finding) -> Place:
    """How *finding* is placed; a mask counts before a polygon, an empty mask is no place."""
    if finding.segment is not None and any(finding.segment.areas):
        return Place.VOLUMETRIC
    return Place.NONE if finding.region is None else Place.PLANAR


def measurement_report(report: Report, sources: SourceSeries) -> Dataset:
    """The SR of *report*: COMPLETE, UNVERIFIED, PRELIMINARY; a group for the outcome and one for each finding.

    Raises:
        ConformanceError: the findings are placed in different ways, or one lies on an image that was not read.
    """
    places = {place_of(finding) for finding in report.findings} or {Place.NONE}
    if len(places) > 1:
        raise ConformanceError(
            f"The report mixes {', '.join(sorted(place.value for place in places))} findings; "
            "required: one way of placing in an SR; write_results splits such reports"
        )
    place = places.pop()
    evidence = sources.evidence() + ([reference_segmentation(report)] if place is Place.VOLUMETRIC else [])
    root = _content(report, sources)[0]
    # Highdicom copies, parses and searches what it is given: 25 ms without the groups and the library, 120 with them.
    measurements = root.ContentSequence[-1]
    del root.ContentSequence[-1]
    document = sr.Comprehensive3DSR(
        evidence=evidence,
        content=root,
        series_instance_uid=object_uid(report, "sr", place.value, "series"),
        series_number=SERIES_NUMBER + list(Place).index(place),
        sop_instance_uid=object_uid(report, "sr", place.value),
        instance_number=1,
        is_complete=True,
        is_verified=False,
        is_final=False,
        series_description=f"AI {report.algorithm.name} findings"[:64],
        contributing_equipment=contributing_equipment(report),
        coding_schemes=coding_schemes(),
        **equipment(report.algorithm),
    )
    document.ContentSequence = [*document.ContentSequence, image_library(sources), measurements]
    finish(document, report, sources)
    return document


def _content(report: Report, sources: SourceSeries) -> sr.MeasurementReport:
    language = hd.sr.CodedConcept(report.language, "RFC5646", _LANGUAGES.get(report.language, report.language))
    is_ct = sources.images[0][0].modality == "CT"
    return sr.MeasurementReport(
        observation_context=device_observer(report.algorithm),
        procedure_reported=codes.LN.CTUnspecifiedBodyRegion if is_ct else codes.SCT.ImagingProcedure,
        imaging_measurements=list(_groups(report, sources)),
        language_of_content_item_and_descendants=sr.LanguageOfContentItemAndDescendants(language),
    )


def _groups(report: Report, sources: SourceSeries) -> Iterator[Group]:
    yield _outcome_group(report, sources)
    segment_number = 0
    for finding in report.findings:
        place = place_of(finding)
        if place is Place.PLANAR and finding.region is not None:
            yield _planar_group(report, finding, finding.region, sources)
        elif place is Place.VOLUMETRIC and finding.segment is not None:
            segment_number += 1
            yield _volumetric_group(report, finding, finding.segment, segment_number, sources)
        else:
            yield _unplaced_group(report, finding, sources)


def _outcome_group(report: Report, sources: SourceSeries) -> sr.MeasurementsAndQualitativeEvaluations:
    """TID 1501: which of the four answers this is, in words and codes that cannot be taken for another."""
    text = "AI-analyse" if report.language == "da" else "AI analysis"
    group = sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=derive_uid(report.study_instance_uid, report.algorithm.digest, "outcome"), identifier=text
        ),
        algorithm_id=algorithm_identification(report.algorithm),
        qualitative_evaluations=[
            sr.QualitativeEvaluation(name=concept(ANALYSIS_OUTCOME), value=concept(_OUTCOMES[report.outcome]))
        ],
        source_images=_only_image(sources),
    )
    # Text, not NUM: a number without coordinates stops the OHIF viewer (OHIF/Viewers issue 3390).
    scores = [f"{label}: {probability:.0%}" for label, probability in report.scores.items()]
    for comment in (*filter(None, [report.reason]), *scores):
        group[0].ContentSequence.append(
            sr.TextContentItem(
                name=codes.DCM.Comment, value=comment, relationship_type=sr.RelationshipTypeValues.CONTAINS
            )
        )
    return group


def _planar_group(
    report: Report, finding: Finding, region: Region, sources: SourceSeries
) -> sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    """TID 1410: a closed POLYLINE on the image, in image coordinates (SCOORD)."""
    image = sources.instance(region.sop_instance_uid)
    polyline = sr.ImageRegion(
        graphic_type=sr.GraphicTypeValues.POLYLINE,
        graphic_data=np.asarray(region.polygon, dtype=np.float64),
        source_image=sr.SourceImageForRegion(image.sop_class_uid, image.sop_instance_uid),
    )
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(finding),
        referenced_region=polyline,
        finding_type=concept(finding.concept),
        finding_sites=_sites(finding),
        algorithm_id=algorithm_identification(report.algorithm, finding),
        measurements=_measurements(finding),
    )


def _volumetric_group(
    report: Report, finding: Finding, segment: Segment, number: int, sources: SourceSeries
) -> sr.VolumetricROIMeasurementsAndQualitativeEvaluations:
    """TID 1411: the segment with that *number*, and the images it was seen on."""
    areas = np.asarray(segment.areas)
    images = [sources.instance(segment.sop_instance_uids[z]) for z in np.flatnonzero(areas)]
    largest = sources.instance(segment.sop_instance_uids[int(areas.argmax())])
    seg = reference_segmentation(report)
    # Built by hand: ReferencedSegment.from_segmentation fails on a Segmentation of one segment (highdicom 0.28.2).
    referenced = sr.ReferencedSegment(
        seg.SOPClassUID,
        seg.SOPInstanceUID,
        number,
        source_images=[sr.SourceImageForSegmentation(one.sop_class_uid, one.sop_instance_uid) for one in images],
    )
    # Each number names the slice with the largest area: OHIF needs an item below a number without coordinates.
    seen_on = [sr.SourceImageForMeasurement(largest.sop_class_uid, largest.sop_instance_uid)]
    return sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(finding),
        referenced_segment=referenced,
        finding_type=concept(finding.concept),
        finding_sites=_sites(finding),
        algorithm_id=algorithm_identification(report.algorithm, finding),
        measurements=_measurements(finding, seen_on),
    )


def _unplaced_group(
    report: Report, finding: Finding, sources: SourceSeries
) -> sr.MeasurementsAndQualitativeEvaluations:
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(finding),
        finding_type=concept(finding.concept),
        finding_sites=_sites(finding),
        algorithm_id=algorithm_identification(report.algorithm, finding),
        measurements=_measurements(finding),
        source_images=_only_image(sources),
    )


def _tracking(finding: Finding) -> sr.TrackingIdentifier:
    return sr.TrackingIdentifier(uid=finding.tracking_uid, identifier=finding.text)


def _sites(finding: Finding) -> list[sr.FindingSite] | None:
    return None if finding.site is None else [sr.FindingSite(concept(finding.site))]


def _measurements(finding: Finding, seen_on: list[sr.SourceImageForMeasurement] | None = None) -> list[sr.Measurement]:
    """TID 1419: the model's probability first, then what was measured."""
    numbers = [(MODEL_PROBABILITY, round(finding.probability, 4), NO_UNITS)]
    numbers += [(one.concept, one.value, one.unit) for one in finding.measurements]
    return [
        sr.Measurement(name=concept(name), value=float(value), unit=concept(unit), referenced_images=seen_on)
        for name, value, unit in numbers
    ]


def _only_image(sources: SourceSeries) -> list[sr.SourceImageForMeasurementGroup] | None:
    """The image, when only one was read; a statement about a whole series names none."""
    if len(sources.images) > 1:
        return None
    image = sources.images[0][1]
    return [sr.SourceImageForMeasurementGroup(image.sop_class_uid, image.sop_instance_uid)]
