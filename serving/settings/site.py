"""Where a site keeps its things and how it speaks."""

from pathlib import Path
from typing import Literal

from pydantic import field_validator
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from serving.settings.section import Section

#: SQLAlchemy's names of the databases that are spoken to.
_DRIVERS = frozenset({"sqlite", "postgresql+psycopg"})


def _driver_of(url: str) -> str:
    try:
        parsed = make_url(url)
    except ArgumentError:
        return ""
    return parsed.drivername if parsed.database else ""


class Site(Section):
    """Where this site keeps its things and how it speaks."""

    #: Everything Varsel writes lies below this directory.
    data_dir: Path = Path("varsel-data")
    #: Language of findings, cards and pages: ``da`` or ``en``.
    language: Literal["da", "en"] = "da"
    #: SQLAlchemy URL; empty = an SQLite file in data_dir.
    database_url: str = ""

    @field_validator("database_url")
    @classmethod
    def _names_a_database_of_ours(cls, url: str) -> str:
        # Neither the URL nor the library's words about it are told: both may hold a password.
        if not url or _driver_of(url) in _DRIVERS:
            return url
        raise ValueError(
            "is no database URL that works here; required: postgresql+psycopg://user@host/varsel, sqlite:///file, or "
            "nothing for an SQLite file in site.data_dir"
        )
