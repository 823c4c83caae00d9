"""Files that a power cut or another writer of the same cannot leave half-written, nor without their name."""

import os
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4


def make_directory(directory: Path) -> None:
    """Make *directory*, when it is missing; it would survive a power cut when this returns.

    Raises:
        OSError: the disk does not take it.
    """
    if not directory.is_dir():
        directory.mkdir(parents=True, exist_ok=True)
        flush_directory(directory.parent)


def replace_file(path: Path, parts: Iterable[bytes]) -> None:
    """Write *parts* to *path*, whole or not at all; file and name would survive a power cut when this returns.

    A try that was given up may write the same file as the one after it: each writes aside, and the last name given
    stands.

    Raises:
        OSError: the disk does not take it; nothing is left of it.
    """
    partial = path.with_name(f"{path.stem}.{uuid4().hex}.part")
    try:
        with partial.open("xb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    flush_directory(path.parent)


def flush_directory(directory: str | Path) -> None:
    """Return when the names in *directory* would survive a power cut (rename(2), fsync(2)).

    Raises:
        OSError: the disk failed.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
