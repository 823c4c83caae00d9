"""Text in the character sets of Specific Character Set (0008,0005; PS3.3 C.12.1.1.2), and in sets declared wrongly.

pydicom decodes them too, and warns about what was declared wrongly; a name must come out all the same, without a line
on standard error for each image of a series, and a set that does not fit the bytes must not garble it.
"""

import re
from functools import lru_cache

#: Python's codec by the number of the ISO registry entry; the multi-byte sets that need escapes begin as ASCII.
_REGISTERED = {
    "6": "ascii",
    "87": "ascii",
    "159": "ascii",
    "100": "latin_1",
    "101": "iso8859_2",
    "109": "iso8859_3",
    "110": "iso8859_4",
    "144": "iso8859_5",
    "127": "iso8859_6",
    "126": "iso8859_7",
    "138": "iso8859_8",
    "148": "iso8859_9",
    "203": "iso8859_15",
    "13": "shift_jis",
    "166": "iso8859_11",
    "149": "euc_kr",
    "58": "gb2312",
    "192": "utf_8",
}
_TERM = re.compile(r"ISO[ _-]?(?:2022[ _-]?)?IR[ _-]?(\d+)")
_OTHER_TERMS = {"GB18030": "gb18030", "GBK": "gbk"}
#: Codec after an escape sequence (PS3.3 tables C.12-3 and C.12-4). ``(B``, ASCII, leaves the upper half as it began.
_ESCAPES = {
    b"(J": "shift_jis",
    b")I": "shift_jis",
    b"-A": "latin_1",
    b"-B": "iso8859_2",
    b"-C": "iso8859_3",
    b"-D": "iso8859_4",
    b"-L": "iso8859_5",
    b"-G": "iso8859_6",
    b"-F": "iso8859_7",
    b"-H": "iso8859_8",
    b"-M": "iso8859_9",
    b"-b": "iso8859_15",
    b"-T": "iso8859_11",
    b"$B": "iso2022_jp",
    b"$(D": "iso2022_jp_2",
    b"$)C": "euc_kr",
    b"$)A": "gb2312",
}
#: Codecs that are told by the escape sequence itself what follows.
_NEED_ESCAPE = frozenset({"iso2022_jp", "iso2022_jp_2"})
_SPLIT = re.compile(rb"\x1b(\$?[()-]?[A-Za-z])")
#: After these the set that was named first holds again, until the next escape (PS3.5 6.1.2.5.3).
_DELIMITER = re.compile(rb"[\^=\\\t\n\f\r]")


def decode_text(raw: bytes, declared: str) -> str:
    """*raw* as text, in the set that *declared* (the element's value, backslashes and all) names first.

    Bytes that do not fit the set are read as UTF-8 where they are that, else as Latin-1: the two that are meant when
    none or the wrong one is declared. Nothing is ever refused: a name that reads oddly is better than no image.
    """
    codec = _codec(declared.split("\\", maxsplit=1)[0])
    head, *parts = _SPLIT.split(raw)
    texts = [_decode(head, codec)]
    for escape, part in zip(parts[::2], parts[1::2], strict=True):
        following = _ESCAPES.get(escape, codec)
        if following in _NEED_ESCAPE:
            # A delimiter is half a letter here, and whoever writes one escapes to ASCII before it.
            texts.append((b"\x1b" + escape + part).decode(following, "replace"))
            continue
        delimiter = _DELIMITER.search(part)
        end = delimiter.start() if delimiter else len(part)
        texts += (_decode(part[:end], following), _decode(part[end:], codec, following))
    return "".join(texts)


@lru_cache(maxsize=256)
def _codec(term: str) -> str:
    term = term.strip(" \0").upper()
    registered = _TERM.fullmatch(term)
    return _REGISTERED.get(registered[1], "ascii") if registered else _OTHER_TERMS.get(term, "ascii")


def _decode(raw: bytes, *codecs: str) -> str:
    for candidate in (*codecs, "utf_8"):
        try:
            return raw.decode(candidate)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin_1")
