"""Taking back what was said: a rejection note (IHE Imaging Object Change Management, RAD-66) for earlier results.

The archive then hides the objects or marks them, by its own policy; nothing is deleted by the note itself.
"""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from pydicom.uid import SecondaryCaptureImageStorage, SegmentationStorage

from dicom_io.codes import Code
from dicom_io.findings import AlgorithmIdentity
from dicom_io.results.content_items import Relation, composite_item, image_item
from dicom_io.results.draft import Draft
from dicom_io.results.encoding import sequence
from dicom_io.results.key_objects import KeyObjects, key_object_document, title_modifier
from dicom_io.results.kinds import ResultKind, audience
from dicom_io.results.parametric_map import PARAMETRIC_MAP_STORAGE
from dicom_io.results.provenance import Provenance, local_time, own_contribution
from dicom_io.results.segmentation import LABELMAP_STORAGE
from dicom_io.results.source import SourceSeries, identity_of, read_source_header
from dicom_io.results.wording import words_of
from dicom_io.results.write import WrittenObject, write_checked

SERIES_NUMBER = 991

_QUALITY = Code(value="113001", scheme="DCM", meaning="Rejected for Quality Reasons")
_SAFETY = Code(value="113037", scheme="DCM", meaning="Rejected for Patient Safety Reasons")
_SUPERSEDED = Code(value="superseded", scheme="99VARSEL", meaning="Superseded by a newer result")
_WITHDRAWN = Code(value="withdrawn", scheme="99VARSEL", meaning="Withdrawn after review")
#: SOP classes that are named as images; the others are documents.
_IMAGES = frozenset({SegmentationStorage, LABELMAP_STORAGE, SecondaryCaptureImageStorage, PARAMETRIC_MAP_STORAGE})


class WithdrawalReason(Enum):
    """Why results are taken back."""

    #: A later generation of the study, or another release, says something new.
    SUPERSEDED = "superseded"
    #: A clinician or the site took it back.
    WITHDRAWN = "withdrawn"
    #: It must not be used for this patient, e.g. it stands in the wrong study.
    PATIENT_SAFETY = "patient_safety"


#: Document Title and, where CID 7010 asks for one, its modifier. CID 7011 has none for AI, and is extensible.
_TITLES = {
    WithdrawalReason.SUPERSEDED: (_QUALITY, _SUPERSEDED),
    WithdrawalReason.WITHDRAWN: (_QUALITY, _WITHDRAWN),
    WithdrawalReason.PATIENT_SAFETY: (_SAFETY, None),
}


@dataclass(frozen=True, kw_only=True)
class EarlierObject:
    """A result object that was delivered."""

    #: SOP Class UID.
    sop_class_uid: str
    #: SOP Instance UID.
    sop_instance_uid: str
    #: Series Instance UID.
    series_instance_uid: str
    #: Its DICOM file as it was sent: patient and study of the note are read from the first.
    path: Path


@dataclass(frozen=True, kw_only=True)
class Withdrawal:
    """Which results are taken back, and why."""

    #: Study Instance UID of all of them.
    study_instance_uid: str
    #: The objects, at least one.
    objects: tuple[EarlierObject, ...]
    #: Why.
    reason: WithdrawalReason
    #: Which model said it.
    algorithm: AlgorithmIdentity
    #: ISO 8601 time with offset, fixed once, so that a repeated note is the same object.
    created_at: str
    #: Language of the description: ``da`` or ``en``.
    language: str = "en"


def write_withdrawal(withdrawal: Withdrawal, directory: Path) -> WrittenObject:
    """The rejection note on disk, for every destination that holds one of its objects.

    Raises:
        ConformanceError: it breaks a rule and was not written.
        NotDicomError: the first object's file is no DICOM file.
        OSError: a file cannot be read or written.
    """
    header = read_source_header(withdrawal.objects[0].path)
    sources = SourceSeries(header=header, images=())
    directory.mkdir(parents=True, exist_ok=True)
    return write_checked(_rejection_note(withdrawal, sources), sources, audience(ResultKind.KOS), directory)


def _rejection_note(withdrawal: Withdrawal, sources: SourceSeries) -> Draft:
    provenance = Provenance(
        identity=identity_of(sources.header),
        algorithm=withdrawal.algorithm,
        moment=local_time(withdrawal.created_at, sources.text("TimezoneOffsetFromUTC")),
        contributors=sequence(0x0018A001, own_contribution(withdrawal.algorithm)),
        stem=("withdrawal", withdrawal.reason.value, *(one.sop_instance_uid for one in withdrawal.objects)),
    )
    title, modifier = _TITLES[withdrawal.reason]
    told = KeyObjects(
        title=title,
        modifiers=() if modifier is None else (title_modifier(modifier),),
        description=f"AI: {words_of(withdrawal.language).withdrawals[withdrawal.reason.value]}",
        objects=tuple(_named(one) for one in withdrawal.objects),
        study_instance_uid=withdrawal.study_instance_uid,
        named=tuple((one.series_instance_uid, one.sop_class_uid, one.sop_instance_uid) for one in withdrawal.objects),
    )
    series = (SERIES_NUMBER, f"AI {withdrawal.algorithm.name} withdrawal")
    return key_object_document(told, provenance, series, ["note"])


def _named(one: EarlierObject) -> bytes:
    if one.sop_class_uid in _IMAGES:
        return image_item(Relation.CONTAINS, None, (one.sop_class_uid, one.sop_instance_uid))
    return composite_item(Relation.CONTAINS, None, one.sop_class_uid, one.sop_instance_uid)
