"""Secondary Capture (PS3.3 A.8.1): the finding drawn on the image, for viewers that show nothing else.

The picture is the JPEG that the pages show, a twentieth of its pixels' bytes to write, send and store. It is derived
and not for diagnosis, so the loss harms nobody; an archive that takes no JPEG gets the same object uncompressed
(`dicom_io.send.store_scu`).
"""

from dataclasses import replace

from pydicom.uid import JPEGBaseline8Bit, SecondaryCaptureImageStorage

from dicom_io.codes import Code
from dicom_io.findings import Report
from dicom_io.results.draft import Draft, draft
from dicom_io.results.encoding import code, encapsulated, reference, sequence, text, unsigned
from dicom_io.results.kinds import ResultKind
from dicom_io.results.picture import DrawnPicture
from dicom_io.results.provenance import Provenance, content_time, heading
from dicom_io.results.source import SourceSeries, body_part_elements, lossy_elements
from dicom_io.results.source_image import SourceImage, image_of
from dicom_io.results.wording import words_of

SERIES_NUMBER = 921
#: Red, green and blue.
_SAMPLES = 3

_SOURCE_IMAGE = Code(value="121322", scheme="DCM", meaning="Source image for image processing operation")


def secondary_capture(report: Report, drawn: DrawnPicture, provenance: Provenance, sources: SourceSeries) -> Draft:
    """The picture *drawn* as an object that names its source image and says in its header, too, what it is.

    Raises:
        ConformanceError: the pixels are not those of an image in the report's source_uids.
    """
    algorithm = report.algorithm
    series = (SERIES_NUMBER, f"AI - {words_of(report.language).warning} - {algorithm.name}")
    head = heading(provenance, SecondaryCaptureImageStorage, "OT", series, ["sc"])
    derivation = f"Drawn by {algorithm.name} {algorithm.version}, release {algorithm.digest[:12]}"
    elements = (
        *_capture_elements(provenance, sources),
        *lossy_elements(sources, (f"{_uncompressed(drawn) / len(drawn.jpeg):.1f}", "ISO_10918_1")),
        text(0x00082111, "ST", derivation[:1024]),
        _source_image(image_of(sources, drawn.image)),
        *_pixel_elements(drawn),
    )
    return replace(draft(ResultKind.SC, head, provenance, elements), transfer_syntax_uid=JPEGBaseline8Bit)


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
        *body_part_elements(sources),
    ]


def _source_image(source: SourceImage) -> bytes:
    """Source Image Sequence (0008,2112)."""
    item = reference(*source.uids, source.frames) + code(0x0040A170, _SOURCE_IMAGE)
    return sequence(0x00082112, item)


def _pixel_elements(drawn: DrawnPicture) -> tuple[bytes, ...]:
    """Image Pixel (PS3.3 C.7.6.3) of a JPEG with one colour for two pixels (PS3.5 8.2.1)."""
    rows, columns = drawn.size
    return (
        unsigned(0x00280002, _SAMPLES),
        text(0x00280004, "CS", "YBR_FULL_422"),
        unsigned(0x00280006, 0),
        unsigned(0x00280010, rows),
        unsigned(0x00280011, columns),
        unsigned(0x00280100, 8),
        unsigned(0x00280101, 8),
        unsigned(0x00280102, 7),
        unsigned(0x00280103, 0),
        encapsulated(drawn.jpeg),
    )


def _uncompressed(drawn: DrawnPicture) -> int:
    """Bytes of its pixels."""
    return drawn.size[0] * drawn.size[1] * _SAMPLES
