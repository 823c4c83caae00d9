"""The walk finds what pydicom finds, in every encoding and through every kind of sequence."""

import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmwrite
from pydicom.dataset import Dataset
from pydicom.filereader import data_element_generator
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from dicom_io.walk import Encoding, walk

SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
EXPLICIT = Encoding(is_implicit=False, is_little_endian=True)
SEQUENCE = b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff"
ITEM, ITEM_END, END = (struct.pack("<HHI", 0xFFFE, element, 0) for element in (0xE000, 0xE00D, 0xE0DD))
OPEN_ITEM = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
AFTER = b"\x10\x00\x20\x00LO\x04\x00PID1"


@st.composite
def _datasets(draw: st.DrawFn, depth: int = 0) -> Dataset:
    dataset = Dataset()
    for keyword in draw(st.sets(st.sampled_from(("PatientID", "StudyID", "SeriesDescription", "ImageComments")))):
        setattr(dataset, keyword, draw(st.text("abc ", max_size=12)))
    if draw(st.booleans()):
        dataset.Rows = draw(st.integers(0, 65535))
    if depth < 3 and draw(st.booleans()):
        items = Sequence(draw(st.lists(_datasets(depth + 1), max_size=3)))
        dataset.ReferencedImageSequence = items
        dataset["ReferencedImageSequence"].is_undefined_length = draw(st.booleans())
        for item in items:
            item.is_undefined_length_sequence_item = draw(st.booleans())
    return dataset


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_walk_finds_what_pydicom_finds(syntax: str):
    is_implicit, is_little = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian

    @settings(max_examples=60, deadline=None, derandomize=True, database=None)
    @given(_datasets())
    def run(dataset: Dataset) -> None:
        stream = io.BytesIO()
        dcmwrite(stream, dataset, implicit_vr=is_implicit, little_endian=is_little)
        data = stream.getvalue()
        found = data_element_generator(io.BytesIO(data), is_implicit, is_little)
        expected = {int(one.tag): one.value for one in found if isinstance(one.value, bytes) and one.value}
        wanted = frozenset(int(element.tag) for element in dataset if element.VR != "SQ")
        walked = walk(data, 0, Encoding(is_implicit=is_implicit, is_little_endian=is_little), wanted)
        assert walked.values == {tag: value for tag, value in expected.items() if tag in wanted}
        assert walked.start == len(data)

    run()


@pytest.mark.parametrize(
    "sequence",
    [
        SEQUENCE + END,
        SEQUENCE + ITEM + END,
        SEQUENCE + OPEN_ITEM + b"\x08\x00\x50\x11UI\x04\x001.2\x00" + ITEM_END + END,
        SEQUENCE + OPEN_ITEM + SEQUENCE + ITEM + END + ITEM_END + END,
        # UN of undefined length holds implicit VR by the standard, explicit VR by many writers.
        b"\x09\x00\x10\x10UN\x00\x00\xff\xff\xff\xff"
        + OPEN_ITEM
        + b"\x08\x00\x50\x11\x04\0\0\x001.2\0"
        + ITEM_END
        + END,
        b"\x09\x00\x10\x10UN\x00\x00\xff\xff\xff\xff" + OPEN_ITEM + b"\x08\x00\x50\x11UI\x04\x001.2\0" + ITEM_END + END,
    ],
)
def test_what_follows_a_sequence_is_found(sequence: bytes):
    assert walk(sequence + AFTER, 0, EXPLICIT, frozenset({0x00100020})).values == {0x00100020: b"PID1"}


def test_the_pixels_end_the_walk_and_their_place_is_told():
    data = AFTER + b"\xe0\x7f\x10\x00OW\x00\x00\x06\x00\x00\x00" + b"pixels"
    walked = walk(data, 0, EXPLICIT, frozenset())
    assert (walked.tag, walked.start, walked.length) == (0x7FE00010, len(AFTER), 6)
    assert data[walked.offset :] == b"pixels"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (AFTER[:-1], EOFError),
        (SEQUENCE + AFTER, ValueError),
        (SEQUENCE + OPEN_ITEM + END + AFTER, ValueError),
        (SEQUENCE + ITEM, struct.error),
        ((SEQUENCE + OPEN_ITEM) * 100, RecursionError),
        (b"\x08\x00\x05\x00CS\x00\x00" * 30_000, ValueError),
    ],
)
def test_bytes_that_break_off_or_never_end_are_refused(data: bytes, error: type[Exception]):
    with pytest.raises(error):
        walk(data, 0, EXPLICIT, frozenset())
