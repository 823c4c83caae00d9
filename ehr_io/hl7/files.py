"""Files of HL7 v2 messages, bare or as a batch: each begins with MSH, lines end with CR, LF or both."""

import re
from collections.abc import Iterator
from pathlib import Path

_NEXT = re.compile(rb"(?:\r\n|\r|\n)+(?=MSH)")
_MARKS = b"\x0b\x1c"
#: What stands around messages in a batch file (HL7 v2.5.1 2.10.3): says nothing of a patient.
_ENVELOPE = re.compile(rb"(?:(?<=[\r\n])|\A)(?:FHS|BHS|BTS|FTS)[^\r\n]*")


def read_messages(path: Path) -> Iterator[bytes]:
    """The messages of the file at *path*, with or without MLLP marks."""
    whole = _ENVELOPE.sub(b"", path.read_bytes().translate(None, _MARKS))
    return (message.strip() for message in _NEXT.split(whole) if message.strip())
