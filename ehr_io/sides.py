"""What is said of an operation beside its code: the side, and whether it was acute."""

from collections.abc import Iterable

#: Danish SKS, SNOMED CT, and the letters that most others write.
_WORDS = {
    "TUL1": "right",
    "TUL2": "left",
    "24028007": "right",
    "7771000": "left",
    "R": "right",
    "RT": "right",
    "L": "left",
    "LT": "left",
    "ATA1": "acute",
    "ACUTE": "acute",
}


def said_of(codes: Iterable[str]) -> str:
    """The words that *codes* stand for, in order, with blanks between: ``acute left``; others mean nothing to us."""
    return " ".join(sorted({_WORDS[code] for code in codes if code in _WORDS}))
