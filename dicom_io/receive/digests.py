"""The digest of received bytes: BLAKE3 (github.com/BLAKE3-team/BLAKE3-specs), 256 bits as 64 hexadecimal digits.

As hard to forge as SHA-256, and 18 times as fast where the processor has no instructions for that: 0.10 against 1.83 ms
for a CT slice (decision 0015).
"""

import hashlib
from pathlib import Path

from blake3 import blake3


def digest_of(path: Path) -> str:
    """Digest of the file at *path*."""
    return blake3().update_mmap(path).hexdigest()


def has_digest(path: Path, beginning: str) -> bool:
    """Whether the digest of the file at *path* begins with *beginning*; SHA-256, which it was once, counts too."""
    return digest_of(path).startswith(beginning) or earlier_digest_of(path).startswith(beginning)


def earlier_digest_of(path: Path) -> str:
    """What stands for the file at *path* in rows that were written before BLAKE3 was used: its SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
