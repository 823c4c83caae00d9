"""The spool: received objects on disk, whole or not at all."""

import contextlib
import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dicom_io.errors import SpoolError, SpoolFullError
from dicom_io.uids import is_valid_uid

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, kw_only=True)
class Spooled:
    """A file that has come to rest."""

    #: ``<spool>/<Study Instance UID>/<SOP Instance UID>-<first 12 digits of sha256>.dcm``.
    path: Path
    #: SHA-256 of the file, 64 hexadecimal digits.
    sha256: str
    #: Size of the file.
    size_bytes: int


class Spool:
    """Keeps each object in a file of its own, named by its content, so that equal bytes are one file."""

    def __init__(self, root: Path, *, minimum_free_bytes: int = 0) -> None:
        """Use the directory *root*, made when absent; refuse objects that leave fewer than *minimum_free_bytes*."""
        self.root = root
        self._minimum_free_bytes = minimum_free_bytes
        self._incoming = root / "incoming"
        self._refused = root / "refused"
        for directory in (self._incoming, self._refused):
            directory.mkdir(parents=True, exist_ok=True)

    def keep(self, parts: Sequence[bytes], *, study_uid: str, sop_uid: str) -> Spooled:
        """Write *parts* as one file and return when it would survive a power cut.

        An equal file that is already there is written anew: that heals one which the disk has lost in part.

        Raises:
            SpoolFullError: too little room; nothing is left behind.
            SpoolError: the disk failed or a UID may not become a path; nothing is left behind.
        """
        if not (is_valid_uid(study_uid) and is_valid_uid(sop_uid)):
            raise SpoolError("A UID that is none by PS3.5 9.1 may not become a file name; required: valid UIDs.")
        sha256 = _digest(parts)
        path = self.root / study_uid / f"{sop_uid}-{sha256[:12]}.dcm"
        self._write(parts, path)
        return Spooled(path=path, sha256=sha256, size_bytes=sum(map(len, parts)))

    def keep_refused(self, data: bytes) -> Path:
        """Keep bytes that are no usable object, for a person to look at.

        Raises:
            SpoolError: as `keep`.
        """
        path = self._refused / f"{_digest([data])[:32]}.bin"
        self._write([data], path)
        return path

    def discard_partial(self) -> int:
        """Remove what a crash left half-written; return how many files. Call before the doors open."""
        partial = list(self._incoming.iterdir())
        for path in partial:
            path.unlink(missing_ok=True)
        return len(partial)

    def _write(self, parts: Sequence[bytes], path: Path) -> None:
        with _translated_disk_errors():
            self._check_room(sum(map(len, parts)))
            temporary = self._incoming / uuid.uuid4().hex
            try:
                _write_synced(temporary, parts)
                _make_synced_directory(path.parent)
                temporary.rename(path)
            except OSError:
                with contextlib.suppress(FileNotFoundError):
                    temporary.unlink()
                raise
            _sync_directory(path.parent)

    def _check_room(self, wanted_bytes: int) -> None:
        free = shutil.disk_usage(self.root).free
        if free - wanted_bytes < self._minimum_free_bytes:
            raise SpoolFullError(
                f"The spool has {free} bytes free; required: {self._minimum_free_bytes} to stay free after this object "
                f"of {wanted_bytes}. Make room on its disk; senders repeat what was refused."
            )


def _digest(parts: Sequence[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _write_synced(path: Path, parts: Sequence[bytes]) -> None:
    with path.open("xb") as file:
        for part in parts:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())


def _make_synced_directory(directory: Path) -> None:
    if not directory.is_dir():
        directory.mkdir(exist_ok=True)
        _sync_directory(directory.parent)


def _sync_directory(directory: Path) -> None:
    # A rename is durable only when its directory is (rename(2), fsync(2)).
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated_disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        kind = SpoolFullError if error.errno in _NO_ROOM else SpoolError
        name = errno.errorcode.get(error.errno or 0, "unknown error")
        raise kind(
            f"Writing to the spool failed with {name}; required: a writable disk with room. Senders repeat the object."
        ) from error
