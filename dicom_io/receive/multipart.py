"""Taking a multipart/related body apart while it comes (RFC 2387, PS3.18 8.6.1.2.1), each part into its own file."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from dicom_io.errors import DicomIoError

#: A boundary has at most 70 characters (RFC 2046 5.1.1).
_LONGEST_BOUNDARY = 70


class MultipartError(DicomIoError):
    """The body is no multipart message as its Content-Type says."""


class WrongMediaTypeError(DicomIoError):
    """The media type of the body is not taken here."""


class TooLargeError(DicomIoError):
    """The body holds more, or larger, objects than are taken here."""


@dataclass(frozen=True, kw_only=True)
class MultipartLimits:
    """What is taken in one body."""

    #: Bytes of one part.
    part_bytes: int
    #: Parts.
    parts: int


def boundary_of(content_type: str, root_type: str) -> bytes:
    """The boundary of a multipart/related body whose parts are of *root_type*.

    Raises:
        WrongMediaTypeError: it is of another type.
        MultipartError: it names no usable boundary.
    """
    header = Message()
    header["Content-Type"] = content_type
    if header.get_content_type() != "multipart/related" or str(header.get_param("type", "")).lower() != root_type:
        raise WrongMediaTypeError(f'The body must be multipart/related; type="{root_type}".')
    boundary = str(header.get_param("boundary", ""))
    if not boundary or len(boundary) > _LONGEST_BOUNDARY or not boundary.isascii():
        raise MultipartError("The Content-Type names no boundary of 1 to 70 ASCII characters; required: one.")
    return boundary.encode()


class MultipartReader:
    """Is fed chunk by chunk, gives parts as they end. Holds no more than the chunk in memory."""

    def __init__(self, boundary: bytes, directory: Path, limits: MultipartLimits) -> None:
        """Write parts below *directory*."""
        self._directory = directory
        self._limits = limits
        self._file: BinaryIO | None = None
        self._path = Path()
        self._part_bytes = self._parts = 0
        self._ended: list[Path] = []
        #: Whether the closing boundary has come.
        self.is_whole = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_part_data": self._on_data,
                "on_part_end": self._end,
                "on_end": self._on_end,
            },
        )

    def feed(self, chunk: bytes) -> Sequence[Path]:
        """Take the next bytes; files of the parts that ended with them, the caller's to remove.

        Raises:
            MultipartError: they are no multipart message.
            TooLargeError: a limit is passed.
        """
        try:
            self._parser.write(chunk)
        except MultipartParseError as error:
            raise MultipartError("The body is not divided by the boundary that its Content-Type names.") from error
        ended, self._ended = self._ended, []
        return ended

    def close(self) -> int:
        """Remove parts that have not ended, or that ended in the chunk that broke; how many there were."""
        left = list(self._ended)
        if self._file is not None:
            self._file.close()
            self._file = None
            left.append(self._path)
        for path in left:
            path.unlink(missing_ok=True)
        self._ended = []
        return len(left)

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > self._limits.parts:
            raise TooLargeError(f"The body has more than {self._limits.parts} parts; send them in several requests.")
        self._part_bytes = 0
        self._path = self._directory / f"{uuid.uuid4().hex}.part"
        self._file = self._path.open("xb")

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self._part_bytes += end - start
        if self._part_bytes > self._limits.part_bytes:
            raise TooLargeError(f"An object is larger than {self._limits.part_bytes} bytes.")
        if self._file is not None:
            self._file.write(memoryview(data)[start:end])

    def _end(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        self._ended.append(self._path)

    def _on_end(self) -> None:
        self.is_whole = True
