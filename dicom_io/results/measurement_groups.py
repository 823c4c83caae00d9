"""Measurement Groups of an SR: one for the outcome, one for each finding (PS3.16 TID 1410, 1411, 1501)."""

from collections.abc import Iterator
from enum import Enum

import numpy as np

from dicom_io.codes import (
    ANALYSIS_FAILED,
    ANALYSIS_OUTCOME,
    FINDING_REPORTED,
    MODEL_PROBABILITY,
    NO_FINDING,
    NO_UNITS,
    NOT_ANALYSED,
    Code,
)
from dicom_io.findings import Finding, Outcome, Region, Report, Segment
from dicom_io.results.content_items import (
    Relation,
    code_item,
    container,
    image_item,
    number_item,
    polyline_item,
    text_item,
    uid_item,
)
from dicom_io.results.kinds import ResultKind
from dicom_io.results.observer import algorithm_identification
from dicom_io.results.outline import shown_region
from dicom_io.results.segmentation import SOP_CLASSES, segmentation_uid
from dicom_io.results.source import SourceSeries
from dicom_io.results.source_image import image_items, image_of
from dicom_io.results.wording import words_of
from dicom_io.uids import derive_uid

_OUTCOMES = {
    Outcome.FINDING: FINDING_REPORTED,
    Outcome.NO_FINDING: NO_FINDING,
    Outcome.NOT_ANALYSED: NOT_ANALYSED,
    Outcome.FAILED: ANALYSIS_FAILED,
}
_GROUP = Code(value="125007", scheme="DCM", meaning="Measurement Group")
_TRACKING_IDENTIFIER = Code(value="112039", scheme="DCM", meaning="Tracking Identifier")
_TRACKING_UID = Code(value="112040", scheme="DCM", meaning="Tracking Unique Identifier")
_FINDING = Code(value="121071", scheme="DCM", meaning="Finding")
_FINDING_SITE = Code(value="363698007", scheme="SCT", meaning="Finding Site")
_COMMENT = Code(value="121106", scheme="DCM", meaning="Comment")
_IMAGE_REGION = Code(value="111030", scheme="DCM", meaning="Image Region")
_REFERENCED_SEGMENT = Code(value="121191", scheme="DCM", meaning="Referenced Segment")
_SOURCE = Code(value="260753009", scheme="SCT", meaning="Source")
_SOURCE_OF_MEASUREMENT = Code(value="121112", scheme="DCM", meaning="Source of Measurement")
_SOURCE_FOR_SEGMENTATION = Code(value="121233", scheme="DCM", meaning="Source Image for Segmentation")


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


def measurement_groups(report: Report, sources: SourceSeries, masks: ResultKind | None) -> Iterator[bytes]:
    """The groups of *report* as content items; *masks* is the Segmentation to refer to, if any.

    Where there is no finding, the outcome is the one group. Beside findings it is none (see *outcome_items*): the OHIF
    viewer stumbles over a whole report when one of its groups has no coordinates.

    Raises:
        ConformanceError: a finding lies on an image that was not read.
    """
    if not report.findings:
        yield _outcome_group(report, sources)
    segment_number = 0
    for finding in report.findings:
        place, segment = place_of(finding), finding.segment
        if place is Place.VOLUMETRIC and segment is not None:
            segment_number += 1
            if masks is None:
                yield _planar_group(report, finding, shown_region(segment), sources)
            else:
                shown = _image_of_segment(report, masks, segment_number)
                yield _volumetric_group(report, finding, segment, shown, sources)
        elif finding.region is not None:
            yield _planar_group(report, finding, finding.region, sources)
        else:
            yield _unplaced_group(report, finding, sources)


def outcome_items(report: Report) -> list[bytes]:
    """Which of the four answers this is, in words and codes that cannot be taken for another, and all the scores."""
    # Text, not NUM: a number without coordinates stops the OHIF viewer (OHIF/Viewers issue 3390).
    scores = [f"{label}: {probability:.0%}" for label, probability in report.scores.items()]
    comments = (*filter(None, [report.reason]), *scores)
    return [
        code_item(Relation.CONTAINS, ANALYSIS_OUTCOME, _OUTCOMES[report.outcome]),
        *(text_item(Relation.CONTAINS, _COMMENT, comment) for comment in comments),
    ]


def _outcome_group(report: Report, sources: SourceSeries) -> bytes:
    """TID 1501: the outcome as an observation of its own."""
    tracking_uid = derive_uid(report.study_instance_uid, report.algorithm.digest, "outcome")
    children = [
        *_tracking(words_of(report.language).analysis, tracking_uid),
        *algorithm_identification(report.algorithm),
        *outcome_items(report),
        *_only_image(sources),
    ]
    return container(_GROUP, children, template="1501")


def _planar_group(report: Report, finding: Finding, region: Region, sources: SourceSeries) -> bytes:
    """TID 1410: a closed POLYLINE on the image, in image coordinates (SCOORD)."""
    (image,) = image_items(Relation.SELECTED_FROM, _SOURCE, [image_of(sources, region.image)])
    children = [
        *_subject(report, finding),
        *_measurements(finding),
        polyline_item(Relation.CONTAINS, _IMAGE_REGION, region.polygon, image),
    ]
    return container(_GROUP, children, template="1410")


def _volumetric_group(report: Report, finding: Finding, segment: Segment, shown: bytes, sources: SourceSeries) -> bytes:
    """TID 1411: the segment that *shown* refers to, and the images it was seen on."""
    images = [image_of(sources, segment.images[z]) for z in np.flatnonzero(segment.areas)]
    region = shown_region(segment)
    (on,) = image_items(Relation.SELECTED_FROM, _SOURCE, [image_of(sources, region.image)])
    # Each number names the box on the slice that shows most (TID 320): OHIF shows no group without coordinates.
    seen_on = polyline_item(Relation.INFERRED_FROM, _SOURCE_OF_MEASUREMENT, region.polygon, on)
    children = [
        *_subject(report, finding),
        *_measurements(finding, seen_on),
        shown,
        *image_items(Relation.CONTAINS, _SOURCE_FOR_SEGMENTATION, images),
    ]
    return container(_GROUP, children, template="1411")


def _image_of_segment(report: Report, masks: ResultKind, number: int) -> bytes:
    """The reference to the segment with that *number* in the report's own Segmentation."""
    uids = (SOP_CLASSES[masks], segmentation_uid(report, masks))
    return image_item(Relation.CONTAINS, _REFERENCED_SEGMENT, uids, segment=number)


def _unplaced_group(report: Report, finding: Finding, sources: SourceSeries) -> bytes:
    children = [*_subject(report, finding), *_measurements(finding), *_only_image(sources)]
    return container(_GROUP, children, template="1501")


def _subject(report: Report, finding: Finding) -> list[bytes]:
    """What was found, where, and by what."""
    sites = () if finding.site is None else (code_item(Relation.MODIFIER, _FINDING_SITE, finding.site),)
    return [
        *_tracking(finding.text, finding.tracking_uid),
        code_item(Relation.CONTAINS, _FINDING, finding.concept),
        *sites,
        *algorithm_identification(report.algorithm, finding),
    ]


def _tracking(identifier: str, tracking_uid: str) -> tuple[bytes, bytes]:
    return (
        text_item(Relation.OBSERVER, _TRACKING_IDENTIFIER, identifier),
        uid_item(Relation.OBSERVER, _TRACKING_UID, tracking_uid),
    )


def _measurements(finding: Finding, *seen_on: bytes) -> list[bytes]:
    """TID 1419: the model's probability first, then what was measured."""
    numbers = [(MODEL_PROBABILITY, round(finding.probability, 4), NO_UNITS)]
    numbers += [(one.concept, one.value, one.unit) for one in finding.measurements]
    return [number_item(name, float(value), unit, seen_on) for name, value, unit in numbers]


def _only_image(sources: SourceSeries) -> list[bytes]:
    """The image, when only one was read; a statement about a whole series names none."""
    if len(sources.images) > 1:
        return []
    image = sources.images[0][1]
    return [image_item(Relation.CONTAINS, _SOURCE_OF_MEASUREMENT, (image.sop_class_uid, image.sop_instance_uid))]
