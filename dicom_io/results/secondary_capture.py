"""Secondary Capture (PS3.3 A.8.1): the finding drawn on the image, for viewers that show nothing else."""

from pydicom.uid import SecondaryCaptureImageStorage

from dicom_io.codes import Code
from dicom_io.findings import Report
from dicom_io.results.draft import Draft, draft
from dicom_io.results.encoding import code, element, reference, sequence, text, unsigned
from dicom_io.results.kinds import ResultKind
from dicom_io.results.picture import DrawnPicture
from dicom_io.results.provenance import Provenance, content_time, heading
from dicom_io.results.source import SourceSeries, body_part_elements, lossy_elements
from dicom_io.results.wording import words_of

SERIES_NUMBER = 921

_SOURCE_IMAGE = Code(value="121322", scheme="DCM", meaning="Source image for image processing operation")


def secondary_capture(report: Report, drawn: DrawnPicture, provenance: Provenance, sources: SourceSeries) -> Draft:
    """The picture *drawn* as an RGB object that names its source image and says in its header, too, what it is.

    Raises:
        ConformanceError: the pixels are not those of an image in the report's source_uids.
    """
    algorithm = report.algorithm
    series = (SERIES_NUMBER, f"AI - {words_of(report.language).warning} - {algorithm.name}")
    head = heading(provenance, SecondaryCaptureImageStorage, "OT", series, ["sc"])
    derivation = f"Drawn by {algorithm.name} {algorithm.version}, release {algorithm.digest[:12]}"
    elements = (
        *_capture_elements(provenance, sources),
        text(0x00082111, "ST", derivation[:1024]),
        _source_image(drawn.sop_instance_uid, sources),
        *_pixel_elements(drawn),
    )
    return draft(ResultKind.SC, head, provenance, elements)


def _capture_elements(provenance: Provenance, sources: SourceSeries) -> list[bytes]:
    """General Image, SC Equipment and SC Image. No pixel spacing: nobody shall measure on a rescaled picture."""
    return [
        text(0x00080008, "CS", "DERIVED", "SECONDARY", "OTHER"),
        *content_time(provenance),
        text(0x00080064, "CS", "WSD"),
        text(0x00181012, "DA", provenance.date),
        text(0x00181014, "TM", provenance.time),
        text(0x00200020, "CS", sources.text("PatientOrientation")),
        text(0x00280301, "CS", "YES"),
        *lossy_elements(sources),
        *body_part_elements(sources),
    ]


def _source_image(sop_instance_uid: str, sources: SourceSeries) -> bytes:
    """Source Image Sequence (0008,2112)."""
    source = sources.instance(sop_instance_uid)
    item = reference(source.sop_class_uid, source.sop_instance_uid) + code(0x0040A170, _SOURCE_IMAGE)
    return sequence(0x00082112, item)


def _pixel_elements(drawn: DrawnPicture) -> tuple[bytes, ...]:
    """Image Pixel (PS3.3 C.7.6.3): RGB, colour by pixel."""
    rows, columns, samples = drawn.rgb.shape
    return (
        unsigned(0x00280002, samples),
        text(0x00280004, "CS", "RGB"),
        unsigned(0x00280006, 0),
        unsigned(0x00280010, rows),
        unsigned(0x00280011, columns),
        unsigned(0x00280100, 8),
        unsigned(0x00280101, 8),
        unsigned(0x00280102, 7),
        unsigned(0x00280103, 0),
        element(0x7FE00010, "OB", drawn.rgb.tobytes()),
    )
