"""Matching keys of a search and of a filtered subscription (PS3.18 8.3.4.1): attributes, also within sequences."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydicom.datadict import tag_for_keyword

from dicom_io.ups.errors import WorkitemFormatError

#: Tag of each attribute with the one value that it must have, empty for any; of a sequence with the keys of one item.
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
            raise WorkitemFormatError("The query names an attribute twice; required: one value for each.")
    return keys


def matches(dataset: Json, keys: Mapping[str, str | Keys]) -> bool:
    """Whether *dataset* has a value, or an item, for each of *keys*; matched letter by letter (PS3.4 C.2.2.2.1)."""
    return all(_has(dataset.get(tag, {}).get("Value", []), wanted) for tag, wanted in keys.items())


def _has(values: list[Any], wanted: str | Keys) -> bool:
    if isinstance(wanted, dict):
        return any(isinstance(item, Mapping) and matches(item, wanted) for item in values)
    return not wanted or any(_text(value) == wanted for value in values)


def _text(value: Any) -> str:
    # A person's name is an object of its representations (PS3.18 F.2.2).
    return str(value.get("Alphabetic", "") if isinstance(value, Mapping) else value)


def _tag(name: str) -> str:
    # The dictionary's retired elements have no keyword.
    tag = tag_for_keyword(name) if name else None
    if tag is not None:
        return f"{tag:08X}"
    if len(name) == 8 and all(digit in "0123456789abcdefABCDEF" for digit in name):
        return name.upper()
    raise WorkitemFormatError("The query names an attribute that does not exist; required: a keyword or a tag.")
