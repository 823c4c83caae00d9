"""The few data elements that `headers` wants, found without decoding the rest (PS3.5 7)."""

import io
import itertools
import mmap
import zlib
from dataclasses import dataclass

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.datadict import tag_for_keyword
from pydicom.filereader import data_element_generator
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian
from pydicom.valuerep import PersonName

from dicom_io.vendor_errors import translated_parse_errors

_KEYWORDS = (
    "SpecificCharacterSet",
    "ImageType",
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyDate",
    "AccessionNumber",
    "Modality",
    "StudyDescription",
    "SeriesDescription",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientAge",
    "BodyPartExamined",
    "ImagerPixelSpacing",
    "ViewPosition",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "InstanceNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "FrameOfReferenceUID",
    "PhotometricInterpretation",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "PixelSpacing",
)
_TAGS: dict[str, int] = {keyword: int(tag_for_keyword(keyword) or 0) for keyword in _KEYWORDS}
#: Float, Double Float and plain Pixel Data (7FE0,0008..0010).
_FIRST_PIXEL_TAG, _LAST_PIXEL_TAG = 0x7FE00008, 0x7FE00010
#: As much of a deflated dataset as is ever inflated to find its header.
_MAXIMUM_INFLATED_BYTES = 16 * 2**20
#: More top-level elements than any header has; megabytes of zeros parse as millions of empty ones, for seconds.
_MAXIMUM_ELEMENTS = 20_000
_NO_TEXT_DELIMITERS: set[int] = set()


@dataclass(frozen=True, kw_only=True)
class Elements:
    """Raw values by keyword; absent, empty and unreadable values all read as absent."""

    #: Value bytes as encoded, by keyword.
    raw: dict[str, bytes]
    #: Byte order of binary numbers.
    is_little_endian: bool
    #: Whether pixel data that is not empty follows.
    has_pixels: bool

    def texts(self, keyword: str) -> tuple[str, ...]:
        """The values of a text element, stripped; empty when absent."""
        raw = self.raw.get(keyword, b"")
        # Plain ASCII without escapes means the same in every character set, and is nearly everything.
        plain = raw.isascii() and b"\x1b" not in raw
        text = raw.decode("ascii") if plain else decode_bytes(raw, self._encodings, _NO_TEXT_DELIMITERS)
        values = tuple(value.strip(" \0") for value in text.split("\\"))
        return values if any(values) else ()

    def text(self, keyword: str) -> str:
        """The first value of a text element; empty when absent."""
        values = self.texts(keyword)
        return values[0] if values else ""

    def person_name(self, keyword: str) -> str:
        """A person name (PS3.5 6.2.1) with all its component groups; empty when absent."""
        return str(PersonName(self.raw.get(keyword, b""), list(self._encodings))).strip(" \0")

    def integer(self, keyword: str, default: int) -> int:
        """An integer string or an unsigned short; *default* when absent or malformed."""
        if keyword in ("Rows", "Columns"):
            value = self.raw.get(keyword, b"")
            return int.from_bytes(value[:2], "little" if self.is_little_endian else "big") if value else default
        try:
            return int(float(self.text(keyword)))
        except (ValueError, OverflowError):
            return default

    def decimals(self, keyword: str, count: int) -> tuple[float, ...] | None:
        """Exactly *count* finite decimal strings; None when absent or malformed."""
        try:
            values = tuple(float(text) for text in self.texts(keyword))
        except ValueError:
            return None
        finite = all(abs(value) < float("inf") for value in values)
        return values if len(values) == count and finite else None

    @property
    def _encodings(self) -> list[str]:
        declared = self.raw.get("SpecificCharacterSet", b"").decode("ascii", "replace").strip(" \0")
        return convert_encodings([term.strip() for term in declared.split("\\")])


def read_elements(source: bytes | mmap.mmap, transfer_syntax_uid: str, *, offset: int = 0) -> Elements:
    """The elements of the dataset that begins at *offset* of *source*, up to its pixels.

    Raises:
        NotDicomError: the bytes cannot be parsed.
    """
    with translated_parse_errors():
        if transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
            source, offset = _inflated(source, offset), 0
        stream = io.BytesIO(source) if isinstance(source, bytes) else source
        stream.seek(offset)
        return _scan(stream, source[offset : offset + 6], transfer_syntax_uid)


def _scan(stream: io.BytesIO | mmap.mmap, first_bytes: bytes, transfer_syntax_uid: str) -> Elements:
    pixels: list[int] = []
    counter = itertools.count()

    def is_past_header(tag: int, _vr: str | None, length: int) -> bool:
        # pydicom's tags compare in Python, half of the whole reading time; plain integers do not.
        number = int(tag)
        if next(counter) > _MAXIMUM_ELEMENTS:
            raise ValueError("too many elements")
        if number < _FIRST_PIXEL_TAG:
            return False
        if number <= _LAST_PIXEL_TAG:
            pixels.append(length)
        return True

    is_little_endian = transfer_syntax_uid != ExplicitVRBigEndian
    found = data_element_generator(
        stream,
        _is_implicit(first_bytes, transfer_syntax_uid),
        is_little_endian,
        stop_when=is_past_header,
        specific_tags=list(_TAGS.values()),
    )
    values = {int(element.tag): element.value for element in found}
    raw = {keyword: bytes(values[tag]) for keyword, tag in _TAGS.items() if values.get(tag)}
    return Elements(raw=raw, is_little_endian=is_little_endian, has_pixels=any(pixels))


def _is_implicit(first_bytes: bytes, transfer_syntax_uid: str) -> bool:
    # Some writers state one and encode the other; the bytes where an explicit VR stands decide, as in DCMTK.
    vr = first_bytes[4:6]
    if transfer_syntax_uid == ImplicitVRLittleEndian:
        return not (vr.isalpha() and vr.isupper())
    return not vr.isalpha()


def _inflated(source: bytes | mmap.mmap, offset: int) -> bytes:
    # Raw deflate (PS3.5 A.5), and only so much as a header can need: a few kB may inflate to many GB.
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(source[offset:], _MAXIMUM_INFLATED_BYTES)
