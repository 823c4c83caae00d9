"""The window that an image is shown with, as a presentation state repeats it (PS3.3 C.11.8)."""

from collections.abc import Sequence

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import correct_ambiguous_vr, write_data_element

from dicom_io.functional_groups import Window, window_of
from dicom_io.results.encoding import sequence, text
from dicom_io.results.source_image import SourceImage, references
from dicom_io.vendor_errors import translated_parse_errors

_KEYWORDS = ["PixelRepresentation", "WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence"]


def softcopy_voi_lut(images: Sequence[SourceImage]) -> tuple[bytes, ...]:
    """Softcopy VOI LUT Sequence (0028,3110): each image's own window or table; nothing where none has any.

    A state without it says that there is no window, not that the image's own holds (PS3.4 N.2.1): a CT would be shown
    from air to metal in one even grey.

    Raises:
        NotDicomError, OSError: an image cannot be read any more.
    """
    shown: dict[bytes, list[SourceImage]] = {}
    for image in images:
        shown.setdefault(b"".join(_voi_of(image)), []).append(image)
    shown.pop(b"", None)
    if not shown:
        return ()
    # Images are named only where they differ: without, an item holds for all.
    is_one = [len(group) for group in shown.values()] == [len(images)]
    items = (voi if is_one else sequence(0x00081140, *references(group)) + voi for voi, group in shown.items())
    return (sequence(0x00283110, *items),)


def _voi_of(image: SourceImage) -> tuple[bytes, ...]:
    if image.instance.is_enhanced:
        return () if image.window is None else _window(image.window)
    with image.instance.path.open("rb") as file, translated_parse_errors():
        header = dcmread(file, specific_tags=[*_KEYWORDS], stop_before_pixels=True)
        found = window_of(header)
        if found is not None:
            return _window(found)
        return (_table(header),) if header.get("VOILUTSequence") else ()


def _window(told: Window) -> tuple[bytes, ...]:
    function = (text(0x00281056, "CS", told.function),) if told.function else ()
    return text(0x00281050, "DS", told.center), text(0x00281051, "DS", told.width), *function


def _table(header: Dataset) -> bytes:
    """The first table of the VOI LUT Sequence (0028,3010), by pydicom: whether it is signed stands beside it."""
    held = Dataset()
    held.PixelRepresentation = header.get("PixelRepresentation", 0)
    held.VOILUTSequence = header.VOILUTSequence[:1]
    correct_ambiguous_vr(held, is_little_endian=True)
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    write_data_element(buffer, held["VOILUTSequence"])
    return buffer.getvalue()
