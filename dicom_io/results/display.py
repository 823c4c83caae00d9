"""How an image asks to be shown, as a presentation state repeats it (PS3.3 C.11.1, C.11.6, C.11.8).

What a state leaves out counts as not there, whatever the image says (PS3.4 N.2.1): a CT without its rescale and window
would be shown from air to metal in one even grey.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import correct_ambiguous_vr, write_data_element

from dicom_io.functional_groups import Rescale, Window, rescale_of, window_of
from dicom_io.results.encoding import decimal, sequence, text
from dicom_io.results.source_image import SourceImage, references
from dicom_io.vendor_errors import translated_parse_errors

_KEYWORDS = [
    *("PixelRepresentation", "RescaleSlope", "RescaleIntercept", "RescaleType", "ModalityLUTSequence"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence"),
]


@dataclass(frozen=True, kw_only=True)
class ShownImage:
    """An image and how it asks to be shown."""

    #: The image.
    image: SourceImage
    #: Elements that lead from stored to physical values; none where stored values are meant as they are.
    modality: tuple[bytes, ...]
    #: Elements of its window, or of its table; none where it has neither.
    voi: tuple[bytes, ...]

    @property
    def presentation_shape(self) -> str:
        """Presentation LUT Shape (2050,0020).

        MONOCHROME1 stores white as 0: the state turns it, or the viewer would show a negative.
        """
        return "INVERSE" if self.image.instance.photometric_interpretation == "MONOCHROME1" else "IDENTITY"


def shown_images(images: Iterable[SourceImage]) -> Iterator[ShownImage]:
    """Each of *images*, in which those of one object follow each other.

    Raises:
        NotDicomError, OSError: an image cannot be read any more.
    """
    for path, of_object in groupby(images, key=attrgetter("instance.path")):
        frames = tuple(of_object)
        # Functional groups were read already; the object itself is asked for what they leave open.
        header = Dataset() if all(one.rescale for one in frames) else _read(path)
        yield from (_shown(one, header) for one in frames)


def softcopy_voi_lut(images: Sequence[ShownImage]) -> tuple[bytes, ...]:
    """Softcopy VOI LUT Sequence (0028,3110): each image's own window or table; nothing where none has any."""
    shown: dict[tuple[bytes, ...], list[SourceImage]] = {}
    for one in images:
        shown.setdefault(one.voi, []).append(one.image)
    shown.pop((), None)
    if not shown:
        return ()
    # Images are named only where they differ: without, an item holds for all.
    is_one = [len(group) for group in shown.values()] == [len(images)]
    named = (() if is_one else (sequence(0x00081140, *references(group)),) for group in shown.values())
    return (sequence(0x00283110, *(b"".join((*names, *voi)) for names, voi in zip(named, shown, strict=True))),)


def _read(path: Path) -> Dataset:
    with path.open("rb") as file, translated_parse_errors():
        return dcmread(file, specific_tags=[*_KEYWORDS], stop_before_pixels=True)


def _shown(image: SourceImage, header: Dataset) -> ShownImage:
    # Values are converted when they are asked for.
    with translated_parse_errors():
        return ShownImage(image=image, modality=_modality_of(image, header), voi=_voi_of(image, header))


def _modality_of(image: SourceImage, header: Dataset) -> tuple[bytes, ...]:
    if header.get("ModalityLUTSequence"):
        return (_table(header, "ModalityLUTSequence"),)
    rescale = image.rescale or rescale_of(header)
    return () if rescale is None else _rescale(rescale)


def _voi_of(image: SourceImage, header: Dataset) -> tuple[bytes, ...]:
    window = image.window if image.instance.is_enhanced else window_of(header)
    if window is not None:
        return _window(window)
    return (_table(header, "VOILUTSequence"),) if header.get("VOILUTSequence") else ()


def _rescale(told: Rescale) -> tuple[bytes, ...]:
    kind = text(0x00281054, "LO", told.type or "US")
    return decimal(0x00281052, told.intercept), decimal(0x00281053, told.slope), kind


def _window(told: Window) -> tuple[bytes, ...]:
    function = (text(0x00281056, "CS", told.function),) if told.function else ()
    return text(0x00281050, "DS", told.center), text(0x00281051, "DS", told.width), *function


def _table(header: Dataset, keyword: str) -> bytes:
    """The first table of the sequence *keyword*, by pydicom: whether it is signed stands beside it."""
    held = Dataset()
    held.PixelRepresentation = header.get("PixelRepresentation", 0)
    setattr(held, keyword, header[keyword].value[:1])
    correct_ambiguous_vr(held, is_little_endian=True)
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    write_data_element(buffer, held[keyword])
    return buffer.getvalue()
