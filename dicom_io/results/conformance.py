"""The last gate: rules that common validators do not check, on every object before it is written."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from pydicom.uid import Comprehensive3DSRStorage, SecondaryCaptureImageStorage, SegmentationStorage

from dicom_io.decode.codestream import read_codestream
from dicom_io.errors import ConformanceError, PixelError
from dicom_io.results.decoding import by_tag, items_of, text_of, value_of, values_of
from dicom_io.results.report_rules import report_faults
from dicom_io.results.segmentation import LABELMAP_STORAGE
from dicom_io.results.source import SourceSeries
from dicom_io.uids import is_valid_uid

#: Study, Series and SOP Instance UID.
_IDENTIFIERS = {0x0020000D: "Study Instance UID", 0x0020000E: "Series Instance UID", 0x00080018: "SOP Instance UID"}
#: Operators' and Performing Physician's Name, Verifying Observer Sequence, Content Creator's Name.
_STAFF_NAMES = {
    0x00081070: "Operators' Name",
    0x00081050: "Performing Physician's Name",
    0x0040A073: "Verifying Observer Sequence",
    0x00700084: "Content Creator's Name",
}

#: Finds what is wrong with one kind of object; given tag -> encoded element.
_Rules = Callable[[Mapping[int, bytes], SourceSeries], Iterator[str]]


def check(elements: tuple[bytes, ...], sources: SourceSeries) -> None:
    """Let a result pass, or say everything that is wrong with it.

    Args:
        elements: the encoded elements as they leave.
        sources: what was read.

    Raises:
        ConformanceError: naming every broken rule; no value of a patient attribute stands in the text.
    """
    held = by_tag(elements)
    broken = [*_order(elements), *_patient_and_study(held, sources), *_identity(held)]
    rules = _RULES.get(_text(held, 0x00080016))
    if rules is not None:
        broken += rules(held, sources)
    if broken:
        raise ConformanceError(f"Result '{_text(held, 0x00080018)}' may not leave: " + "; ".join(broken))


def _order(elements: tuple[bytes, ...]) -> Iterator[str]:
    tags = list(by_tag(elements))
    if tags != sorted(tags) or len(tags) != len(elements):
        yield "elements are not in the order of their tags, each once"


def _patient_and_study(held: Mapping[int, bytes], sources: SourceSeries) -> Iterator[str]:
    """Byte for byte what the source tells, or what was recoded from it."""
    for tag, element in by_tag(sources.identity).items():
        if held.get(tag) != element:
            yield f"({tag >> 16:04X},{tag & 0xFFFF:04X}) differs from the source"


def _identity(held: Mapping[int, bytes]) -> Iterator[str]:
    if _text(held, 0x00080005) != "ISO_IR 192":
        yield "Specific Character Set is not ISO_IR 192"
    if not _text(held, 0x0008103E).startswith("AI"):
        yield "Series Description does not start with AI"
    for tag, name in _IDENTIFIERS.items():
        if not is_valid_uid(_text(held, tag)):
            yield f"{name} is no valid UID"
    for tag, name in _STAFF_NAMES.items():
        if tag in held and value_of(held[tag]):
            yield f"{name} names a person"


def _segmentation_rules(held: Mapping[int, bytes], sources: SourceSeries) -> Iterator[str]:
    kind = "LABELMAP" if _text(held, 0x00080016) == LABELMAP_STORAGE else "BINARY"
    if _text(held, 0x00620001) != kind:
        yield f"Segmentation Type is not {kind}"
    if not np.frombuffer(held.get(0x7FE00010, b""), dtype=np.uint8)[12:].any():
        yield "every frame is empty"
    for item in items_of(value_of(held[0x00620002])):
        segment = values_of(item)
        number = int.from_bytes(segment[0x00620004], "little")
        if number and not (segment.get(0x00620020) and segment.get(0x00620021)):
            yield f"segment {number} has no tracking identifiers"
    referenced = {
        text_of(values_of(instance)[0x00081155])
        for series in items_of(value_of(held[0x00081115]))
        for instance in items_of(values_of(series)[0x0008114A])
    }
    if not referenced or referenced - sources.uids:
        yield "Referenced Series Sequence is empty or names images that were not read"
    frames = list(items_of(value_of(held[0x52009230])))
    if len(frames) != int(_text(held, 0x00280008)):
        yield "Number of Frames is not that of the Per-frame Functional Groups"


def _capture_rules(held: Mapping[int, bytes], sources: SourceSeries) -> Iterator[str]:
    if _text(held, 0x00280301) != "YES":
        yield "Burned In Annotation is not YES"
    if not _text(held, 0x00082111):
        yield "Derivation Description is missing"
    named = {text_of(values_of(item)[0x00081155]) for item in items_of(value_of(held[0x00082112]))}
    if named - sources.uids:
        yield "Source Image Sequence names an image that was not read"
    try:
        # Behind the element's head, the empty offset table and the head of the only fragment (PS3.5 A.4).
        frame = read_codestream(held[0x7FE00010][28:-8])
    except PixelError as error:
        yield str(error)
        return
    stated = tuple(int.from_bytes(value_of(held[tag]), "little") for tag in (0x00280010, 0x00280011, 0x00280002))
    if (frame.rows, frame.columns, frame.components) != stated:
        yield "Rows, Columns or Samples per Pixel are not those of the compressed frame"


def _text(held: Mapping[int, bytes], tag: int) -> str:
    return text_of(value_of(held[tag])) if tag in held else ""


_RULES: Mapping[str, _Rules] = {
    Comprehensive3DSRStorage: report_faults,
    SegmentationStorage: _segmentation_rules,
    LABELMAP_STORAGE: _segmentation_rules,
    SecondaryCaptureImageStorage: _capture_rules,
}
