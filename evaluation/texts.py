"""The words of the report's page and pictures in the languages of the site."""

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

_WORDS = Path(__file__).parent / "page"
#: Languages that the page can be written in; any other becomes English.
LANGUAGES = ("en", "da")


@dataclass(frozen=True, kw_only=True)
class Words:
    """The words of one language, by key; what has no word (a ward, a code) is shown as it is."""

    #: ``en`` or ``da``.
    language: str

    def __call__(self, key: str) -> str:
        """The word for *key*, e.g. ``operating_point`` or ``metric.auroc``."""
        return _words(self.language if self.language in LANGUAGES else "en").get(key, key.split(".", 1)[-1])

    def metric(self, name: str) -> str:
        """What the number *name* says beside its own words; empty where these say all, or it is unknown."""
        return self(f"metric.{name}").partition(": ")[2]

    def case(self, key: str) -> str:
        """*key* of a case in this language, where Varsel made it of words (``case 17``, ``a.png turn_left``)."""
        name, _, last = key.rpartition(" ")
        if name == "case" and last.isdigit():
            return f"{self('case')} {last}"
        return f"{name} {self(f'change.{last}')}" if name else key

    def sentence(self, text: str) -> str:
        """What a report says in English in its *text*, in this language; a name or a text that is unknown stays."""
        if self.language != "da":
            return text
        for pattern, danish in _danish_sentences():
            found = pattern.fullmatch(text)
            if found is not None:
                return danish.format(*map(self.sentence, found.groups()))
        return text


@lru_cache
def _words(language: str) -> MappingProxyType[str, str]:
    content = tomllib.loads((_WORDS / f"{language}.toml").read_text(encoding="utf-8"))
    flat = {key: value for key, value in content.items() if isinstance(value, str)}
    for section, entries in content.items():
        if not isinstance(entries, str):
            flat |= {f"{section}.{key}": value for key, value in entries.items()}
    # Plain names of numbers double as axis titles: the part before the colon.
    flat |= {key[7:]: value.split(":")[0] for key, value in flat.items() if key.startswith("metric.")}
    return MappingProxyType(flat)


@lru_cache
def _danish_sentences() -> tuple[tuple[re.Pattern[str], str], ...]:
    pairs = tomllib.loads((_WORDS / "da_sentences.toml").read_text(encoding="utf-8")).items()
    return tuple((re.compile("(.+?)".join(map(re.escape, english.split("{}")))), danish) for english, danish in pairs)
