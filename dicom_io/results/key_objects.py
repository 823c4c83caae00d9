"""Key Object Selection (PS3.3 A.35.4, TID 2010): "look at these images", and notes about objects of ours."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from pydicom.uid import KeyObjectSelectionDocumentStorage

from dicom_io.codes import Code
from dicom_io.findings import Finding, ImageName, Report
from dicom_io.results.content_items import Relation, code_item, template_elements, text_item
from dicom_io.results.draft import Draft, draft
from dicom_io.results.encoding import code, sequence, text
from dicom_io.results.evidence import referenced_study
from dicom_io.results.kinds import ResultKind
from dicom_io.results.observer import device_observer
from dicom_io.results.provenance import Provenance, content_time, heading
from dicom_io.results.source import SourceSeries
from dicom_io.results.source_image import image_items, image_of
from dicom_io.results.wording import words_of

SERIES_NUMBER = 931

_OF_INTEREST = Code(value="113000", scheme="DCM", meaning="Of Interest")
_DESCRIPTION = Code(value="113012", scheme="DCM", meaning="Key Object Description")


@dataclass(frozen=True, kw_only=True)
class KeyObjects:
    """What a Key Object Selection says."""

    #: Document Title (CID 7010).
    title: Code
    #: Content items that narrow the title.
    modifiers: tuple[bytes, ...] = ()
    #: Key Object Description, in the language of the site.
    description: str
    #: Content items that refer to the objects.
    objects: tuple[bytes, ...]
    #: Study, then series, SOP class and SOP instance of each object.
    study_instance_uid: str
    #: As *evidence.referenced_study* takes them.
    named: tuple[tuple[str, str, str], ...]


def key_object_selection(report: Report, provenance: Provenance, sources: SourceSeries) -> Draft:
    """The images that the report's findings lie on: of a mask, the one that shows most of it.

    Raises:
        ConformanceError: a finding lies on an image that was not read.
    """
    names = dict.fromkeys(chain.from_iterable(_images_of(finding) for finding in report.findings))
    images = [image_of(sources, name) for name in names]
    words = words_of(report.language)
    findings = ", ".join(finding.text for finding in report.findings)
    selection = KeyObjects(
        title=_OF_INTEREST,
        description=f"AI - {words.warning}: {findings} ({report.algorithm.name} {report.algorithm.version})",
        objects=tuple(image_items(Relation.CONTAINS, None, images)),
        study_instance_uid=report.study_instance_uid,
        named=tuple(
            (sources.series_of(uid).series_instance_uid, sop_class, uid)
            for sop_class, uid in dict.fromkeys(one.uids for one in images)
        ),
    )
    return key_object_document(
        selection, provenance, (SERIES_NUMBER, f"AI {report.algorithm.name} key images"), ["kos"]
    )


def key_object_document(
    told: KeyObjects, provenance: Provenance, series: tuple[int, str], name: Sequence[str]
) -> Draft:
    """*told* as a document; *series* is number and description, *name* what its UIDs are derived from."""
    content = (
        *told.modifiers,
        *device_observer(provenance.algorithm),
        text_item(Relation.CONTAINS, _DESCRIPTION, told.description),
        *told.objects,
    )
    elements = (
        *content_time(provenance),
        sequence(0x00081111),
        text(0x0040A040, "CS", "CONTAINER"),
        code(0x0040A043, told.title),
        text(0x0040A050, "CS", "SEPARATE"),
        sequence(0x0040A375, referenced_study(told.study_instance_uid, told.named)),
        sequence(0x0040A504, template_elements("2010")),
        sequence(0x0040A730, *content),
    )
    head = heading(provenance, KeyObjectSelectionDocumentStorage, "KO", series, name)
    return draft(ResultKind.KOS, head, provenance, elements)


def has_key_images(report: Report) -> bool:
    """Whether any finding lies on an image."""
    return any(True for finding in report.findings for _ in _images_of(finding))


def title_modifier(modifier: Code) -> bytes:
    """Document Title Modifier (113011, DCM)."""
    name = Code(value="113011", scheme="DCM", meaning="Document Title Modifier")
    return code_item(Relation.MODIFIER, name, modifier)


def _images_of(finding: Finding) -> Iterable[ImageName]:
    if finding.segment is not None and any(finding.segment.areas):
        yield finding.segment.images[int(np.argmax(finding.segment.areas))]
    elif finding.region is not None:
        yield finding.region.image
