"""The source images as the results need them: one header read, the rest from values already known."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydicom import dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.multival import MultiValue

from dicom_io.character_sets import decode_text
from dicom_io.errors import ConformanceError, NotDicomError
from dicom_io.functional_groups import FrameGroups, read_frame_groups
from dicom_io.results.encoding import element, tag_of
from dicom_io.study import Instance, Series, Study

#: Attributes of the Patient, General Study and Patient Study modules (PS3.3 C.7.1.1, C.7.2.1, C.7.2.2) and their VRs:
#: equal in the source and in every result, or a viewer takes them for another patient.
PATIENT_AND_STUDY = {
    "PatientName": "PN",
    "PatientID": "LO",
    "IssuerOfPatientID": "LO",
    "TypeOfPatientID": "CS",
    "IssuerOfPatientIDQualifiersSequence": "SQ",
    "PatientBirthDate": "DA",
    "PatientBirthTime": "TM",
    "PatientSex": "CS",
    "OtherPatientIDsSequence": "SQ",
    "OtherPatientNames": "PN",
    "EthnicGroup": "SH",
    "PatientComments": "LT",
    "PatientIdentityRemoved": "CS",
    "DeidentificationMethod": "LO",
    "DeidentificationMethodCodeSequence": "SQ",
    "StudyInstanceUID": "UI",
    "StudyDate": "DA",
    "StudyTime": "TM",
    "StudyID": "SH",
    "StudyDescription": "LO",
    "AccessionNumber": "SH",
    "IssuerOfAccessionNumberSequence": "SQ",
    "ReferringPhysicianName": "PN",
    "ProcedureCodeSequence": "SQ",
    "PatientAge": "AS",
    "PatientSize": "DS",
    "PatientWeight": "DS",
    "AdmissionID": "LO",
    "TimezoneOffsetFromUTC": "SH",
}
#: Type 2 attributes: in every result, empty where the source does not have them.
_TYPE_2 = frozenset(
    {
        "PatientName",
        "PatientID",
        "PatientSex",
        "PatientBirthDate",
        "StudyDate",
        "StudyTime",
        "StudyID",
        "AccessionNumber",
        "ReferringPhysicianName",
    }
)
_WITH_CHARACTER_SET = frozenset({"PN", "LO", "SH", "ST", "LT", "UT"})


@dataclass(frozen=True, kw_only=True)
class SourceSeries:
    """The images that were read, with the header of the first."""

    #: Every element before the pixels of the first image, in its own character set.
    header: Dataset
    #: The images that were read and the series each lies in, in the report's order.
    images: tuple[tuple[Series, Instance], ...]

    def instance(self, sop_instance_uid: str) -> Instance:
        """The image with that UID.

        Raises:
            ConformanceError: it is not among the images that were read.
        """
        return self._found(sop_instance_uid)[1]

    def series_of(self, sop_instance_uid: str) -> Series:
        """The series of the image with that UID.

        Raises:
            ConformanceError: it is not among the images that were read.
        """
        return self._found(sop_instance_uid)[0]

    def text(self, keyword: str) -> str:
        """An attribute of the first image as text; several values joined by a backslash, empty when absent."""
        if keyword not in self.header:
            return ""
        # The element stays as it came: asked for its value, pydicom would keep its own reading of the bytes.
        value = self.header.get_item(keyword).value
        if isinstance(value, bytes):
            texts = _in_utf_8(self.header, value).decode(errors="replace").split("\\")
            return "\\".join(one.strip(" \0") for one in texts)
        if isinstance(value, MultiValue):
            return "\\".join(str(one) for one in value)
        return "" if value is None else str(value)

    @cached_property
    def uids(self) -> frozenset[str]:
        """SOP Instance UIDs of the images."""
        return frozenset(self._by_uid)

    @cached_property
    def frame_groups(self) -> Mapping[str, tuple[FrameGroups, ...]]:
        """What each enhanced multi-frame object among the images says of its frames, by SOP Instance UID."""
        return {one.sop_instance_uid: read_frame_groups(one.path) for _, one in self.images if one.is_enhanced}

    @cached_property
    def identity(self) -> tuple[bytes, ...]:
        """Patient and study as encoded elements: the source's own bytes wherever they are UTF-8, else recoded."""
        return identity_of(self.header)

    def _found(self, sop_instance_uid: str) -> tuple[Series, Instance]:
        found = self._by_uid.get(sop_instance_uid)
        if found is None:
            raise ConformanceError(
                f"A finding lies on image '{sop_instance_uid}', which is none of the {len(self.images)} source images; "
                "required: findings on images named in the report's source_uids"
            )
        return found

    @cached_property
    def _by_uid(self) -> dict[str, tuple[Series, Instance]]:
        return {instance.sop_instance_uid: (series, instance) for series, instance in self.images}


def read_sources(study: Study, source_uids: Iterable[str]) -> SourceSeries:
    """The images of *study* named *source_uids*, with the header of the first.

    Raises:
        ConformanceError: there is none, or one is not in the study.
        NotDicomError: the first file is not DICOM.
        OSError: the first file cannot be opened.
    """
    known = {one.sop_instance_uid: (series, one) for series in study.series for one in series.instances}
    uids = tuple(source_uids)
    missing = [uid for uid in uids if uid not in known]
    if missing or not uids:
        raise ConformanceError(
            f"The report names {len(uids)} source images, {len(missing)} of them not in the study; "
            "required: at least one, all of them instances of the study that was read"
        )
    images = tuple(known[uid] for uid in uids)
    return SourceSeries(header=read_source_header(images[0][1].path), images=images)


def read_source_header(path: Path) -> Dataset:
    """What stands before the pixels of the DICOM file at *path*.

    Raises:
        NotDicomError: it is none.
        OSError: it cannot be opened.
    """
    try:
        return dcmread(path, stop_before_pixels=True)
    except InvalidDicomError as error:
        raise NotDicomError(
            "A source of results is no DICOM file (PS3.10); the study must be received again"
        ) from error


def body_part_elements(sources: SourceSeries) -> list[bytes]:
    """Body Part Examined and Laterality.

    Laterality is type 2C (PS3.3 C.7.3.1): required, if empty, unless the body part is known not to be paired.
    """
    body_part, told = sources.text("BodyPartExamined"), []
    if body_part:
        told.append(element(0x00180015, "CS", body_part.encode()))
    if "Laterality" in sources.header or not body_part:
        told.append(element(0x00200060, "CS", sources.text("Laterality").encode()))
    return told


def lossy_elements(sources: SourceSeries, own: tuple[str, str] | None = None) -> tuple[bytes, ...]:
    """Whether, how and how much the source was compressed with loss: what is derived from it inherits that.

    *own* is ratio and method of a compression of ours, which comes after it (PS3.3 C.7.6.1.1.5).
    """
    ratio, method = sources.text("LossyImageCompressionRatio"), sources.text("LossyImageCompressionMethod")
    if own is not None:
        ratio, method = ("\\".join(filter(None, pair)) for pair in zip((ratio, method), own, strict=True))
    lossy = "01" if own else sources.text("LossyImageCompression") or "00"
    return (
        element(0x00282110, "CS", lossy.encode()),
        *([element(0x00282112, "DS", ratio.encode())] if ratio else []),
        *([element(0x00282114, "CS", method.encode())] if method else []),
    )


def identity_of(header: Dataset) -> tuple[bytes, ...]:
    """The patient and study of *header* as encoded elements, text in UTF-8.

    UTF-8 is the one set that takes every name, while ISO_IR 100 silently turns other letters into question marks.
    """
    present = [(keyword, vr) for keyword, vr in PATIENT_AND_STUDY.items() if keyword in header]
    encoded = [_sequence(header, keyword) if vr == "SQ" else _value(header, keyword, vr) for keyword, vr in present]
    known = {tag_of(one) for one in encoded}
    empty = [keyword for keyword in _TYPE_2 if int(tag_for_keyword(keyword) or 0) not in known]
    return (*encoded, *(_element(keyword, b"") for keyword in empty))


def _value(header: Dataset, keyword: str, vr: str) -> bytes:
    raw = header.get_item(keyword)
    held = getattr(raw, "value", None)
    if isinstance(held, bytes):
        return _element(keyword, _in_utf_8(header, held) if vr in _WITH_CHARACTER_SET else held)
    value = header[keyword].value
    several = value if isinstance(value, MultiValue) else [value]
    return _element(keyword, "\\".join("" if one is None else str(one) for one in several).encode())


def _element(keyword: str, value: bytes) -> bytes:
    return element(int(tag_for_keyword(keyword) or 0), PATIENT_AND_STUDY[keyword], value)


def _in_utf_8(header: Dataset, value: bytes) -> bytes:
    """*value* as it is where it means the same in UTF-8, else read as the rest of the house reads it, and recoded."""
    # ASCII means the same in every set but for the few where bytes below 128 escape.
    if value.isascii() and b"\x1b" not in value:
        return value
    held = header.get("SpecificCharacterSet") or ""
    declared = held if isinstance(held, str) else "\\".join(str(one or "") for one in held)
    return decode_text(value, declared).encode()


def _sequence(header: Dataset, keyword: str) -> bytes:
    """A sequence in UTF-8, by pydicom: it may hold anything, and real ones are rare."""
    held = Dataset()
    held.add(header[keyword])
    held.SpecificCharacterSet = header.get("SpecificCharacterSet", "ISO_IR 100")
    held.decode()
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    write_data_element(buffer, held[keyword], ["utf_8"])
    return buffer.getvalue()
