"""Which language a page speaks, and its words."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from starlette.requests import Request

from serving.reasons import headlines

#: Languages of the pages, RFC 5646.
LANGUAGES = ("da", "en")
#: Cookie that keeps a choice made with ``?lang=``.
COOKIE = "varsel_lang"


def choose_language(request: Request, default: str) -> str:
    """The language asked for by ``?lang=``, else the one chosen before, else the browser's, else *default*."""
    for asked in (request.query_params.get("lang"), request.cookies.get(COOKIE), *_accepted(request)):
        if asked in LANGUAGES:
            return asked
    return default


@cache
def load_texts(language: str) -> Mapping[str, Any]:
    """The words of *language*, by page; under ``why`` the lines for reason codes."""
    words = tomllib.loads((Path(__file__).parent / "texts" / f"{language}.toml").read_text(encoding="utf-8"))
    return words | {"why": headlines(language)}


def _accepted(request: Request) -> list[str]:
    # Browsers list languages in the order of preference, so weights need not be compared.
    listed = request.headers.get("accept-language", "").split(",")
    return [part.split(";")[0].split("-")[0].strip().lower() for part in listed]
