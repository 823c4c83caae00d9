"""Grayscale Softcopy Presentation State (PS3.3 A.33.1): findings as drawings over the images, for PACS without SR.

A layer of our own, and otherwise what the images say themselves: a viewer applies the whole state, and what that leaves
out counts as not there.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby
from operator import attrgetter, itemgetter

import numpy as np
from pydicom.uid import GrayscaleSoftcopyPresentationStateStorage

from dicom_io.findings import Finding, ImageName, Report
from dicom_io.results.display import ShownImage, shown_images, softcopy_voi_lut
from dicom_io.results.draft import Draft, draft
from dicom_io.results.encoding import element, reference, sequence, single, text, uid, unsigned
from dicom_io.results.kinds import ResultKind
from dicom_io.results.outline import box_around
from dicom_io.results.provenance import Heading, Provenance, heading
from dicom_io.results.source import SourceSeries, body_part_elements
from dicom_io.results.source_image import SourceImage, image_of, references
from dicom_io.results.wording import words_of
from dicom_io.study import Instance

SERIES_NUMBER = 941

_LAYER = "AI"


@dataclass(frozen=True, kw_only=True)
class _Shape:
    """A polygon with its label on one image."""

    #: The image.
    image: ImageName
    #: Closed, (column, row) pairs; the corner of the top left pixel is (0, 0).
    polygon: tuple[tuple[float, float], ...]
    #: What stands beside it.
    label: str


@dataclass(frozen=True, kw_only=True)
class _DrawnImage:
    """An image with what is drawn over it."""

    #: The image and how it asks to be shown.
    shown: ShownImage
    #: What is drawn.
    shapes: tuple[_Shape, ...]


def presentation_states(report: Report, provenance: Provenance, sources: SourceSeries) -> tuple[Draft, ...]:
    """The states that draw each finding: a polygon as it is, a mask as the box around it on each of its slices.

    A state has one Modality LUT and one polarity for all its images (PS3.3 C.11.1, C.11.6), so there is one for the
    images that are alike in both: as a rule one in all, in a PET one for each slice.

    Raises:
        ConformanceError: a finding lies on an image that was not read.
        NotDicomError, OSError: an image cannot be read any more.
    """
    alike: dict[tuple[bytes | str, ...], list[_DrawnImage]] = {}
    for one in _drawn(report, sources):
        alike.setdefault((*one.shown.modality, one.shown.presentation_shape), []).append(one)
    head = heading(
        provenance,
        GrayscaleSoftcopyPresentationStateStorage,
        "PR",
        (SERIES_NUMBER, f"AI {report.algorithm.name} drawings"),
        ["gsps"],
    )
    return tuple(
        draft(
            ResultKind.GSPS, _numbered(head, number, provenance), provenance, _state(group, report, provenance, sources)
        )
        for number, group in enumerate(alike.values(), start=1)
    )


def _numbered(head: Heading, number: int, provenance: Provenance) -> Heading:
    if number == 1:
        return head
    return replace(head, instance_number=number, sop_instance_uid=provenance.uid("gsps", str(number)))


def _drawn(report: Report, sources: SourceSeries) -> Iterator[_DrawnImage]:
    by_image = attrgetter("image.sop_instance_uid", "image.frame_number")
    shapes = sorted(chain.from_iterable(_shapes(finding) for finding in report.findings), key=by_image)
    groups = [tuple(group) for _, group in groupby(shapes, key=by_image)]
    shown = shown_images(image_of(sources, group[0].image) for group in groups)
    return (_DrawnImage(shown=one, shapes=group) for one, group in zip(shown, groups, strict=True))


def _state(
    drawn: Sequence[_DrawnImage], report: Report, provenance: Provenance, sources: SourceSeries
) -> tuple[bytes, ...]:
    """The elements of the state of images that are alike."""
    images = [one.shown.image for one in drawn]
    warning = words_of(report.language).warning
    return (
        *_referenced_series(images, sources),
        sequence(0x00700001, *(_annotation(one.shown.image, one.shapes) for one in drawn)),
        sequence(0x0070005A, *_displayed_areas(images)),
        sequence(0x00700060, _layer(warning)),
        text(0x00700080, "CS", "AI_FINDINGS"),
        text(0x00700081, "LO", f"AI - {warning} - {report.algorithm.name}"[:64]),
        text(0x00700082, "DA", provenance.date),
        text(0x00700083, "TM", provenance.time),
        text(0x00700084, "PN", ""),
        *drawn[0].shown.modality,
        *softcopy_voi_lut([one.shown for one in drawn]),
        *body_part_elements(sources),
        text(0x20500020, "CS", drawn[0].shown.presentation_shape),
    )


def _shapes(finding: Finding) -> Iterator[_Shape]:
    label = f"AI {finding.text} {finding.probability:.0%}".replace("%", " %")
    if finding.segment is not None and any(finding.segment.areas):
        for place in np.flatnonzero(finding.segment.areas):
            polygon = box_around(finding.segment.mask[place])
            yield _Shape(image=finding.segment.images[place], polygon=polygon, label=label)
    elif finding.region is not None:
        yield _Shape(image=finding.region.image, polygon=finding.region.polygon, label=label)


def _annotation(image: SourceImage, shapes: tuple[_Shape, ...]) -> bytes:
    """Graphic Annotation Sequence's item (PS3.3 C.10.5) of one image."""
    return b"".join(
        (
            sequence(0x00081140, reference(*image.uids, image.frames)),
            text(0x00700002, "CS", _LAYER),
            sequence(0x00700008, *(_label(shape, image.instance) for shape in shapes)),
            sequence(0x00700009, *(_outline(shape, image.instance) for shape in shapes)),
        )
    )


def _label(shape: _Shape, image: Instance) -> bytes:
    left, top = (min(axis) for axis in zip(*_on_image(shape, image), strict=True))
    return b"".join(
        (
            text(0x00700004, "CS", "PIXEL"),
            text(0x00700006, "ST", shape.label[:1024]),
            single(0x00700014, left, top),
            text(0x00700015, "CS", "N"),
        )
    )


def _outline(shape: _Shape, image: Instance) -> bytes:
    points = _on_image(shape, image)
    return b"".join(
        (
            text(0x00700005, "CS", "PIXEL"),
            unsigned(0x00700020, 2),
            unsigned(0x00700021, len(points)),
            single(0x00700022, *chain.from_iterable(points)),
            text(0x00700023, "CS", "POLYLINE"),
            text(0x00700024, "CS", "N"),
        )
    )


def _on_image(shape: _Shape, image: Instance) -> tuple[tuple[float, float], ...]:
    """The polygon within the image: PIXEL counts as an SR does, the image's corners being 0, 0 and columns, rows."""
    return tuple(
        (min(max(column, 0.0), float(image.columns)), min(max(row, 0.0), float(image.rows)))
        for column, row in shape.polygon
    )


def _referenced_series(images: Iterable[SourceImage], sources: SourceSeries) -> tuple[bytes]:
    pairs = [(sources.series_of(one.instance.sop_instance_uid).series_instance_uid, one) for one in images]
    listed = (
        sequence(0x00081140, *references(one for _, one in members)) + uid(0x0020000E, series_uid)
        for series_uid, members in groupby(sorted(pairs, key=itemgetter(0)), key=itemgetter(0))
    )
    return (sequence(0x00081115, *listed),)


def _displayed_areas(images: Iterable[SourceImage]) -> Iterator[bytes]:
    """Displayed Area Selection (PS3.3 C.10.4), required: the whole of each image."""
    for one in images:
        yield b"".join(
            (
                sequence(0x00081140, reference(*one.uids, one.frames)),
                element(0x00700052, "SL", struct.pack("<2i", 1, 1)),
                element(0x00700053, "SL", struct.pack("<2i", one.instance.columns, one.instance.rows)),
                text(0x00700100, "CS", "SCALE TO FIT"),
                text(0x00700102, "IS", "1", "1"),
            )
        )


def _layer(warning: str) -> bytes:
    return text(0x00700002, "CS", _LAYER) + text(0x00700062, "IS", "1") + text(0x00700068, "LO", f"AI - {warning}"[:64])
