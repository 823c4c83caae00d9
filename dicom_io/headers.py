"""What rules, geometry and the inbox need of one DICOM object, read without touching its pixels."""

import dataclasses
import mmap
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from dicom_io.ages import age_years, plain_date
from dicom_io.elements import HEADER, NO_PIXELS, Elements, read_elements
from dicom_io.errors import DicomIoError, IncompleteObjectError, NotDicomError
from dicom_io.file_format import split_file
from dicom_io.pixel_spacing import read_spacing
from dicom_io.study import Acquisition, Instance, Series, Study
from dicom_io.uids import is_valid_uid

#: Most headers end before; reading so much costs less than mapping the file.
_HEAD_BYTES = 16 * 1024
#: What differs from image to image of one series. All else is parsed once for all images that say the same.
_OWN = frozenset(
    {
        *("SOPInstanceUID", "InstanceNumber", "ImagePositionPatient", "AcquisitionTime", "AcquisitionNumber"),
        *("TemporalPositionIdentifier", "TriggerTime", "EchoNumbers", "ConvolutionKernel"),
    }
)
#: Where bytes lie that have no file.
_NOWHERE = Path()
_SHARED = tuple(keyword for keyword in HEADER.keywords.values() if keyword not in _OWN)

_Value = TypeVar("_Value", "Header", Instance)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Header:
    """One object's study, series and instance values; personal data, never logged."""

    #: Study Instance UID (0020,000D).
    study_instance_uid: str
    #: Patient ID (0010,0020); empty when absent.
    patient_id: str
    #: Patient's Name (0010,0010) as text with its carets; empty when absent.
    patient_name: str
    #: Patient's Age in years from (0010,1010), else from birth and study date; None when unknown.
    patient_age_years: float | None
    #: Accession Number (0008,0050); empty when absent.
    accession_number: str
    #: Study Date (0008,0020) as ``YYYYMMDD``; empty when absent.
    study_date: str
    #: Study Description (0008,1030); empty when absent.
    study_description: str
    #: Series Instance UID (0020,000E).
    series_instance_uid: str
    #: Modality (0008,0060), upper case; empty when absent.
    modality: str
    #: Body Part Examined (0018,0015), upper case; empty when absent.
    body_part: str
    #: Series Description (0008,103E); empty when absent.
    series_description: str
    #: Frame of Reference UID (0020,0052); empty when absent.
    frame_of_reference_uid: str
    #: The instance; its path is empty until the bytes have one.
    instance: Instance

    def at(self, path: Path) -> "Header":
        """The same header of an object that now lies at *path*."""
        return self.with_own({"path": path})

    def with_own(self, values: Mapping[str, Any]) -> "Header":
        """The same header of an instance with other *values* by field."""
        return _altered(self, {"instance": _altered(self.instance, values)})


def _altered(original: _Value, values: Mapping[str, Any]) -> _Value:
    """*original* with other *values*. `dataclasses.replace` sets every field anew, which takes six times as long."""
    altered = object.__new__(type(original))
    vars(altered).update(vars(original), **values)
    return altered


_HEADERS: TypeAdapter[Header] = TypeAdapter(Header)


def dump_header(header: Header) -> str:
    """*header* as JSON, for a database column."""
    return _HEADERS.dump_json(header).decode()


def load_header(text: str) -> Header:
    """The header that `dump_header` wrote."""
    return _HEADERS.validate_json(text)


def read_header(source: Path | bytes) -> Header:
    """The header of a DICOM file (PS3.10), by path or as bytes.

    Raises:
        NotDicomError: *source* is no DICOM file.
        IncompleteObjectError: a UID that identifies the object is missing or malformed.
        OSError: the file cannot be opened.
    """
    if isinstance(source, bytes):
        return _read_file_header(source, _NOWHERE)
    with source.open("rb", buffering=0) as file:
        head = file.read(_HEAD_BYTES)
        if not head:
            raise NotDicomError("The file is empty; required: a DICOM file (PS3.10).")
        header = _read_head(head, source)
        if header is not None:
            return header
        # Mapped, not read: a 500 MB multi-frame costs only the pages of its header.
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return _read_file_header(mapped, source)


def read_dataset_header(dataset: bytes, transfer_syntax_uid: str) -> Header:
    """The header of a bare *dataset* as it comes over the network (PS3.7 9.3.1), without File Meta Information.

    Raises:
        NotDicomError: the bytes are no dataset in this transfer syntax.
        IncompleteObjectError: a UID that identifies the object is missing or malformed.
    """
    return _build_header(read_elements(dataset, transfer_syntax_uid), transfer_syntax_uid, _NOWHERE)


def assemble_study(headers: Iterable[Header]) -> Study:
    """One Study of the *headers* of its instances; of two headers with one SOP Instance UID the later is taken.

    Raises:
        IncompleteObjectError: there are no headers, or they disagree on the study or on the patient.
    """
    newest = {header.instance.sop_instance_uid: header for header in headers}
    ordered = sorted(newest.values(), key=lambda header: (header.series_instance_uid, _order(header.instance)))
    _check_one_patient_and_study(ordered)
    by_series: dict[str, list[Header]] = {}
    for header in ordered:
        by_series.setdefault(header.series_instance_uid, []).append(header)
    ages = [header.patient_age_years for header in ordered if header.patient_age_years is not None]
    return Study(
        study_instance_uid=ordered[0].study_instance_uid,
        patient_id=ordered[0].patient_id,
        patient_name=_first(header.patient_name for header in ordered),
        patient_age_years=ages[0] if ages else None,
        accession_number=_first(header.accession_number for header in ordered),
        study_date=_first(header.study_date for header in ordered),
        description=_first(header.study_description for header in ordered),
        series=tuple(_assemble_series(members) for members in by_series.values()),
    )


def _assemble_series(headers: list[Header]) -> Series:
    return Series(
        series_instance_uid=headers[0].series_instance_uid,
        modality=_first(header.modality for header in headers),
        body_part=_first(header.body_part for header in headers),
        description=_first(header.series_description for header in headers),
        instances=tuple(map(_placed_instance, headers)),
    )


def _placed_instance(header: Header) -> Instance:
    return _altered(header.instance, {"frame_of_reference_uid": header.frame_of_reference_uid})


def _check_one_patient_and_study(headers: list[Header]) -> None:
    if not headers:
        raise IncompleteObjectError("A study needs at least one instance; found none.")
    for values, name in (
        ({header.study_instance_uid for header in headers}, "Study Instance UID (0020,000D)"),
        ({header.patient_id for header in headers}, "Patient ID (0010,0020)"),
    ):
        if len(values) > 1:
            raise IncompleteObjectError(
                f"{name}: found {len(values)} different values in {len(headers)} instances of one study; "
                "required: one. Correct the patient in the PACS and send the study again."
            )


def _first(values: Iterable[str]) -> str:
    return next((value for value in values if value), "")


def _order(instance: Instance) -> tuple[int, str]:
    return instance.instance_number, instance.sop_instance_uid


def _read_head(head: bytes, path: Path) -> Header | None:
    """The header where all of it, up to the pixels, lies in the *head* of the file; None where that is not certain."""
    try:
        header = _read_file_header(head, path)
    except DicomIoError:
        return None
    return header if header.instance.has_pixels else None


def _read_file_header(source: bytes | mmap.mmap, path: Path) -> Header:
    part10 = split_file(source)
    elements = read_elements(source, part10.transfer_syntax_uid, offset=part10.dataset_offset)
    return _build_header(elements, part10.transfer_syntax_uid, path)


def _build_header(elements: Elements, transfer_syntax_uid: str, path: Path) -> Header:
    if not elements.text("SOPInstanceUID") and not elements.text("StudyInstanceUID"):
        raise NotDicomError(
            "Found neither SOP Instance UID (0008,0018) nor Study Instance UID (0020,000D); "
            "required: the dataset of a composite object (PS3.3)."
        )
    shared = _read_shared(tuple(map(elements.raw.get, _SHARED)), is_little_endian=elements.is_little_endian)
    position = elements.decimals("ImagePositionPatient", 3)
    own = {
        "sop_instance_uid": _required_uid(elements, "SOPInstanceUID", "SOP Instance UID (0008,0018)"),
        "transfer_syntax_uid": transfer_syntax_uid,
        "path": path,
        "instance_number": elements.integer("InstanceNumber", 0),
        "image_position": (position[0], position[1], position[2]) if position else None,
        "acquisition": _acquisition(elements),
        "has_pixels": elements.has_pixels,
    }
    return shared.with_own(own)


@lru_cache(maxsize=64)
def _read_shared(values: tuple[bytes | None, ...], *, is_little_endian: bool) -> Header:
    """The header of *values* by `_SHARED`, with nothing in it that is an image's own."""
    raw = {keyword: value for keyword, value in zip(_SHARED, values, strict=True) if value is not None}
    elements = Elements(raw=raw, is_little_endian=is_little_endian, pixels=NO_PIXELS)
    return Header(
        study_instance_uid=_required_uid(elements, "StudyInstanceUID", "Study Instance UID (0020,000D)"),
        patient_id=elements.text("PatientID"),
        patient_name=elements.person_name("PatientName"),
        patient_age_years=age_years(elements),
        accession_number=elements.text("AccessionNumber"),
        study_date=plain_date(elements.text("StudyDate")),
        study_description=elements.text("StudyDescription"),
        series_instance_uid=_required_uid(elements, "SeriesInstanceUID", "Series Instance UID (0020,000E)"),
        modality=elements.text("Modality").upper(),
        body_part=elements.text("BodyPartExamined").upper(),
        series_description=elements.text("SeriesDescription"),
        frame_of_reference_uid=elements.text("FrameOfReferenceUID"),
        instance=_read_shared_instance(elements),
    )


def _read_shared_instance(elements: Elements) -> Instance:
    orientation = elements.decimals("ImageOrientationPatient", 6)
    spacing, basis = read_spacing(elements)
    return Instance(
        sop_instance_uid="",
        sop_class_uid=_required_uid(elements, "SOPClassUID", "SOP Class UID (0008,0016)"),
        transfer_syntax_uid="",
        path=_NOWHERE,
        instance_number=0,
        rows=elements.short("Rows", 0),
        columns=elements.short("Columns", 0),
        number_of_frames=max(1, elements.integer("NumberOfFrames", 1)),
        image_type=tuple(value.upper() for value in elements.texts("ImageType")),
        photometric_interpretation=elements.text("PhotometricInterpretation").upper(),
        view_position=elements.text("ViewPosition").upper(),
        image_position=None,
        image_orientation=_six(orientation) if orientation else None,
        pixel_spacing_mm=spacing,
        spacing_basis=basis,
        is_lossy=elements.text("LossyImageCompression") == "01",
        has_pixels=False,
    )


def _acquisition(elements: Elements) -> Acquisition:
    trigger = elements.decimals("TriggerTime", 1)
    return Acquisition(
        temporal_position=elements.integer("TemporalPositionIdentifier", 0),
        number=elements.integer("AcquisitionNumber", 0),
        trigger_time_ms=trigger[0] if trigger else -1.0,
        echo=elements.integer("EchoNumbers", 0),
        kernel=elements.text("ConvolutionKernel"),
        time=elements.text("AcquisitionTime"),
    )


def _six(values: tuple[float, ...]) -> tuple[float, float, float, float, float, float]:
    return values[0], values[1], values[2], values[3], values[4], values[5]


def _required_uid(elements: Elements, keyword: str, name: str) -> str:
    uid = elements.text(keyword)
    if not is_valid_uid(uid):
        # The value itself stays out of the text: a broken writer may have put anything there.
        raise IncompleteObjectError(
            f"{name}: found {f'{len(uid)} characters that are no UID' if uid else 'nothing'}; "
            "required: a UID (PS3.5 9.1). Send the object again from its source."
        )
    return uid
