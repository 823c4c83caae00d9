"""Segmentation (PS3.3 A.51): the masks of a report on the source series' own grid, binary or as a label map.

Encoded here rather than built with highdicom, which stays the judge: the tests read both kinds with it and with dcmqi.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from pydicom.uid import SegmentationStorage

from dicom_io.codes import Code
from dicom_io.errors import ConformanceError
from dicom_io.findings import AlgorithmIdentity, Finding, Report, Segment
from dicom_io.results.draft import Draft, draft
from dicom_io.results.encoding import code, sequence, text, uid, unsigned
from dicom_io.results.frames import Grid, dimension_elements, frame_groups, grid_of, reference_elements, shared_groups
from dicom_io.results.kinds import ResultKind
from dicom_io.results.mask_pixels import numbered_labels, overlap, packed_bits
from dicom_io.results.provenance import Provenance, content_time, heading, run_stem
from dicom_io.results.source import SourceSeries, lossy_elements
from dicom_io.uids import derive_uid

SERIES_NUMBER = {ResultKind.SEG: 911, ResultKind.LABELMAP: 912}
#: Label Map Segmentation Storage (Supplement 243), which pydicom's dictionary does not have yet.
LABELMAP_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"
SOP_CLASSES = {ResultKind.SEG: str(SegmentationStorage), ResultKind.LABELMAP: LABELMAP_STORAGE}

_SEGMENTATION = Code(value="113076", scheme="DCM", meaning="Segmentation")
_ABNORMAL = Code(value="49755003", scheme="SCT", meaning="Morphologically Abnormal Structure")
_BACKGROUND = Code(value="125040", scheme="DCM", meaning="Background")
_ARTIFICIAL_INTELLIGENCE = Code(value="123110", scheme="DCM", meaning="Artificial Intelligence")


@dataclass(frozen=True, kw_only=True)
class Marked:
    """The findings of a report that have a mask, on one grid."""

    #: In the report's order: their place here, from 1, is their Segment Number.
    findings: tuple[Finding, ...]
    #: The mask of each.
    segments: tuple[Segment, ...]

    @cached_property
    def overlap(self) -> bool:
        """Whether a voxel lies in two of the masks, so that a label map cannot tell them."""
        return overlap(self.segments)


def marked(report: Report) -> Marked | None:
    """What a Segmentation of *report* holds; None when no finding has a mask.

    No empty object is ever written: viewers hang on empty segments, and the SR says that nothing was found.

    Raises:
        ConformanceError: the masks do not lie on one grid.
    """
    pairs = [(one, one.segment) for one in report.findings if one.segment is not None and any(one.segment.areas)]
    if not pairs:
        return None
    _check_one_grid([segment for _, segment in pairs])
    return Marked(findings=tuple(one for one, _ in pairs), segments=tuple(segment for _, segment in pairs))


def segmentation_uid(report: Report, kind: ResultKind) -> str:
    """SOP Instance UID of that *kind* of Segmentation of *report*, known before it is built."""
    return derive_uid(*run_stem(report), kind.value)


def segmentation_series_uid(report: Report, kind: ResultKind) -> str:
    """Its Series Instance UID."""
    return derive_uid(*run_stem(report), kind.value, "series")


def segmentation(kind: ResultKind, masks: Marked, provenance: Provenance, sources: SourceSeries) -> Draft:
    """The Segmentation with one segment a finding; *kind* is SEG or LABELMAP.

    Raises:
        ConformanceError: a mask lies on an image that was not read, or not on its rows and columns.
    """
    grid = _grid(masks, sources)
    is_binary = kind is ResultKind.SEG
    pixels = packed_bits(masks.segments) if is_binary else numbered_labels(masks.segments)
    elements = (
        *_image_elements(provenance, sources, (len(pixels.frames), *masks.segments[0].mask.shape[1:])),
        *reference_elements(grid, sorted({frame.place for frame in pixels.frames}), sources),
        *dimension_elements(grid, provenance.uid(kind.value, "dimensions"), by_segment=is_binary),
        text(0x00620001, "CS", "BINARY" if is_binary else "LABELMAP"),
        sequence(0x00620002, *_segment_items(kind, masks.findings, provenance.algorithm)),
        text(0x00620013, "CS", "YES" if is_binary and masks.overlap else "NO"),
        shared_groups(grid),
        frame_groups(grid, pixels.frames, _SEGMENTATION),
        *pixels.elements,
    )
    name = f"AI {provenance.algorithm.name} masks"
    head = heading(provenance, SOP_CLASSES[kind], "SEG", (SERIES_NUMBER[kind], name), [kind.value])
    return draft(kind, head, provenance, elements)


def _grid(masks: Marked, sources: SourceSeries) -> Grid:
    first = masks.segments[0]
    grid = grid_of(first.images, sources)
    rows, columns = first.mask.shape[1:]
    if any((one.instance.rows, one.instance.columns) != (rows, columns) for one in grid.images):
        raise ConformanceError(
            f"Masks have {rows} x {columns} pixels, an image of theirs not; required: masks on the source's own grid"
        )
    return grid


def _segment_items(kind: ResultKind, findings: Sequence[Finding], algorithm: AlgorithmIdentity) -> Iterator[bytes]:
    """Segment Sequence (0062,0002); every pixel value of a label map is described, also 0 (PS3.3 C.8.20.2)."""
    if kind is ResultKind.LABELMAP:
        yield b"".join(
            (
                code(0x00620003, _BACKGROUND),
                unsigned(0x00620004, 0),
                text(0x00620005, "LO", "Background"),
                text(0x00620008, "CS", "AUTOMATIC"),
                text(0x00620009, "LO", algorithm.name[:64]),
                code(0x0062000F, _BACKGROUND),
            )
        )
    for number, finding in enumerate(findings, start=1):
        yield _segment_item(number, finding, algorithm)


def _segment_item(number: int, finding: Finding, algorithm: AlgorithmIdentity) -> bytes:
    return b"".join(
        (
            b"" if finding.site is None else code(0x00082218, finding.site),
            code(0x00620003, _ABNORMAL),
            unsigned(0x00620004, number),
            text(0x00620005, "LO", finding.text[:64]),
            sequence(0x00620007, _algorithm_elements(algorithm)),
            text(0x00620008, "CS", "AUTOMATIC"),
            text(0x00620009, "LO", algorithm.name[:64]),
            code(0x0062000F, finding.concept),
            text(0x00620020, "UT", finding.text[:64]),
            uid(0x00620021, finding.tracking_uid),
        )
    )


def _algorithm_elements(algorithm: AlgorithmIdentity) -> bytes:
    """Segmentation Algorithm Identification (PS3.3 10.16)."""
    return b"".join(
        (
            text(0x00240202, "LO", algorithm.manufacturer[:64]),
            code(0x0066002F, _ARTIFICIAL_INTELLIGENCE),
            text(0x00660031, "LO", algorithm.version[:64]),
            text(0x00660032, "LT", f"model_sha256={algorithm.digest}"),
            text(0x00660036, "LO", algorithm.name[:64]),
        )
    )


def _image_elements(provenance: Provenance, sources: SourceSeries, shape: tuple[int, int, int]) -> tuple[bytes, ...]:
    """Image Pixel, Multi-frame and Segmentation Image modules; *shape* is frames, rows, columns."""
    frames, rows, columns = shape
    return (
        text(0x00080008, "CS", "DERIVED", "PRIMARY"),
        *content_time(provenance),
        unsigned(0x00280002, 1),
        text(0x00280004, "CS", "MONOCHROME2"),
        text(0x00280008, "IS", str(frames)),
        unsigned(0x00280010, rows),
        unsigned(0x00280011, columns),
        unsigned(0x00280103, 0),
        *lossy_elements(sources),
        text(0x00700080, "CS", "AI_FINDINGS"),
        text(0x00700081, "LO", f"AI {provenance.algorithm.name} {provenance.algorithm.version}"[:64]),
        text(0x00700084, "PN", ""),
        text(0x20500020, "CS", "IDENTITY"),
    )


def _check_one_grid(segments: Sequence[Segment]) -> None:
    first = segments[0]
    for segment in segments:
        if segment.images != first.images or segment.mask.shape != first.mask.shape:
            raise ConformanceError(
                f"Masks of shape {first.mask.shape} and {segment.mask.shape} stand in one report; "
                "required: all masks on the same slices of one source series"
            )
    if len(first.sop_instance_uids) != len(first.mask):
        raise ConformanceError(
            f"A mask of {len(first.mask)} slices names {len(first.sop_instance_uids)} images; required: one a slice"
        )
