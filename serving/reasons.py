"""Why there is no answer, as people in this house read it."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

#: Codes whose recorded text is in the language of the site already.
_TRANSLATED = frozenset(("unexpected_picture",))


@cache
def headlines(language: str) -> Mapping[str, str]:
    """Reason code -> one line in *language* (``da`` or ``en``); what was found stands in the recorded text."""
    words = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return {code: line[language] for code, line in words.items()}


def reason_in(language: str, code: str, text: str) -> str:
    """*text* as it is in English; in Danish (``da``) after the line for its *code*, where there is one.

    The numbers stand in *text*, which technicians look up.
    """
    line = None if language != "da" or code in _TRANSLATED else headlines(language).get(code)
    return text if line is None else f"{line[0].lower()}{line[1:]} ({text})"
