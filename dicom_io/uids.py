"""Unique identifiers: validated when read, derived when written."""

import hashlib
import re
from functools import lru_cache

#: PS3.5 9.1: components of digits joined by dots, at most 64 characters. It allows no leading zeros; they are read all
#: the same, for modalities make components of the time of day, and every archive takes them.
_UID = re.compile(r"\d+(\.\d+)+", re.ASCII)


def is_valid_uid(text: str) -> bool:
    """Whether *text* is a UID by PS3.5 9.1, leading zeros apart. Checked before a UID ever becomes part of a path."""
    return len(text) <= 64 and _is_uid(text)


@lru_cache(maxsize=1024)
def _is_uid(text: str) -> bool:
    # Three of the four UIDs in a header are those of the image before it.
    return _UID.fullmatch(text) is not None


def derive_uid(*parts: str) -> str:
    """The UID that *parts* always give: ``2.25.`` and 128 bits of their SHA-256 (PS3.5 B.2).

    Equal parts give equal UIDs on every machine, so that a repeated result is the same object
    and an archive that already holds it gains nothing.
    """
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"
