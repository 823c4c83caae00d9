"""Matching keys of a search and of a filtered subscription (PS3.18 8.3.4.1): attributes, also within sequences."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydicom.datadict import dictionary_has_tag, dictionary_VR, tag_for_keyword

from dicom_io.ups.errors import WorkitemFormatError
from dicom_io.ups.value_matching import fault_of, is_universal, value_matches

#: Tag of each attribute with what it must match, empty for anything; of a sequence with the keys of one item.
Keys = dict[str, "str | Keys"]
#: A dataset in the DICOM JSON Model (PS3.18 F).
Json = Mapping[str, Any]


def read_keys(named: Iterable[tuple[str, str]]) -> Keys:
    """The keys of pairs of attribute and value.

    An attribute is a keyword or a tag of eight digits; one within a sequence follows it after a dot, as in
    ``ScheduledWorkitemCodeSequence.CodeValue``.

    Raises:
        WorkitemFormatError: an attribute does not exist, or is named twice.
    """
    keys: Keys = {}
    for name, value in named:
        *within, last = (_tag(part) for part in name.split("."))
        inner: str | Keys = keys
        for tag in within:
            inner = inner.setdefault(tag, {}) if isinstance(inner, dict) else inner
        if not isinstance(inner, dict) or inner.setdefault(last, value) != value:
            raise WorkitemFormatError("The query names an attribute twice; required: one key for each.")
        fault = fault_of(_vr(last, {}), value)
        if fault:
            raise WorkitemFormatError(f"The query's key for ({last[:4]},{last[4:]}): {fault}.")
    return keys


def matches(dataset: Json, keys: Mapping[str, str | Keys]) -> bool:
    """Whether *dataset* has a value, or an item, for each of *keys*, each in the way of its VR (PS3.4 C.2.2.2)."""
    key_zone = keys.get(_ZONE, "")
    values = dataset.get(_ZONE, {}).get("Value") or [""]
    zones = _Zones(key=key_zone if isinstance(key_zone, str) else "", value=str(values[0]).strip())
    return _has_all(dataset, {tag: wanted for tag, wanted in keys.items() if tag not in _NOT_MATCHED}, zones)


#: Timezone Offset From UTC: that of the keys' own moments.
_ZONE = "00080201"
#: Attributes that say of a request how it is meant (PS3.4 C.2.2.2); Specific Character Set is the other.
_NOT_MATCHED = frozenset({_ZONE, "00080005"})


@dataclass(frozen=True, kw_only=True)
class _Zones:
    """Timezone Offset From UTC (0008,0201), empty where it is not said."""

    #: Of the keys.
    key: str
    #: Of the dataset.
    value: str


def _has_all(dataset: Json, keys: Mapping[str, str | Keys], zones: _Zones) -> bool:
    return all(_has(tag, dataset.get(tag, {}), wanted, zones) for tag, wanted in keys.items())


def _has(tag: str, element: Json, wanted: str | Keys, zones: _Zones) -> bool:
    vr = _vr(tag, element)
    if _leaves_nothing_out(vr, wanted):
        return True
    values = element.get("Value", [])
    if isinstance(wanted, dict):
        return any(isinstance(item, Mapping) and _has_all(item, wanted, zones) for item in values)
    return any(value_matches(vr, value, wanted, key_zone=zones.key, value_zone=zones.value) for value in values)


def _leaves_nothing_out(vr: str, wanted: str | Keys) -> bool:
    if isinstance(wanted, dict):
        return all(_leaves_nothing_out(_vr(tag, {}), inner) for tag, inner in wanted.items())
    return is_universal(vr, wanted)


def _vr(tag: str, element: Json) -> str:
    # The dictionary does not know private attributes; of one that is not there, nothing can be matched but anything.
    number = int(tag, 16)
    return dictionary_VR(number) if dictionary_has_tag(number) else str(element.get("vr", "UN"))


def _tag(name: str) -> str:
    # The dictionary's retired elements have no keyword.
    tag = tag_for_keyword(name) if name else None
    if tag is not None:
        return f"{tag:08X}"
    if len(name) == 8 and all(digit in "0123456789abcdefABCDEF" for digit in name):
        return name.upper()
    raise WorkitemFormatError("The query names an attribute that does not exist; required: a keyword or a tag.")
