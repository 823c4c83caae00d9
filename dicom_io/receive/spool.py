"""The spool: received objects on disk, whole or not at all."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from blake3 import blake3

from dicom_io.durable_file import flush_directory
from dicom_io.errors import SpoolError, SpoolFullError
from dicom_io.receive.digests import has_digest
from dicom_io.receive.flusher import Flushers
from dicom_io.uids import is_valid_uid

#: Digits of the digest that a file's name bears.
_DIGITS = 12
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
#: So much of a large object is written before the disk is asked for room again and given time to keep up; otherwise
#: the last flush of a gigabyte would outlast the patience of its sender.
_STRIDE_BYTES = 32 * 1024 * 1024
#: Random bytes in the name of a file that has none yet.
_NAME_BYTES = 16


@dataclass(frozen=True, kw_only=True)
class Spooled:
    """A file that has come to rest."""

    #: ``<spool>/<Study Instance UID>/<SOP Instance UID>-<first 12 digits of digest>.dcm``.
    path: Path
    #: Digest of the file (`dicom_io.receive.digests`).
    digest: str
    #: Size of the file.
    size_bytes: int


class Draft:
    """A file that is being written and has no name yet that anybody looks for."""

    def __init__(self, path: str, file: FileIO, room: "_Room") -> None:
        """Write to *file*, opened at *path*, while there is *room*."""
        #: Where the file is now; no Path, of which each costs as much as a system call.
        self.path = path
        #: Size of what was written.
        self.size_bytes = 0
        self._file = file
        self._room = room
        self._next_stride = _STRIDE_BYTES
        self._digest = blake3()

    def write(self, piece: bytes | memoryview) -> None:
        """Append *piece*.

        Raises:
            SpoolFullError: the disk has too little room for more.
            SpoolError: the disk failed.
        """
        try:
            written = self._file.write(piece)
        except OSError as error:
            raise _disk_error(error) from error
        if written != len(piece):
            raise _disk_error(OSError(errno.ENOSPC, "short write"))
        self._digest.update(piece)
        size = self.size_bytes = self.size_bytes + written
        if size >= self._next_stride:
            self._next_stride += _STRIDE_BYTES
            self._room.check()
            self.flush()

    def flush(self) -> None:
        """Return when what was written would survive a power cut.

        Raises:
            SpoolError: the disk failed.
        """
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _disk_error(error) from error

    def digest(self) -> str:
        """Digest of what was written."""
        return self._digest.hexdigest()

    def close(self) -> None:
        """Write no more."""
        with _translated_disk_errors():
            self._file.close()

    def discard(self) -> None:
        """Remove the file."""
        with _translated_disk_errors():
            self._file.close()
            Path(self.path).unlink(missing_ok=True)


class Spool:
    """Keeps each object in a file of its own, named by its content, so that equal bytes are one file."""

    def __init__(self, root: Path, *, minimum_free_bytes: int = 0) -> None:
        """Use the directory *root*, made when absent; refuse objects that leave fewer than *minimum_free_bytes*."""
        self.root = root
        self._room = _Room(root, minimum_free_bytes)
        self._incoming = root / "incoming"
        self._refused = root / "refused"
        self._flushers = Flushers()
        for directory in (self._incoming, self._refused):
            directory.mkdir(parents=True, exist_ok=True)

    def begin(self, blank: Draft | None = None) -> Draft:
        """A file to write an object to: *blank*, which is discarded when there is no room, or else a new one.

        Raises:
            SpoolFullError: too little room.
            SpoolError: the disk failed.
        """
        try:
            self._room.check()
        except SpoolError:
            if blank is not None:
                blank.discard()
            raise
        return self.blank() if blank is None else blank

    def blank(self) -> Draft:
        """A file to `begin` an object with later, made when nobody waits for it.

        Raises:
            SpoolError: the disk failed.
        """
        path = f"{self._incoming}/{os.urandom(_NAME_BYTES).hex()}"
        try:
            file = FileIO(path, "x")
            # Held until the file is closed, by death too: that tells what was abandoned from what is being written.
            fcntl.flock(file, fcntl.LOCK_SH)
        except OSError as error:
            raise _disk_error(error) from error
        return Draft(path, file, self._room)

    def keep(self, draft: Draft, *, study_uid: str, sop_uid: str) -> Spooled:
        """Give *draft* its place and return when it would survive a power cut.

        It has its name before it is flushed, so that file and directory are flushed at the same time: each wait for the
        disk costs as much as receiving the object. What a power cut leaves of it meanwhile, its name gives away.

        Raises:
            SpoolError: the disk failed or a UID may not become a path; nothing is left behind.
        """
        if not (is_valid_uid(study_uid) and is_valid_uid(sop_uid)):
            draft.discard()
            raise SpoolError("A UID that is none by PS3.5 9.1 may not become a file name; required: valid UIDs.")
        digest = draft.digest()
        # In one piece: joining paths costs as much as half of the calls that a file needs.
        path = f"{self.root}/{study_uid}/{sop_uid}-{digest[:_DIGITS]}.dcm"
        self._settle(draft, path)
        return Spooled(path=Path(path), digest=digest, size_bytes=draft.size_bytes)

    def keep_refused(self, draft: Draft) -> Path:
        """Keep what is no usable object, for a person to look at; equal bytes are one file.

        Raises:
            SpoolError: the disk failed; nothing is left behind.
        """
        path = self._refused / f"{draft.digest()[:32]}.bin"
        self._settle(draft, str(path))
        return path

    def discard_partial(self) -> int:
        """Remove what processes that have died left half-written; return how many files."""
        return sum(_discard_if_abandoned(path) for path in self._incoming.iterdir())

    def studies(self) -> Iterator[str]:
        """The Study Instance UIDs that there are directories of."""
        return (path.name for path in self.root.iterdir() if is_valid_uid(path.name))

    def files(self, study_uid: str) -> dict[str, int]:
        """The files of one study and their sizes in bytes, by name."""
        directory = self.root / study_uid
        if not directory.is_dir():
            return {}
        with os.scandir(directory) as entries:
            return {entry.name: entry.stat().st_size for entry in entries}

    def is_whole(self, path: Path) -> bool:
        """Whether a kept file holds the bytes that its name was made of."""
        _, _, digits = path.stem.rpartition("-")
        return len(digits) == _DIGITS and has_digest(path, digits)

    def put_aside(self, path: Path) -> None:
        """Move a kept file to those that were refused."""
        with _translated_disk_errors():
            path.rename(self._refused / path.name)

    def _settle(self, draft: Draft, path: str) -> None:
        takes_the_place_of_another = os.access(path, os.F_OK)
        try:
            self._name(draft, path, is_taken=takes_the_place_of_another)
            self._flush(draft, path)
            draft.close()
        except SpoolError:
            # What has taken the place of an acknowledged file is as durable as that was, and stays.
            if takes_the_place_of_another and draft.path == path:
                draft.close()
            else:
                draft.discard()
            raise

    def _name(self, draft: Draft, path: str, *, is_taken: bool) -> None:
        if is_taken:
            # The file there may be the only durable one of its kind: the new one must be so before it takes its name.
            draft.flush()
        try:
            self._place(draft, path)
        except OSError as error:
            raise _disk_error(error) from error
        draft.path = path

    def _place(self, draft: Draft, path: str) -> None:
        try:
            os.rename(draft.path, path)  # noqa: PTH104  (a Path costs as much as the call)
        except FileNotFoundError:
            Path(path).parent.mkdir(exist_ok=True)
            flush_directory(str(self.root))
            Path(draft.path).rename(path)

    def _flush(self, draft: Draft, path: str) -> None:
        flusher = self._flushers.take()
        flusher.begin(path.rpartition("/")[0])
        try:
            draft.flush()
        finally:
            failure = flusher.end()
            self._flushers.give_back(flusher)
        if failure is not None:
            raise _disk_error(failure) from failure


class _Room:
    """Keeps the disk from running full."""

    def __init__(self, root: Path, minimum_free_bytes: int) -> None:
        self._root = root
        self._minimum_free_bytes = minimum_free_bytes

    def check(self) -> None:
        try:
            disk = os.statvfs(self._root)
        except OSError as error:
            raise _disk_error(error) from error
        free = disk.f_bavail * disk.f_frsize
        if free < self._minimum_free_bytes:
            raise SpoolFullError(
                f"The spool has {free} bytes free; required: {self._minimum_free_bytes}. Make room on its disk; "
                "senders repeat what was refused."
            )


def _discard_if_abandoned(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    except (BlockingIOError, FileNotFoundError):
        # Another process writes it, or has just given it its place.
        return False
    return True


@contextmanager
def _translated_disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _disk_error(error) from error


def _disk_error(error: OSError) -> SpoolError:
    kind = SpoolFullError if error.errno in _NO_ROOM else SpoolError
    name = errno.errorcode.get(error.errno or 0, "unknown error")
    return kind(
        f"Writing to the spool failed with {name}; required: a writable disk with room. Senders repeat the object."
    )
