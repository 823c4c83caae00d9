"""A small disk of its own that can be filled."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SIZE_MIB = 192
_PIECE = b"\0" * (1 << 20)


class SmallDisk:
    """A file system in a file, mounted."""

    def __init__(self, root: Path) -> None:
        """Fill what is mounted at *root*."""
        self._ballast = root / "ballast"

    def fill(self) -> None:
        """Leave no room."""
        with suppress(OSError), self._ballast.open("wb", buffering=0) as ballast:
            while ballast.write(_PIECE):
                pass

    def clear(self) -> None:
        """Give the room back."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(image: Path, root: Path) -> Iterator[SmallDisk | None]:
    """An ext4 of its own in the file *image* mounted at *root*; None where we may not mount, as others than root."""
    root.mkdir(parents=True)
    with image.open("wb") as file:
        file.truncate(_SIZE_MIB << 20)
    if os.geteuid() or not _run("mkfs.ext4", "-q", "-m", "0", image) or not _run("mount", "-o", "loop", image, root):
        yield None
        return
    try:
        yield SmallDisk(root)
    finally:
        _run("umount", "-l", root)


def _run(*command: object) -> bool:
    try:
        return (
            subprocess.run([str(one) for one in command], capture_output=True, timeout=60, check=False).returncode == 0
        )
    except FileNotFoundError:
        return False
