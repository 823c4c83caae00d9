"""Every encoding gives the same pixels; a stream that is cut, lies or grows is refused before it costs anything."""

import dataclasses
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate_extended
from pydicom.pixels import get_decoder

from dicom_io.decode.decoders import DECODABLE
from dicom_io.decode.pixel_file import open_pixels
from dicom_io.errors import PixelError, UnsupportedPixelsError
from dicom_io.headers import read_header
from dicom_io.receive.negotiation import PREFERRED_TRANSFER_SYNTAXES
from dicom_io.stored_pixels import StoredPixels, read_stored_frames
from tests.factories.dicom import cr_image, write
from tests.factories.dicom_pixels import LOSSLESS, compressed, noisy_ct, run_lengths, stored

NATIVE = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
)


def _frames(dataset: Dataset, directory: Path) -> list[StoredPixels]:
    (path,) = write([dataset], directory)
    return list(read_stored_frames(read_header(path).instance))


def _as(dataset: Dataset, syntax: str) -> Dataset:
    if syntax == uid.RLELossless:
        dataset.compress(syntax, encoding_plugin="pydicom")
        return dataset
    if syntax in LOSSLESS:
        pixels = stored(dataset)
        # JPEG and JPEG-LS know no sign; HTJ2K and JPEG 2000 keep it.
        signless = syntax in (uid.JPEGLossless, uid.JPEGLosslessSV1, uid.JPEGLSLossless)
        return compressed(dataset, syntax, [LOSSLESS[syntax](pixels.view("<u2") if signless else pixels)])
    if syntax == uid.ExplicitVRBigEndian:
        dataset.PixelData = stored(dataset).byteswap().tobytes()
    dataset.file_meta.TransferSyntaxUID = syntax
    return dataset


@pytest.mark.parametrize("is_signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("syntax", [*NATIVE, *LOSSLESS, uid.RLELossless], ids=lambda syntax: uid.UID(syntax).name)
def test_every_lossless_encoding_gives_the_same_pixels(tmp_path: Path, syntax: str, *, is_signed: bool) -> None:
    dataset = noisy_ct(is_signed=is_signed)
    expected = stored(dataset)
    (found,) = _frames(_as(dataset, syntax), tmp_path)
    assert np.array_equal(found.values, expected)
    assert found.values.dtype.kind == expected.dtype.kind


@pytest.mark.parametrize("bits", [8, 12])
def test_lossy_jpeg_of_8_and_12_bits_is_close(tmp_path: Path, bits: int) -> None:
    rows = np.linspace(0, 2**bits - 1, 64)
    pixels = np.sqrt(np.outer(rows, rows)).astype(np.uint8 if bits == 8 else np.uint16)
    dataset = cr_image(pixels.astype(np.uint16), bits_stored=bits)
    dataset.BitsAllocated = 8 if bits == 8 else 16
    syntax = uid.JPEGBaseline8Bit if bits == 8 else uid.JPEGExtended12Bit
    stream = imagecodecs.jpeg8_encode(pixels, level=98, bitspersample=bits)
    (found,) = _frames(compressed(dataset, syntax, [stream]), tmp_path)
    assert np.abs(found.values.astype(int) - pixels).max() <= 2 ** (bits - 5)


def test_frames_in_fragments_without_offset_table_are_put_together(tmp_path: Path) -> None:
    pixels = [stored(noisy_ct()), stored(noisy_ct())[::-1].copy()]
    streams = [imagecodecs.jpegls_encode(one) for one in pixels]
    fragments = [part for stream in streams for part in (stream[:1000], stream[1000:])]
    dataset = compressed(noisy_ct(), uid.JPEGLSLossless, streams)
    dataset.NumberOfFrames = 2
    dataset.PixelData = struct.pack("<HHI", 0xFFFE, 0xE000, 0) + b"".join(
        struct.pack("<HHI", 0xFFFE, 0xE000, len(part) + len(part) % 2) + part + b"\0" * (len(part) % 2)
        for part in fragments
    )
    found = _frames(dataset, tmp_path)
    assert [np.array_equal(one.values, expected) for one, expected in zip(found, pixels, strict=True)] == [True, True]


def test_the_padding_of_a_signed_jpeg_2000_stream_is_signed_with_it(tmp_path: Path) -> None:
    dataset = noisy_ct(is_signed=True)
    pixels = stored(dataset).copy()
    pixels[0] = -2000
    dataset.PixelRepresentation, dataset.BitsStored, dataset.HighBit = 0, 16, 15
    dataset.add_new("PixelPaddingValue", "US", 2**16 - 2000)
    (found,) = _frames(compressed(dataset, uid.JPEG2000Lossless, [LOSSLESS[uid.JPEG2000Lossless](pixels)]), tmp_path)
    assert found.padding == (-2000, -2000)
    assert np.array_equal(found.padding_mask(), pixels == -2000)


def test_a_signed_jpeg_2000_stream_is_believed_against_an_unsigned_header(tmp_path: Path) -> None:
    dataset = noisy_ct(is_signed=True)
    expected = stored(dataset)
    dataset = _as(dataset, uid.JPEG2000Lossless)
    dataset.PixelRepresentation = 0
    (found,) = _frames(dataset, tmp_path)
    assert np.array_equal(found.values, expected)
    assert found.stored_range == (-32768, 32767)


@pytest.mark.parametrize("syntax", [*LOSSLESS, uid.RLELossless], ids=lambda syntax: uid.UID(syntax).name)
@pytest.mark.parametrize("kept", [0.1, 0.6, 0.97])
def test_a_cut_stream_is_never_an_image(tmp_path: Path, syntax: str, kept: float) -> None:
    whole = _as(noisy_ct(), syntax)
    length = struct.unpack_from("<I", whole.PixelData, 4)[0]
    stream = whole.PixelData[16 + length :][: int(kept * (len(whole.PixelData) - 16 - length))]
    with pytest.raises(PixelError):
        _frames(compressed(noisy_ct(), syntax, [stream]), tmp_path)


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda syntax: uid.UID(syntax).name)
def test_a_stream_of_another_size_is_refused_before_it_is_decoded(tmp_path: Path, syntax: str) -> None:
    dataset = _as(noisy_ct(), syntax)
    dataset.Rows = 47
    with pytest.raises(PixelError, match=r"rows, columns, samples \(48, 40, 1\); required: \(47, 40, 1\)"):
        _frames(dataset, tmp_path)


def test_a_stream_that_declares_a_huge_image_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    stream = bytearray(imagecodecs.jpeg8_encode(np.zeros((8, 8), np.uint8)))
    start = stream.index(b"\xff\xc0")
    stream[start + 5 : start + 9] = struct.pack(">HH", 65_500, 65_500)
    dataset = cr_image(np.zeros((8, 8), np.uint16), bits_stored=8)
    dataset.BitsAllocated = 8
    with pytest.raises(PixelError, match="65500, 65500"):
        _frames(compressed(dataset, uid.JPEGBaseline8Bit, [bytes(stream)]), tmp_path)


def test_a_deflated_bomb_is_inflated_only_as_far_as_its_header_promises(tmp_path: Path) -> None:
    dataset = noisy_ct()
    dataset.file_meta.TransferSyntaxUID = uid.DeflatedExplicitVRLittleEndian
    dataset.PixelData = bytes(64 * 2**20)
    (path,) = write([dataset], tmp_path)
    opened = open_pixels(path, 10_000)
    assert len(opened.source) < 100_000
    with pytest.raises(PixelError, match="bytes of pixels; required"):
        opened.frames()


@pytest.mark.filterwarnings("ignore:The end of the encapsulated")
def test_more_frames_than_there_are_is_a_pixel_error(tmp_path: Path) -> None:
    native, packed = noisy_ct(), _as(noisy_ct(), uid.JPEGLSLossless)
    native.NumberOfFrames = packed.NumberOfFrames = 3
    with pytest.raises(PixelError, match="Frame 2"):
        _frames(native, tmp_path / "native")
    with pytest.raises(PixelError):
        _frames(packed, tmp_path / "packed")


@pytest.mark.parametrize(
    "syntax", ["1.2.840.10008.1.2.4.52", "1.2.840.10008.1.2.4.55", "1.2.840.10008.1.2.4.102", "1.2.840.113619.5.2"]
)
def test_retired_private_and_video_syntaxes_are_refused(tmp_path: Path, syntax: str) -> None:
    (path,) = write([noisy_ct()], tmp_path)
    instance = dataclasses.replace(read_header(path).instance, transfer_syntax_uid=syntax)
    assert syntax not in DECODABLE
    with pytest.raises(UnsupportedPixelsError, match="no decoder here"):
        list(read_stored_frames(instance))


@pytest.mark.parametrize(
    "change",
    [
        {"BitsStored": 17},
        {"BitsStored": 0},
        {"HighBit": 20},
        {"BitsAllocated": 12},
        {"BitsAllocated": 64, "BitsStored": 64, "HighBit": 63},
        {"SamplesPerPixel": 4},
        {"NumberOfFrames": 2_000_000_000},
    ],
    ids=str,
)
def test_depths_that_contradict_each_other_are_refused(tmp_path: Path, change: dict[str, int]) -> None:
    dataset = noisy_ct()
    for keyword, value in change.items():
        setattr(dataset, keyword, value)
    with pytest.raises(PixelError):
        _frames(dataset, tmp_path)


@pytest.mark.parametrize(("high_bit", "bits"), [(15, 12), (13, 10), (11, 12)])
def test_stored_bits_are_found_wherever_they_lie(tmp_path: Path, high_bit: int, bits: int) -> None:
    values = np.arange(480, dtype=np.uint16).reshape(24, 20)
    shift = high_bit + 1 - bits
    overlay = np.uint16(0xFFFF & ~(((1 << bits) - 1) << shift))
    dataset = cr_image(values << shift | overlay, bits_stored=bits)
    dataset.HighBit = high_bit
    (found,) = _frames(dataset, tmp_path)
    assert np.array_equal(found.values, values)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_signed_values_of_every_depth_keep_their_sign(tmp_path: Path, bits: int) -> None:
    low = -(2 ** (bits - 1))
    values = np.linspace(low, -low - 1, 480).astype(np.int16).reshape(24, 20)
    dataset = cr_image(values.astype(np.uint16) & np.uint16(2**bits - 1), bits_stored=bits)
    dataset.PixelRepresentation = 1
    (found,) = _frames(dataset, tmp_path)
    assert np.array_equal(found.values, values)
    assert found.stored_range == (low, -low - 1)


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian])
def test_eight_bit_words_are_unswapped(tmp_path: Path, syntax: str) -> None:
    values = np.arange(25, dtype=np.uint8).reshape(5, 5)
    data = values.tobytes() + b"\0"
    dataset = cr_image(np.zeros((5, 5), np.uint16), bits_stored=8)
    dataset.BitsAllocated = 8
    dataset.PixelData = np.frombuffer(data, "<u2").byteswap().tobytes() if syntax == uid.ExplicitVRBigEndian else data
    dataset["PixelData"].VR = "OW"
    dataset.file_meta.TransferSyntaxUID = syntax
    (found,) = _frames(dataset, tmp_path)
    assert np.array_equal(found.values, values)


@pytest.mark.parametrize("planar", [0, 1])
def test_colours_are_found_in_both_planar_configurations(tmp_path: Path, planar: int) -> None:
    colours = np.random.default_rng(1).integers(0, 256, (6, 4, 3), dtype=np.uint8)
    dataset = cr_image(np.zeros((6, 4), np.uint16), photometric="RGB", bits_stored=8)
    dataset.BitsAllocated, dataset.SamplesPerPixel, dataset.PlanarConfiguration = 8, 3, planar
    dataset.PixelData = (np.moveaxis(colours, -1, 0) if planar else colours).tobytes()
    (path,) = write([dataset], tmp_path)
    (frame,) = open_pixels(path, 1000).frames()
    assert np.array_equal(frame, colours)


@pytest.mark.parametrize(
    ("syntax", "plugin"),
    [
        (uid.JPEGLossless, "gdcm"),
        (uid.JPEGLosslessSV1, "gdcm"),
        (uid.JPEGLSLossless, "pyjpegls"),
        (uid.JPEG2000Lossless, "pylibjpeg"),
        (uid.HTJ2KLossless, "pylibjpeg"),
        (uid.RLELossless, "pydicom"),
    ],
)
def test_a_second_decoder_gives_the_same_pixels(tmp_path: Path, syntax: str, plugin: str) -> None:
    dataset = _as(noisy_ct(), syntax)
    (found,) = _frames(dataset, tmp_path)
    expected, _ = get_decoder(syntax).as_array(dataset, raw=True, decoding_plugin=plugin)
    assert np.array_equal(found.values, expected)


def test_every_transfer_syntax_that_the_receiver_prefers_is_decoded() -> None:
    assert set(PREFERRED_TRANSFER_SYNTAXES) == DECODABLE


def test_frames_are_found_by_an_extended_offset_table(tmp_path: Path) -> None:
    pixels = [stored(noisy_ct()), stored(noisy_ct())[::-1].copy()]
    streams = [imagecodecs.jpegls_encode(one) for one in pixels]
    dataset = compressed(noisy_ct(), uid.JPEGLSLossless, streams)
    dataset.NumberOfFrames = 2
    dataset.PixelData, dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = encapsulate_extended(streams)
    found = _frames(dataset, tmp_path)
    assert [np.array_equal(one.values, expected) for one, expected in zip(found, pixels, strict=True)] == [True, True]


def _item(value: bytes) -> bytes:
    padded = value + b"\0" * (len(value) % 2)
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(padded)) + padded


def _three_frames(table: bytes, fragments: Sequence[bytes], syntax: str, frames: int = 3) -> Dataset:
    dataset = compressed(noisy_ct(), syntax, [b"\0\0"])
    dataset.NumberOfFrames = frames
    dataset.PixelData = table + b"".join(map(_item, fragments)) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return dataset


THREE = [np.roll(stored(noisy_ct()), turn) for turn in range(3)]
STREAMS = {
    uid.JPEGLSLossless: [imagecodecs.jpegls_encode(one) for one in THREE],
    uid.RLELossless: [run_lengths(one) for one in THREE],
}


@pytest.mark.parametrize("syntax", STREAMS)
@pytest.mark.parametrize(
    "table",
    [
        _item(b""),
        _item(struct.pack("<3I", 0, 0, 0)),
        _item(struct.pack("<3I", 2, 400, 800)),
        _item(struct.pack("<3I", 0, 2**31, 2**32 - 2)),
        _item(struct.pack("<1I", 0)),
        _item(struct.pack("<9I", *range(9))),
    ],
    ids=["empty", "zeros", "beside", "beyond", "short", "long"],
)
def test_a_wrong_offset_table_does_no_harm_where_each_frame_is_a_fragment(
    tmp_path: Path, table: bytes, syntax: str
) -> None:
    found = _frames(_three_frames(table, STREAMS[syntax], syntax), tmp_path)
    assert [np.array_equal(one.values, expected) for one, expected in zip(found, THREE, strict=True)] == [True] * 3


def test_frames_are_found_where_the_offset_table_is_missing_altogether(tmp_path: Path) -> None:
    found = _frames(_three_frames(b"", STREAMS[uid.JPEGLSLossless], uid.JPEGLSLossless), tmp_path)
    assert [np.array_equal(one.values, expected) for one, expected in zip(found, THREE, strict=True)] == [True] * 3


@pytest.mark.parametrize("syntax", STREAMS)
@pytest.mark.parametrize("frames", [1, 2, 4])
@pytest.mark.parametrize("table", [_item(b""), _item(struct.pack("<3I", 0, 3000, 6000))], ids=["no table", "table"])
def test_another_number_of_frames_than_there_are_is_a_pixel_error(
    tmp_path: Path, frames: int, syntax: str, table: bytes
) -> None:
    with pytest.raises(PixelError):
        _frames(_three_frames(table, STREAMS[syntax], syntax, frames), tmp_path)


def test_an_extended_offset_table_that_points_nowhere_does_no_harm(tmp_path: Path) -> None:
    dataset = compressed(noisy_ct(), uid.JPEGLSLossless, [imagecodecs.jpegls_encode(stored(noisy_ct()))])
    dataset.ExtendedOffsetTable = struct.pack("<Q", 2**40)
    dataset.ExtendedOffsetTableLengths = struct.pack("<Q", 100)
    (found,) = _frames(dataset, tmp_path)
    assert np.array_equal(found.values, stored(noisy_ct()))


def test_a_stream_that_is_filled_up_to_a_round_size_is_whole(tmp_path: Path) -> None:
    stream = imagecodecs.jpegls_encode(stored(noisy_ct()))
    (found,) = _frames(compressed(noisy_ct(), uid.JPEGLSLossless, [stream + b"\0" * 2000]), tmp_path)
    assert np.array_equal(found.values, stored(noisy_ct()))


@pytest.mark.parametrize("high_bit", [11, 13, 15])
@pytest.mark.parametrize("is_signed", [False, True])
def test_run_lengths_keep_the_bits_beside_the_stored_ones_which_are_no_part_of_the_image(
    tmp_path: Path, high_bit: int, *, is_signed: bool
) -> None:
    """An overlay in the high bits, and stored bits elsewhere than lowest (PS3.5 8.1.1), as when uncompressed."""
    dataset = noisy_ct(is_signed=is_signed)
    pixels = stored(dataset)
    dataset.BitsStored, dataset.HighBit = 12, high_bit
    other = np.random.default_rng(8).integers(0, 2**16, pixels.shape, np.uint16) & ~np.uint16(0xFFF << high_bit - 11)
    words = ((pixels & 0xFFF).astype(np.uint16) << (high_bit - 11)) | other
    expected = ((pixels & 0xFFF) ^ 0x800) - 0x800 if is_signed else pixels

    (found,) = _frames(compressed(dataset, uid.RLELossless, [run_lengths(words)]), tmp_path)

    assert np.array_equal(found.values, expected)


def test_a_compressed_image_far_above_its_stored_bits_is_refused(tmp_path: Path) -> None:
    dataset = noisy_ct()
    dataset.BitsStored, dataset.HighBit = 10, 9
    with pytest.raises(PixelError, match="mis-states the depth"):
        _frames(compressed(dataset, uid.JPEGLSLossless, [imagecodecs.jpegls_encode(stored(dataset))]), tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"Rows": 24},
        {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7},
        {"PixelData": noisy_ct().PixelData * 3},
        {"PixelData": noisy_ct().PixelData * 3, "NumberOfFrames": 2},
    ],
)
def test_bytes_for_more_than_the_header_tells_of_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    dataset = noisy_ct()
    dataset["PixelData"].VR = "OW"
    for keyword, value in change.items():
        setattr(dataset, keyword, value)
    with pytest.raises(PixelError, match="bytes of pixels; required"):
        _frames(dataset, tmp_path)


def test_a_few_bytes_more_than_the_pixels_are_padding(tmp_path: Path) -> None:
    dataset = noisy_ct()
    expected = stored(dataset)
    dataset.PixelData += b"\0" * 512
    (found,) = _frames(dataset, tmp_path)
    assert np.array_equal(found.values, expected)


def test_encapsulated_pixels_under_an_uncompressed_syntax_are_refused(tmp_path: Path) -> None:
    """Their items would be read as pixels, and everything be shifted by some."""
    dataset = compressed(noisy_ct(), uid.JPEGLSLossless, [stored(noisy_ct()).tobytes()])
    (path,) = write([dataset], tmp_path)
    said, says = (one.encode().ljust(22, b"\0") for one in (uid.JPEGLSLossless, uid.ExplicitVRLittleEndian))
    path.write_bytes(path.read_bytes().replace(said, says))
    with pytest.raises(PixelError, match="encapsulated"):
        list(read_stored_frames(read_header(path).instance))
