"""The few data elements that are wanted of a dataset, found without decoding the rest (PS3.5 7)."""

import math
import mmap
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from pydicom.datadict import tag_for_keyword
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from dicom_io.character_sets import decode_text
from dicom_io.vendor_errors import translated_parse_errors
from dicom_io.walk import Encoding, walk

_HEADER_KEYWORDS = (
    "SpecificCharacterSet",
    "ImageType",
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyDate",
    "AcquisitionTime",
    "AccessionNumber",
    "Modality",
    "StudyDescription",
    "SeriesDescription",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientAge",
    "BodyPartExamined",
    "EchoNumbers",
    "TriggerTime",
    "EstimatedRadiographicMagnificationFactor",
    "ImagerPixelSpacing",
    "ConvolutionKernel",
    "NominalScannedPixelSpacing",
    "ViewPosition",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "AcquisitionNumber",
    "InstanceNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "FrameOfReferenceUID",
    "TemporalPositionIdentifier",
    "PhotometricInterpretation",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "PixelSpacing",
    "PixelSpacingCalibrationType",
    "LossyImageCompression",
)
#: Float, Double Float and plain Pixel Data.
_PIXEL_TAGS = range(0x7FE00008, 0x7FE00011)
#: As much of a deflated dataset as is ever inflated to find its header.
_MAXIMUM_INFLATED_BYTES = 16 * 2**20


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which elements a reader wants."""

    #: Keyword (PS3.6) by tag.
    keywords: dict[int, str]
    #: The tags alone, as the walk needs them.
    tags: frozenset[int]


def wanted(keywords: Iterable[str]) -> Wanted:
    """The elements of *keywords*, each an attribute of PS3.6."""
    by_tag = {int(tag_for_keyword(keyword) or 0): keyword for keyword in keywords}
    return Wanted(keywords=by_tag, tags=frozenset(by_tag))


#: What `headers` needs.
HEADER = wanted(_HEADER_KEYWORDS)


@dataclass(frozen=True, kw_only=True)
class PixelPlace:
    """Where the value of Pixel Data lies in its source."""

    #: Its tag: Float, Double Float or plain Pixel Data (7FE0,0008..0010); 0 when there is none.
    tag: int
    #: First byte of the value; of a deflated dataset, once inflated.
    offset: int
    #: Bytes of the value; 0xFFFFFFFF when encapsulated (PS3.5 A.4).
    length: int


NO_PIXELS = PixelPlace(tag=0, offset=0, length=0)


@dataclass(frozen=True, kw_only=True)
class Elements:
    """Raw values by keyword; absent, empty and malformed values all read as absent."""

    #: Value bytes as encoded, by keyword.
    raw: dict[str, bytes]
    #: Byte order of binary numbers.
    is_little_endian: bool
    #: Where the pixels lie.
    pixels: "PixelPlace"

    @property
    def has_pixels(self) -> bool:
        """Whether pixel data that is not empty follows."""
        return self.pixels.length > 0

    def texts(self, keyword: str) -> tuple[str, ...]:
        """The values of a text element, stripped; empty when absent."""
        if keyword not in self.raw:
            return ()
        values = tuple(value.strip(" \0") for value in self._decoded(keyword).split("\\"))
        return values if any(values) else ()

    def text(self, keyword: str) -> str:
        """The first value of a text element; empty when absent."""
        raw = self.raw.get(keyword)
        if raw is None:
            return ""
        plain = _first_plain(raw)
        return _first_of(self._decoded(keyword)) if plain is None else plain

    def person_name(self, keyword: str) -> str:
        """A person name (PS3.5 6.2.1) with all its component groups; empty when absent."""
        return self._decoded(keyword).strip(" \0") if keyword in self.raw else ""

    def integer(self, keyword: str, default: int) -> int:
        """An integer string; *default* when absent or malformed."""
        try:
            return int(float(self.text(keyword))) if keyword in self.raw else default
        except (ValueError, OverflowError):
            return default

    def short(self, keyword: str, default: int, *, is_signed: bool = False) -> int:
        """The first value of a two-byte integer (US, SS); *default* when absent."""
        value = self.raw.get(keyword, b"")
        order: Literal["little", "big"] = "little" if self.is_little_endian else "big"
        return int.from_bytes(value[:2], order, signed=is_signed) if len(value) >= 2 else default

    def decimals(self, keyword: str, count: int) -> tuple[float, ...] | None:
        """Exactly *count* finite decimal strings; None when absent or malformed."""
        raw = self.raw.get(keyword)
        if raw is None:
            return None
        values = _decimals(raw)
        return values if len(values) == count and all(map(math.isfinite, values)) else None

    def _decoded(self, keyword: str) -> str:
        raw = self.raw[keyword]
        if _means_ascii(raw):
            return raw.decode("ascii")
        return decode_text(raw, self.raw.get("SpecificCharacterSet", b"").decode("ascii", "replace"))


#: Of the images of a series nearly all values are those of the image before.
_REMEMBERED = 1024


@lru_cache(_REMEMBERED)
def _first_plain(raw: bytes) -> str | None:
    """The first value of a text that means the same in every character set; None of any other."""
    return _first_of(raw.decode("ascii")) if _means_ascii(raw) else None


def _first_of(text: str) -> str:
    return text.partition("\\")[0].strip(" \0")


@lru_cache(_REMEMBERED)
def _decimals(raw: bytes) -> tuple[float, ...]:
    """Decimal strings; empty when malformed."""
    try:
        # Python's float takes bytes and spaces as they are.
        return tuple(map(float, raw.rstrip(b" \0").split(b"\\")))
    except ValueError:
        return ()


def _means_ascii(raw: bytes) -> bool:
    """Whether *raw* means the same in every character set: ASCII without escapes, which nearly everything is."""
    return raw.isascii() and b"\x1b" not in raw


def read_elements(
    source: bytes | mmap.mmap, transfer_syntax_uid: str, *, offset: int = 0, of: Wanted = HEADER
) -> Elements:
    """The elements of the dataset that begins at *offset* of *source*, up to its pixels.

    Raises:
        NotDicomError: the bytes cannot be parsed.
    """
    with translated_parse_errors():
        if transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
            source, offset = inflate(source, offset, _MAXIMUM_INFLATED_BYTES), 0
        encoding = Encoding(
            is_implicit=_is_implicit(source[offset : offset + 6], transfer_syntax_uid),
            is_little_endian=transfer_syntax_uid != ExplicitVRBigEndian,
        )
        walked = walk(source, offset, encoding, of.tags)
        return Elements(
            raw={of.keywords[tag]: value for tag, value in walked.values.items()},
            is_little_endian=encoding.is_little_endian,
            pixels=PixelPlace(tag=walked.tag, offset=walked.offset, length=walked.length)
            if walked.tag in _PIXEL_TAGS
            else NO_PIXELS,
        )


def _is_implicit(first_bytes: bytes, transfer_syntax_uid: str) -> bool:
    # Some writers state one and encode the other; the bytes where an explicit VR stands decide, as in DCMTK.
    vr = first_bytes[4:6]
    if transfer_syntax_uid == ImplicitVRLittleEndian:
        return not (vr.isalpha() and vr.isupper())
    return not vr.isalpha()


def inflate(source: bytes | mmap.mmap, offset: int, maximum_bytes: int) -> bytes:
    """Raw deflate (PS3.5 A.5) from *offset*, at most *maximum_bytes*: a few kB may inflate to many GB."""
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(source[offset:], maximum_bytes)
