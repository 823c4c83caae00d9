"""CT studies by the hundred: made once, sent again and again under other identifiers."""

from collections.abc import Sequence
from itertools import count
from pathlib import Path

import numpy as np
from factories.dicom import ct_series, write
from peers import run_dcmtk

#: Digits at the end of each identifier that tell one study's from another's.
_DIGITS = 6


class ManyStudies:
    """The same CT series as many studies as are asked for."""

    def __init__(self, directory: Path, slices: int, size: tuple[int, int]) -> None:
        """Make a series of air with a dense block, of so many *slices* of *size* (rows, columns), in *directory*."""
        self._directory = directory
        self._numbers = count(1)
        series = ct_series(slices, size=size, spacing_mm=(2.0, 1.5, 1.5))
        for number, image in enumerate(series):
            image.PixelData = _slice(size, has_block=slices // 3 <= number < slices // 2)
        first = series[0]
        together = (first.StudyInstanceUID, first.SeriesInstanceUID, first.FrameOfReferenceUID)
        self._uids = [uid.encode() for uid in (*together, *(image.SOPInstanceUID for image in series))]
        self._files = [path.read_bytes() for path in write(series, directory / "mould")]

    def pour(self) -> tuple[str, Path]:
        """The files of a study that nobody has seen: its Study Instance UID, and their directory."""
        number = next(self._numbers)
        directory = self._directory / f"{number}"
        directory.mkdir()
        for index, file in enumerate(self._files):
            (directory / f"{index:03}.dcm").write_bytes(self._renamed(file, number))
        return _renamed(self._uids[0], number).decode(), directory

    def _renamed(self, file: bytes, number: int) -> bytes:
        for uid in self._uids:
            file = file.replace(uid, _renamed(uid, number))
        return file


def send(port: int, directory: Path) -> None:
    """Send the files of *directory* in one association to the receiver at *port*, and remove them."""
    files = sorted(directory.iterdir())
    sent = run_dcmtk("storescu", ["-R", "-aec", "VARSEL", "127.0.0.1", str(port), *files])
    if sent.returncode:
        raise RuntimeError(f"storescu could not send a study: {sent.stderr[-400:]}")
    for file in files:
        file.unlink()
    directory.rmdir()


def _slice(size: Sequence[int], *, has_block: bool) -> bytes:
    # Stored values are 1024 more than Hounsfield units.
    pixels = np.full(size, 124, np.uint16)
    if has_block:
        rows, columns = (slice(extent * 3 // 8, extent * 9 // 16) for extent in size)
        pixels[rows, columns] = 1324
    return pixels.tobytes()


def _renamed(uid: bytes, number: int) -> bytes:
    return uid[:-_DIGITS] + b"%0*d" % (_DIGITS, number)
