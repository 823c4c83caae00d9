"""What a header says about its pixels (PS3.3 C.7.6.3, C.11.1, C.7.5.1.1.2)."""

from dataclasses import dataclass

from dicom_io.elements import Elements, wanted
from dicom_io.errors import PixelError

#: The elements that `read_pixel_header` wants.
PIXEL_ELEMENTS = wanted(
    (
        "SamplesPerPixel",
        "PhotometricInterpretation",
        "PlanarConfiguration",
        "NumberOfFrames",
        "Rows",
        "Columns",
        "BitsAllocated",
        "BitsStored",
        "HighBit",
        "PixelRepresentation",
        "PixelPaddingValue",
        "PixelPaddingRangeLimit",
        "RescaleIntercept",
        "RescaleSlope",
        "RescaleType",
        "ModalityLUTSequence",
    )
)


@dataclass(frozen=True, kw_only=True)
class PixelHeader:
    """How the pixels of one instance are laid out, and what turns them into physical values."""

    #: Rows, Columns (0028,0010), (0028,0011).
    rows: int
    columns: int
    #: Samples per Pixel (0028,0002).
    samples: int
    #: Photometric Interpretation (0028,0004).
    photometric: str
    #: Number of Frames (0028,0008).
    frames: int
    #: Bits Allocated, Bits Stored, High Bit (0028,0100) to (0028,0102).
    bits_allocated: int
    bits_stored: int
    high_bit: int
    #: Pixel Representation (0028,0103).
    is_signed: bool
    #: Planar Configuration (0028,0006): whether colours lie plane by plane.
    is_planar: bool
    #: Rescale Slope and Intercept (0028,1053), (0028,1052); None when absent.
    slope: float | None
    intercept: float | None
    #: Rescale Type (0028,1054), upper case; empty when absent.
    rescale_type: str
    #: Lowest and highest stored value that means "no image here" (0028,0120), (0028,0121); None when absent.
    padding: tuple[int, int] | None
    #: Whether a Modality LUT (0028,3000) takes the place of the rescale.
    has_modality_lut: bool

    @property
    def stored_range(self) -> tuple[int, int]:
        """Lowest and highest value that Bits Stored and Pixel Representation allow."""
        half = 2 ** (self.bits_stored - 1)
        return (-half, half - 1) if self.is_signed else (0, 2 * half - 1)


def read_pixel_header(elements: Elements) -> PixelHeader:
    """The pixel description in *elements*.

    Raises:
        PixelError: depth and size contradict each other.
    """
    bits = elements.short("BitsAllocated", 0)
    stored = elements.short("BitsStored", bits)
    header = PixelHeader(
        rows=elements.short("Rows", 0),
        columns=elements.short("Columns", 0),
        samples=elements.short("SamplesPerPixel", 1),
        photometric=elements.text("PhotometricInterpretation").upper(),
        frames=_frames(elements),
        bits_allocated=bits,
        bits_stored=stored,
        high_bit=elements.short("HighBit", stored - 1),
        is_signed=elements.short("PixelRepresentation", 0) == 1,
        is_planar=elements.short("PlanarConfiguration", 0) == 1,
        slope=_decimal(elements, "RescaleSlope"),
        intercept=_decimal(elements, "RescaleIntercept"),
        rescale_type=elements.text("RescaleType").upper(),
        padding=_padding(elements),
        has_modality_lut="ModalityLUTSequence" in elements.raw,
    )
    _check_depth(header)
    return header


def _check_depth(header: PixelHeader) -> None:
    if not 1 <= header.bits_stored <= header.high_bit + 1 <= header.bits_allocated:
        raise PixelError(
            f"Bits Allocated, Bits Stored, High Bit are {header.bits_allocated}, {header.bits_stored}, "
            f"{header.high_bit}; required: each within the one before (PS3.5 8.1.1). "
            "Send the image again from its source."
        )


def _frames(elements: Elements) -> int:
    if not elements.text("NumberOfFrames"):
        return 1
    frames = elements.integer("NumberOfFrames", 0)
    if frames < 1:
        raise PixelError(
            "Number of Frames (0028,0008) is no positive number; required: one. Send the image again from its source."
        )
    return frames


def _decimal(elements: Elements, keyword: str) -> float | None:
    if not elements.text(keyword):
        return None
    values = elements.decimals(keyword, 1)
    if values is None:
        raise PixelError(f"{keyword} is no finite number; required: one. Send the image again from its source.")
    return values[0]


def _padding(elements: Elements) -> tuple[int, int] | None:
    if "PixelPaddingValue" not in elements.raw:
        return None
    # US or SS by Pixel Representation (PS3.3 C.7.5.1.1.2).
    is_signed = elements.short("PixelRepresentation", 0) == 1
    first = elements.short("PixelPaddingValue", 0, is_signed=is_signed)
    last = elements.short("PixelPaddingRangeLimit", first, is_signed=is_signed)
    return min(first, last), max(first, last)
