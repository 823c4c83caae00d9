"""Dates, times and moments as keys name them: one, or a range of which an end may be open (PS3.4 C.2.2.2.5)."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

#: UTC offset of a DT (PS3.5 6.2): from -1200 to +1400. A plus that was not escaped in an address comes as a space.
_OFFSET = r"[+ ](?:0\d|1[0-4])[0-5]\d|-(?:(?:0\d|1[01])[0-5]\d|1200)"
_ONE = {
    "DA": r"\d{8}",
    "TM": r"\d\d(?:\d\d(?:\d\d(?:\.\d{1,6})?)?)?",
    # What follows a dash and could be an offset is one: no one asks for a year before 1201.
    "DT": rf"\d{{4}}(?:\d\d){{0,4}}(?:\d\d(?:\.\d{{1,6}})?)?(?:{_OFFSET})?",
}
_RANGES = {vr: re.compile(rf"({one})?(?: *(-) *({one})?)?") for vr, one in _ONE.items()}
_PARTS = re.compile(rf"(\d+)(?:\.(\d+))?({_OFFSET})?")

_BEGINNING = datetime.min.replace(tzinfo=UTC)

#: VRs that are matched by range.
RANGE_VRS = frozenset(_ONE)


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What a value with its precision stands for: ``2026`` for a year, ``20260102`` for a day."""

    #: Its first microsecond, on the clock of its own zone (as if that were UTC).
    first: datetime
    #: Its last microsecond.
    last: datetime
    #: From UTC to its own zone; None where it does not say.
    offset: timedelta | None


@dataclass(frozen=True, kw_only=True)
class Range:
    """What a key asks for; one value is a range from it to it."""

    #: Nothing before it; None for an open end.
    since: Moment | None
    #: Nothing after it; None for an open end.
    until: Moment | None


def read_range(vr: str, text: str) -> Range | None:
    """The range that *text* names in a key of *vr*, one of `RANGE_VRS`; None when it names none."""
    found = _RANGES[vr].fullmatch(text.strip())
    if found is None or not (found[1] or found[3]):
        return None
    since, until = (_moment(vr, part) if part else None for part in (found[1], found[3]))
    if (found[1] and since is None) or (found[3] and until is None):
        return None
    return Range(since=since, until=until if found[2] else since)


def is_within(vr: str, text: str, wanted: Range, *, key_zone: str, value_zone: str) -> bool:
    """Whether the value *text* begins within *wanted*.

    Args:
        vr: of both, one of `RANGE_VRS`.
        text: the value.
        wanted: what the key asks for.
        key_zone: Timezone Offset From UTC (0008,0201) of the key, for moments that do not say theirs; empty for none.
        value_zone: the same of the value. Who says nothing at all means the time of this machine (PS3.3 C.12.1.1.8).
    """
    value = read_range(vr, text)
    if value is None or value.since is None or value.until is not value.since:
        return False
    at = _since_the_beginning(vr, value.since.first, value.since.offset, value_zone)
    since, until = wanted.since, wanted.until
    if since is not None and at < _since_the_beginning(vr, since.first, since.offset, key_zone):
        return False
    return until is None or at <= _since_the_beginning(vr, until.last, until.offset, key_zone)


def _moment(vr: str, text: str) -> Moment | None:
    parts = _PARTS.fullmatch(text)
    if parts is None:
        return None
    # A time of day is one of some day; which does not matter.
    digits = f"20000101{parts[1]}" if vr == "TM" else parts[1]
    try:
        first, last = (_filled(digits, parts[2] or "", is_last=is_last) for is_last in (False, True))
    except ValueError:
        # The 31st of February.
        return None
    return Moment(first=first, last=last, offset=_offset(parts[3] or ""))


def _filled(digits: str, fraction: str, *, is_last: bool) -> datetime:
    given = [int(digits[at : at + 2]) for at in range(4, len(digits), 2)]
    year, month = int(digits[:4]), given[0] if given else (12 if is_last else 1)
    ends = (month, monthrange(year, month)[1], 23, 59, 59) if is_last else (month, 1, 0, 0, 0)
    _, day, hour, minute, second = (*given, *ends[len(given) :])
    microsecond = int(fraction.ljust(6, "9" if is_last else "0"))
    # A leap second is the 60th (PS3.5 6.2).
    return datetime(year, month, day, hour, minute, min(second, 59), microsecond, tzinfo=UTC)


def _offset(text: str) -> timedelta | None:
    if not text:
        return None
    amount = timedelta(hours=int(text[1:3]), minutes=int(text[3:5]))
    return -amount if text[0] == "-" else amount


def _since_the_beginning(vr: str, at: datetime, offset: timedelta | None, zone: str) -> timedelta:
    # As a difference: a datetime of the year 1 or 9999 cannot be moved to another zone.
    elapsed = at - _BEGINNING
    if vr != "DT":
        return elapsed
    declared = _offset(zone) if re.fullmatch(_OFFSET, zone) else None
    known = offset if offset is not None else declared
    return elapsed - (known if known is not None else _offset_here(at))


def _offset_here(at: datetime) -> timedelta:
    # A machine knows its own time of some years only, and not every year has a 29th of February.
    within = at.replace(year=min(max(at.year, 1971), 9998), day=min(at.day, 28), tzinfo=None)
    return within.astimezone().utcoffset() or timedelta(0)
