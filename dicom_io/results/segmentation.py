"""Binary Segmentation (PS3.3 A.51): the masks of a report on the source series' own grid."""

import highdicom as hd
import numpy as np
import numpy.typing as npt
from highdicom.seg import SegmentationTypeValues, SegmentDescription
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, SegmentationStorage

from dicom_io.errors import ConformanceError
from dicom_io.findings import Finding, Report, Segment
from dicom_io.results.provenance import (
    coding_schemes,
    concept,
    contributing_equipment,
    equipment,
    finish,
    object_uid,
    segment_algorithm,
)
from dicom_io.results.source import SourceSeries

SERIES_NUMBER = 911


def reference_segmentation(report: Report) -> Dataset:
    """The UIDs that the Segmentation of *report* has, known before it is built."""
    dataset = Dataset()
    dataset.StudyInstanceUID = report.study_instance_uid
    dataset.SeriesInstanceUID = object_uid(report, "seg", "series")
    dataset.SOPClassUID = SegmentationStorage
    dataset.SOPInstanceUID = object_uid(report, "seg")
    return dataset


def segmentation(report: Report, sources: SourceSeries) -> Dataset | None:
    """The Segmentation with one segment a finding that has a mask, in the report's order; None when there is none.

    No empty object is ever written: viewers hang on empty segments, and the SR says that nothing was found.

    Raises:
        ConformanceError: the masks do not lie on one grid, or on images that were not read.
    """
    marked = [(one, one.segment) for one in report.findings if one.segment is not None and any(one.segment.areas)]
    if not marked:
        return None
    segments = [segment for _, segment in marked]
    _check_one_grid(segments)
    # Only the slices between the first and the last with a mask: half the time, and no frame is lost.
    touched = np.flatnonzero(np.any([segment.areas for segment in segments], axis=0))
    span = slice(int(touched[0]), int(touched[-1]) + 1)
    uids = reference_segmentation(report)
    dataset = hd.seg.Segmentation(
        source_images=[sources.stand_in(uid) for uid in segments[0].sop_instance_uids[span]],
        pixel_array=_stack([segment.mask[span] for segment in segments]),
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[
            _description(report, finding, number) for number, (finding, _) in enumerate(marked, start=1)
        ],
        series_instance_uid=uids.SeriesInstanceUID,
        series_number=SERIES_NUMBER,
        sop_instance_uid=uids.SOPInstanceUID,
        instance_number=1,
        series_description=f"AI {report.algorithm.name} masks"[:64],
        content_label="AI_FINDINGS",
        content_description=f"AI {report.algorithm.name} {report.algorithm.version}"[:64],
        omit_empty_frames=True,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        contributing_equipment=contributing_equipment(report),
        coding_schemes=coding_schemes(),
        **equipment(report.algorithm),
    )
    if "FrameOfReferenceUID" not in dataset:
        # Type 2C (PS3.3 C.7.6.1) where no plane says how the patient lies; highdicom leaves it out.
        dataset.PatientOrientation = sources.header.get("PatientOrientation") or ""
    finish(dataset, report, sources)
    _fix_dimension_organization(dataset, object_uid(report, "seg", "dimensions"))
    return dataset


def _description(report: Report, finding: Finding, number: int) -> SegmentDescription:
    return SegmentDescription(
        segment_number=number,
        segment_label=finding.text[:64],
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=concept(finding.concept),
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=segment_algorithm(report.algorithm),
        tracking_uid=finding.tracking_uid,
        tracking_id=finding.text[:64],
        anatomic_regions=None if finding.site is None else [concept(finding.site)],
    )


def _stack(masks: list[npt.NDArray[np.bool_]]) -> npt.NDArray[np.uint8]:
    """The masks as numbered labels (z, y, x); as (z, y, x, segment) where they overlap, so that nothing is lost."""
    labels = np.zeros(masks[0].shape, dtype=np.uint8)
    for number, mask in enumerate(masks, start=1):
        if number > np.iinfo(np.uint8).max or labels[mask].any():
            return np.stack(masks, axis=-1).astype(np.uint8)
        labels[mask] = number
    return labels


def _check_one_grid(segments: list[Segment]) -> None:
    first = segments[0]
    for segment in segments:
        if segment.sop_instance_uids != first.sop_instance_uids or segment.mask.shape != first.mask.shape:
            raise ConformanceError(
                f"Masks of shape {first.mask.shape} and {segment.mask.shape} stand in one report; "
                "required: all masks on the same slices of one source series"
            )
    if len(first.sop_instance_uids) != len(first.mask):
        raise ConformanceError(
            f"A mask of {len(first.mask)} slices names {len(first.sop_instance_uids)} images; required: one a slice"
        )


def _fix_dimension_organization(dataset: Dataset, uid: str) -> None:
    """Replace the random Dimension Organization UID (0020,9164), wherever it stands."""
    for item in (*dataset.DimensionOrganizationSequence, *dataset.DimensionIndexSequence):
        item.DimensionOrganizationUID = uid
