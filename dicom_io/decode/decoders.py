"""Which decoder takes which transfer syntax, by figures and by what it makes of broken streams (decision 0011)."""

import itertools
import os
import struct
from collections.abc import Callable, Mapping
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
from pydicom import uid

from dicom_io.decode.codestream import read_codestream
from dicom_io.decode.pixel_header import PixelHeader
from dicom_io.errors import PixelError, UnsupportedPixelsError

Pixels = npt.NDArray[Any]

#: From so many pixels on a JPEG 2000 frame is decoded on all processors: a radiograph comes alone, slices side by side.
_LARGE_PIXELS = 2**20


def _decode_jpeg_2000(frame: bytes) -> Pixels:
    stream = read_codestream(frame)
    is_large = stream.rows * stream.columns >= _LARGE_PIXELS
    return np.asarray(imagecodecs.jpeg2k_decode(frame, numthreads=os.cpu_count() if is_large else 1))


#: HTJ2K goes to OpenJPEG as well: OpenJPH is twice as fast and returns a cut stream as an image.
_DECODERS: Mapping[str, Callable[[bytes], Pixels]] = {
    uid.JPEGBaseline8Bit: imagecodecs.jpeg8_decode,
    uid.JPEGExtended12Bit: imagecodecs.jpeg8_decode,
    uid.JPEGLossless: imagecodecs.jpeg8_decode,
    uid.JPEGLosslessSV1: imagecodecs.jpeg8_decode,
    uid.JPEGLSLossless: imagecodecs.jpegls_decode,
    uid.JPEGLSNearLossless: imagecodecs.jpegls_decode,
    uid.JPEG2000Lossless: _decode_jpeg_2000,
    uid.JPEG2000: _decode_jpeg_2000,
    uid.HTJ2KLossless: _decode_jpeg_2000,
    uid.HTJ2KLosslessRPCL: _decode_jpeg_2000,
    uid.HTJ2K: _decode_jpeg_2000,
}
_NATIVE = frozenset(
    {
        uid.ImplicitVRLittleEndian,
        uid.ExplicitVRLittleEndian,
        uid.DeflatedExplicitVRLittleEndian,
        uid.ExplicitVRBigEndian,
    }
)
#: Every transfer syntax whose pixels can be read here.
DECODABLE = _NATIVE | frozenset(_DECODERS) | {uid.RLELossless}
#: Number of segments and fifteen offsets (PS3.5 G.5).
_RLE_HEADER = struct.Struct("<16I")


def is_native(transfer_syntax_uid: str) -> bool:
    """Whether pixels lie in the file as they are, frame after frame."""
    return transfer_syntax_uid in _NATIVE


def keeps_words(transfer_syntax_uid: str) -> bool:
    """Whether frames come with all bits of their words, the unused ones too: RLE packs bytes (PS3.5 G.2)."""
    return is_native(transfer_syntax_uid) or transfer_syntax_uid == uid.RLELossless


def check_decodable(transfer_syntax_uid: str) -> None:
    """Refuse what no decoder here reads.

    Raises:
        UnsupportedPixelsError: the transfer syntax is retired, unknown or a video.
    """
    if transfer_syntax_uid not in DECODABLE:
        raise UnsupportedPixelsError(
            f"Transfer syntax {transfer_syntax_uid} has no decoder here; required: uncompressed, deflated, RLE, JPEG, "
            "JPEG-LS, JPEG 2000 or HTJ2K. Let the PACS send the image uncompressed (Explicit VR Little Endian)."
        )


def decode_frame(frame: bytes, transfer_syntax_uid: str, header: PixelHeader) -> Pixels:
    """The compressed *frame* as integers (y, x) or (y, x, samples), unsigned but for signed JPEG 2000 streams.

    Raises:
        PixelError: the stream is damaged or contradicts *header*.
        UnsupportedPixelsError: no decoder reads the transfer syntax.
    """
    check_decodable(transfer_syntax_uid)
    if transfer_syntax_uid == uid.RLELossless:
        return _decode_rle(frame, header)
    _check_declared(frame, header)
    try:
        pixels = _DECODERS[transfer_syntax_uid](frame)
    except (RuntimeError, ValueError, TypeError) as error:
        raise damaged(error) from error
    return np.asarray(pixels)


def damaged(error: Exception) -> PixelError:
    """What to say when a decoder failed with *error*, whose own text may quote the bytes."""
    return PixelError(
        f"The pixels cannot be decoded ({type(error).__name__}): they are truncated or damaged, or the header "
        "contradicts them. Send the image again from its source."
    )


def _check_declared(frame: bytes, header: PixelHeader) -> None:
    # Before decoding: a stream of a few bytes may declare, and make a decoder allocate, 65,535 x 65,535 pixels.
    stream = read_codestream(frame)
    found = (stream.rows, stream.columns, stream.components)
    required = (header.rows, header.columns, header.samples)
    if found != required:
        raise PixelError(
            f"The compressed frame holds rows, columns, samples {found}; required: {required} as in the header. "
            "Send the image again from its source."
        )
    if stream.precision > header.bits_allocated:
        raise PixelError(
            f"The compressed frame holds {stream.precision} bits a sample; required: at most Bits Allocated "
            f"{header.bits_allocated}. Send the image again from its source."
        )


def _decode_rle(frame: bytes, header: PixelHeader) -> Pixels:
    """Byte planes, each packed by itself, most significant first, sample by sample (PS3.5 G.2)."""
    pixels, sample_bytes = header.rows * header.columns, header.bits_allocated // 8
    planes = [plane[:pixels] for plane in _rle_planes(frame)]
    if len(planes) != header.samples * sample_bytes or any(len(plane) < pixels for plane in planes):
        raise PixelError(
            f"The RLE frame holds {len(planes)} byte planes, the shortest of {min(map(len, planes), default=0)} bytes; "
            f"required: {header.samples * sample_bytes} of {pixels}. Send the image again from its source."
        )
    by_sample = np.stack(planes).reshape(header.samples, sample_bytes, pixels)[:, ::-1]
    joined = np.ascontiguousarray(np.moveaxis(by_sample, 1, -1)).view(f"<u{sample_bytes}")
    images = joined.reshape(header.samples, header.rows, header.columns)
    return images[0] if header.samples == 1 else np.moveaxis(images, 0, -1)


def _rle_planes(frame: bytes) -> list[npt.NDArray[np.uint8]]:
    try:
        count, *offsets = _RLE_HEADER.unpack_from(frame)
        bounds = [*offsets[:count], len(frame)]
        return [
            np.frombuffer(imagecodecs.packbits_decode(frame[start:end]), np.uint8)
            for start, end in itertools.pairwise(bounds)
        ]
    except (RuntimeError, ValueError, struct.error) as error:
        raise damaged(error) from error
