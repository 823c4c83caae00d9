"""The pixels of one DICOM file, frame by frame, decoded only when asked for."""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.uid import DeflatedExplicitVRLittleEndian

from dicom_io.decode.decoders import check_decodable, damaged, decode_frame, is_native
from dicom_io.decode.fragments import split_frames
from dicom_io.decode.pixel_header import PIXEL_ELEMENTS, PixelHeader, read_pixel_header
from dicom_io.elements import Elements, inflate, read_elements
from dicom_io.errors import NoPixelsError, NotDicomError, PixelError, UnsupportedPixelsError
from dicom_io.file_format import split_file
from dicom_io.vendor_errors import PARSE_ERRORS
from dicom_io.walk import UNDEFINED_LENGTH, Source

#: Pixel Data (7FE0,0010), the integer one.
_PIXEL_DATA = 0x7FE00010
#: More than any scan has slices.
_MAXIMUM_FRAMES = 20_000
#: A slice is read, which costs less than the page faults of a mapping; what is larger is mapped, so that one frame of
#: many needs no memory for the others.
_MAXIMUM_READ_BYTES = 4 * 2**20
_CONTAINERS = {8: "u1", 16: "u2", 32: "u4"}


@dataclass(frozen=True, kw_only=True)
class PixelFile:
    """One opened file; its bytes stay in memory, or mapped, as long as an array of it lives."""

    #: What it says of its pixels.
    header: PixelHeader
    #: The bytes that `elements` was read from: the file, or what a deflated one inflates to.
    source: Source
    #: The raw elements, with the place of the pixels.
    elements: Elements
    #: Transfer Syntax UID (0002,0010).
    transfer_syntax_uid: str

    def frames(self) -> Iterator[npt.NDArray[Any]]:
        """Each frame in turn as integers (y, x) or (y, x, samples), as the container holds them.

        Raises:
            PixelError: a frame is missing, truncated or damaged, or there are bytes for more than the header tells of.
        """
        if is_native(self.transfer_syntax_uid):
            self._check_native_length()
            return (self._native_frame(index) for index in range(self.header.frames))
        return self._compressed_frames()

    def _native_frame(self, index: int) -> npt.NDArray[Any]:
        header, place = self.header, self.elements.pixels
        dtype = np.dtype(("<" if self.elements.is_little_endian else ">") + _CONTAINERS[header.bits_allocated])
        count = self._native_samples
        start = place.offset + index * count * dtype.itemsize
        available = min(place.offset + place.length, len(self.source)) - start
        if available < count * dtype.itemsize:
            raise PixelError(
                f"Frame {index + 1} has {max(available, 0)} bytes of pixels; required: {count * dtype.itemsize}. "
                "The pixels are truncated or damaged: send the image again from its source."
            )
        if self._is_swapped:
            pairs = np.frombuffer(self.source, ">u2", (count + 1) // 2, start)
            return self._shaped(pairs.byteswap().view(np.uint8)[:count])
        return self._shaped(np.frombuffer(self.source, dtype, count, start))

    @property
    def _native_samples(self) -> int:
        # YBR_FULL_422 keeps one colour of two pixels (PS3.3 C.7.6.3.1.2).
        samples = 2 if self.header.photometric == "YBR_FULL_422" else self.header.samples
        return self.header.rows * self.header.columns * samples

    def _check_native_length(self) -> None:
        header, length = self.header, self.elements.pixels.length
        if length == UNDEFINED_LENGTH:
            raise PixelError(
                "The pixels are encapsulated as compressed ones are, and the transfer syntax says that they are not; "
                "required: pixels as it says. Send the image again from its source."
            )
        frame = self._native_samples * header.bits_allocated // 8
        # A few bytes more are padding. A whole frame more is one that nobody reads, or a size or a depth that is a lie.
        if length >= (header.frames + 1) * frame:
            raise PixelError(
                f"There are {length} bytes of pixels; required: {header.frames * frame}, as Rows, Columns, Bits "
                "Allocated and Number of Frames say. Send the image again from its source."
            )

    @property
    def _is_swapped(self) -> bool:
        # 8-bit samples in OW of a big endian file stand in swapped pairs (PS3.5 8.1.1); in OB they do not.
        vr = self.source[self.elements.pixels.offset - 8 : self.elements.pixels.offset - 6]
        return self.header.bits_allocated == 8 and not self.elements.is_little_endian and vr == b"OW"

    def _shaped(self, flat: npt.NDArray[Any]) -> npt.NDArray[Any]:
        rows, columns, samples = self.header.rows, self.header.columns, self.header.samples
        if samples == 1:
            return flat.reshape(rows, columns)
        if self.header.photometric == "YBR_FULL_422":
            pairs = flat.reshape(rows, columns // 2, 4)
            luma = pairs[..., :2].reshape(rows, columns)
            chroma = np.repeat(pairs[..., 2:], 2, axis=1)
            return np.dstack([luma, chroma])
        if self.header.is_planar:
            return np.moveaxis(flat.reshape(samples, rows, columns), 0, -1)
        return flat.reshape(rows, columns, samples)

    def _compressed_frames(self) -> Iterator[npt.NDArray[Any]]:
        found, required, syntax = 0, self.header.frames, self.transfer_syntax_uid
        try:
            for frame in split_frames(self._encapsulated(), required):
                found += 1
                if found > required:
                    break
                yield decode_frame(frame, syntax, self.header)
        except PARSE_ERRORS as error:
            raise damaged(error) from error
        if found != required:
            raise PixelError(
                f"Found {found} compressed frames; required: {required} as in Number of Frames. "
                "Send the image again from its source."
            )

    def _encapsulated(self) -> bytes:
        place = self.elements.pixels
        end = len(self.source) if place.length == UNDEFINED_LENGTH else place.offset + place.length
        return bytes(self.source[place.offset : end])


def open_pixels(path: Path, maximum_pixels: int) -> PixelFile:
    """The pixels of the DICOM file at *path*, checked against *maximum_pixels* a frame before any is decoded.

    Raises:
        NotDicomError: the file cannot be parsed.
        NoPixelsError: it has none.
        UnsupportedPixelsError: no decoder, an unusual depth, or too many pixels.
        PixelError: the header contradicts itself.
        OSError: the file is gone.
    """
    with path.open("rb", buffering=0) as file:
        source = _bytes_of(file)
    part10 = split_file(source)
    check_decodable(part10.transfer_syntax_uid)
    offset, syntax = part10.dataset_offset, part10.transfer_syntax_uid
    elements = read_elements(source, syntax, offset=offset, of=PIXEL_ELEMENTS)
    header = read_pixel_header(elements)
    _check_layout(header, elements, maximum_pixels)
    if syntax == DeflatedExplicitVRLittleEndian:
        promised = header.rows * header.columns * header.samples * header.frames * header.bits_allocated // 8
        source = inflate(source, offset, elements.pixels.offset + min(promised, 4 * maximum_pixels) + 2)
    return PixelFile(header=header, source=source, elements=elements, transfer_syntax_uid=syntax)


def _bytes_of(file: FileIO) -> Source:
    size = file.seek(0, 2)
    if size == 0:
        raise NotDicomError("The file is empty; required: a DICOM file (PS3.10).")
    if size > _MAXIMUM_READ_BYTES:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    file.seek(0)
    return file.read()


def _check_layout(header: PixelHeader, elements: Elements, maximum_pixels: int) -> None:
    if not elements.has_pixels or header.rows * header.columns == 0:
        raise NoPixelsError("The instance has no pixel data; required: an image. Choose a series of images.")
    if header.rows * header.columns > maximum_pixels:
        raise UnsupportedPixelsError(
            f"The image has {header.rows} x {header.columns} pixels; required: at most {maximum_pixels}."
        )
    if header.frames > _MAXIMUM_FRAMES:
        raise UnsupportedPixelsError(f"The instance has {header.frames} frames; required: at most {_MAXIMUM_FRAMES}.")
    if elements.pixels.tag != _PIXEL_DATA or header.bits_allocated not in _CONTAINERS or header.samples not in (1, 3):
        raise UnsupportedPixelsError(
            f"The pixels are {header.samples} samples of {header.bits_allocated} "
            f"{'bits' if elements.pixels.tag == _PIXEL_DATA else 'floating-point bits'}; required: 1 or 3 integer "
            "samples of 8, 16 or 32 bits. Send the original image, not a map or a mask."
        )
