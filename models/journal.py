"""An append-only file of lines that threads and processes share.

A line counts from its end on: one whose writing was cut off counts for nothing, is logged when read, and is cut away
by the next line.
"""

import errno
import fcntl
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.errors import RegistryError


class Journal:
    """The lines of one file."""

    def __init__(self, path: Path) -> None:
        """Use the file at *path*, which is made when something is first added."""
        #: Where it lies.
        self.path = path

    def lines(self) -> tuple[bytes, ...]:
        """Every whole line without its end, oldest first."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return ()
        *lines, torn = content.split(b"\n")
        if torn:
            import structlog  # noqa: PLC0415  # a fifth of what `varsel rollback` loads before the pointer moves

            structlog.get_logger(__name__).warning(
                "The last line was cut off while it was written and counts for nothing",
                action=f"{self.path.stem}_torn",
                path=str(self.path),
            )
        return tuple(lines)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else adds a line meanwhile: what is read inside still holds when :meth:`add` is called inside."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def add(self, line: bytes) -> None:
        """Add *line*, on disk when this returns; only while :meth:`held`.

        Raises:
            RegistryError: the disk is full or gone; nothing was added.
        """
        try:
            self._write(line + b"\n")
        except OSError as error:
            raise RegistryError(
                f"'{self.path}' cannot be written ({error.strerror}): nothing was decided or moved; "
                "make room and try again"
            ) from error

    def _write(self, line: bytes) -> None:
        # Unbuffered: what a full disk did not take must not be written again when the file is closed.
        with self.path.open("r+b", buffering=0) as file:
            whole = file.read().rfind(b"\n") + 1
            file.truncate(whole)
            file.seek(whole)
            try:
                _write_all(file, line)
            except OSError:
                file.truncate(whole)
                raise


def _write_all(file: io.FileIO, line: bytes) -> None:
    if file.write(line) != len(line):
        # A full disk takes what it can and says so only the next time.
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(file.fileno())
