"""Files of HL7 v2 messages: one after the other, each beginning with MSH, lines ended by CR, LF or both."""

import re
from collections.abc import Iterator
from pathlib import Path

_NEXT = re.compile(rb"(?:\r\n|\r|\n)+(?=MSH)")
_MARKS = b"\x0b\x1c"


def read_messages(path: Path) -> Iterator[bytes]:
    """The messages of the file at *path*, with or without MLLP marks."""
    whole = path.read_bytes().translate(None, _MARKS)
    return (message.strip() for message in _NEXT.split(whole) if message.strip())
