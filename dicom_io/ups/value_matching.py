"""Whether one value matches one key, in the way of its VR (PS3.4 C.2.2.2.1 to C.2.2.2.5)."""

import fnmatch
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from dicom_io.ups.moments import RANGE_VRS, is_within, read_range

#: VRs in which ``*`` stands for any letters and ``?`` for one (PS3.4 C.2.2.2.4).
_WILD_CARD_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
#: VRs in which a backslash is a letter as any other.
_ONE_VALUE_VRS = frozenset({"LT", "ST", "UR", "UT"})
_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_UIDS = re.compile(r"[0-9.]+")

_Test = Callable[[Any], bool]


def is_universal(vr: str, wanted: str) -> bool:
    """Whether *wanted* leaves nothing out (C.2.2.2.3), not even what has no value."""
    return not wanted.strip(" *") if vr in _WILD_CARD_VRS else not wanted.strip()


def fault_of(vr: str, wanted: str) -> str:
    """What is wrong with the key *wanted* of *vr*, without its value; empty when nothing is."""
    if is_universal(vr, wanted):
        return ""
    if vr == "SQ":
        return "found a value for a sequence; required: the attributes of its items, each after a dot"
    if vr in RANGE_VRS:
        return "" if read_range(vr, wanted) else f"found no {vr}; required: one, or a range of them with '-'"
    if vr == "UI":
        is_list = all(_UIDS.fullmatch(uid) for uid in _uids(wanted))
        return "" if is_list else "found no UID; required: one, or several with a comma or a backslash between them"
    if "\\" in wanted and vr not in _ONE_VALUE_VRS:
        return "found several values; required: one, only UIDs are matched by a list"
    return ""


def value_matches(vr: str, value: Any, wanted: str, *, key_zone: str, value_zone: str) -> bool:
    """Whether *value*, of an element of *vr* in the DICOM JSON Model, matches *wanted*, which is not universal.

    Args:
        vr: Value Representation.
        value: as PS3.18 F.2 has it: text, a number, or a person's name by representations.
        wanted: the key. What `fault_of` finds fault with matches nothing.
        key_zone: Timezone Offset From UTC (0008,0201) of the keys; empty for none.
        value_zone: the same of the value.
    """
    if value is None or fault_of(vr, wanted):
        return False
    if vr in RANGE_VRS:
        span = read_range(vr, wanted)
        return span is not None and is_within(vr, str(value), span, key_zone=key_zone, value_zone=value_zone)
    if vr == "UI":
        return str(value).strip() in _uids(wanted)
    if vr == "PN":
        return _name_matches(value, wanted)
    if isinstance(value, int | float):
        return _is_number(value, wanted)
    return _test(wanted)(str(value)) if vr in _WILD_CARD_VRS else str(value).strip() == wanted.strip()


def _uids(wanted: str) -> list[str]:
    return [uid.strip() for uid in re.split(r"[,\\]", wanted)]


def _is_number(value: float, wanted: str) -> bool:
    try:
        return Decimal(repr(value)) == Decimal(wanted.strip())
    except InvalidOperation:
        return False


@lru_cache(maxsize=256)
def _test(wanted: str) -> _Test:
    # What fnmatch makes takes no time that grows with the stars; its one other sign is the bracket.
    pattern = re.compile(fnmatch.translate(wanted.strip().replace("[", "[[]")))
    return lambda text: pattern.match(text.strip()) is not None


def _name_matches(value: Any, wanted: str) -> bool:
    """A name without regard to case, any of its representations; with ``=`` in the key, each its own (C.2.2.2.4)."""
    named = value if isinstance(value, Mapping) else {_NAME_GROUPS[0]: value}
    groups = [_name(str(named.get(group) or "")) for group in _NAME_GROUPS]
    keys = [_name(part) for part in wanted.split("=")]
    if len(keys) == 1:
        return any(_test(keys[0])(group) for group in groups if group)
    return len(keys) <= len(groups) and all(
        not key or _test(key)(group) for key, group in zip(keys, groups, strict=False)
    )


def _name(text: str) -> str:
    # Components at the end that are empty may be left out (PS3.5 6.2.1.1).
    return text.strip().rstrip("^").casefold()
