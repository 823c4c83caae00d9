"""Typed readers of FHIR JSON elements (R4 2.24, 2.6): each gives a value or refuses with the element's name."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from ehr_io.codes import Coding
from ehr_io.receive.reading import RefusalCode, RefusedError

Json = Mapping[str, object]

#: Clocks differ and time zones are mistaken; a day is more than either explains.
FUTURE_TOLERANCE = timedelta(days=1)
_SHOWN_CHARACTERS = 40
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-](0\d|1[0-3]):[0-5]\d|[+-]14:00)", re.ASCII)
#: FHIR id (R4 2.24.0.1); also what organism codes look like.
_ID = re.compile(r"[A-Za-z0-9.\-]{1,64}")
_BIRTH_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")


def shown(text: str) -> str:
    """*text* from outside, short and printable, for an error message."""
    short = text[:_SHOWN_CHARACTERS]
    return short if short.isprintable() else "".join(sign if sign.isprintable() else "?" for sign in short)


def is_id(found: object) -> bool:
    """Whether *found* is a FHIR id: letters, digits, dots and dashes, at most 64 (R4 2.24.0.1)."""
    return isinstance(found, str) and _ID.fullmatch(found) is not None


def child(element: Json, name: str) -> Json:
    """The object *name* of *element*; empty when absent."""
    found = element.get(name, {})
    if not isinstance(found, dict):
        raise RefusedError(RefusalCode.MALFORMED, f"'{name}' is not an object")
    return found


def children(element: Json, name: str) -> list[Json]:
    """The objects in the array *name* of *element*; empty when absent."""
    found = element.get(name, [])
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise RefusedError(RefusalCode.MALFORMED, f"'{name}' is not an array of objects")
    return found


def text(element: Json, name: str) -> str:
    """The string *name* of *element*; empty when absent."""
    found = element.get(name, "")
    if not isinstance(found, str):
        raise RefusedError(RefusalCode.MALFORMED, f"'{name}' is not a string")
    return found


def number(element: Json, name: str) -> float:
    """The finite number *name* of *element*.

    Raises:
        RefusedError: it is missing or is no finite number.
    """
    found = element.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise RefusedError(RefusalCode.IMPOSSIBLE_VALUE, f"'{name}' is missing or no number; a number is required")
    try:
        value = float(found)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise RefusedError(RefusalCode.IMPOSSIBLE_VALUE, f"'{name}' is too large; a finite number is required")
    return value


def codings(concept: Json) -> list[Coding]:
    """Every coding of a CodeableConcept."""
    return [Coding(system=text(entry, "system"), code=text(entry, "code")) for entry in children(concept, "coding")]


def instant(element: Json, name: str) -> datetime | None:
    """The dateTime or instant *name* in UTC; None when absent.

    Raises:
        RefusedError: it has no time of day or no offset, or is no date: events need both to be put in order.
    """
    written = text(element, name)
    if not written:
        return None
    if not _INSTANT.fullmatch(written):
        raise RefusedError(
            RefusalCode.MISSING_TIME, f"'{name}' needs date, time of day and offset, as in 2026-01-31T14:05:00+01:00"
        )
    try:
        return datetime.fromisoformat(written).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise RefusedError(RefusalCode.MISSING_TIME, f"'{name}' is no date that exists") from error


def birth_date(element: Json) -> date | None:
    """The date ``birthDate``; the middle of the month or year where only that is told; None when absent.

    Raises:
        RefusedError: it is no date.
    """
    written = text(element, "birthDate")
    if not written:
        return None
    found = _BIRTH_DATE.fullmatch(written)
    born = None if found is None else day_of(*found.groups())
    if born is None:
        raise RefusedError(RefusalCode.MALFORMED, "'birthDate' is no date; YYYY-MM-DD is required")
    return born


def day_of(year: str, month: str | None, day: str | None) -> date | None:
    """The date of these digits, the middle of the month or year where only that is told; None when there is none."""
    try:
        return date(int(year), int(month or 7), int(day or (15 if month else 1)))
    except ValueError:
        return None
