"""The concepts that we read from the record, with their codes and units; the data lies in ``codes.toml``."""

import math
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from ehr_io.errors import ContradictionError
from ehr_io.events import EventKind


@dataclass(frozen=True, kw_only=True)
class Words:
    """The same words in the languages of the site."""

    #: English.
    en: str
    #: Danish.
    da: str

    def in_language(self, language: str) -> str:
        """The Danish words for ``da``, the English ones for any other *language*."""
        return self.da if language == "da" else self.en


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """From one UCUM unit to the canonical one: ``value * factor + offset``."""

    #: Multiplied first.
    factor: float = 1.0
    #: Added then.
    offset: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Coding:
    """One code as the record writes it."""

    #: Code system URI.
    system: str
    #: Code in it.
    code: str


@dataclass(frozen=True, kw_only=True)
class Concept:
    """One thing that we read."""

    #: Our key, e.g. ``temperature``.
    key: str
    #: What its events are.
    kind: EventKind
    #: Canonical UCUM unit; empty when it has no number.
    unit: str
    #: Other UCUM units that convert to the canonical one.
    conversions: Mapping[str, Conversion]
    #: Lowest and highest number that can be true of a living patient, canonical unit; None when there is no number.
    possible: tuple[float, float] | None
    #: Usual range of an adult, canonical unit; None when there is none.
    reference_range: tuple[float, float] | None
    #: What people read.
    text: Words

    def canonical(self, value: float, unit: str) -> float:
        """*value* in *unit*, in the canonical unit.

        Raises:
            ContradictionError: the unit does not convert, or no living patient can have the value.
        """
        conversion = Conversion() if unit == self.unit else self.conversions.get(unit)
        if conversion is None:
            accepted = ", ".join((self.unit, *self.conversions))
            raise ContradictionError(f"unit '{unit}' of '{self.key}' is not known; accepted UCUM units: {accepted}")
        # Nine digits: a conversion's rounding error must not show in what people read.
        converted = round(value * conversion.factor + conversion.offset, 9)
        low, high = self.possible or (-math.inf, math.inf)
        if not low <= converted <= high:
            raise ContradictionError(f"the value of '{self.key}' cannot be true; required {low} to {high} {self.unit}")
        return converted


@dataclass(frozen=True, kw_only=True)
class CodeMap:
    """From the record's codes to our concepts."""

    #: Our concepts by key.
    concepts: Mapping[str, Concept]
    #: Record code -> concept key; a code that ends in ``*`` is a prefix.
    keys: Mapping[Coding, str]
    #: Conclusions that say that nothing grew.
    no_growth: frozenset[Coding]
    #: Encounter.class codes that we know.
    encounter_classes: frozenset[str]
    #: Short name of a code system -> its URI, the first where there are several.
    systems: Mapping[str, str]
    #: Name of a code system in HL7 v2 -> its URI.
    hl7_systems: Mapping[str, str]
    #: Unit as written outside UCUM -> its UCUM code.
    units: Mapping[str, str]
    #: Answers that are kept as a word of ours.
    conclusions: Mapping[Coding, str]

    def unit_of(self, written: str) -> str:
        """The UCUM code of a unit *written* by a laboratory or monitor; *written* itself where we know no other."""
        return self.units.get(written, written)

    def concept_for(self, codings: Iterable[Coding], kind: EventKind) -> Concept | None:
        """The first concept of *kind* that one of *codings* names; None when none does."""
        found = (self._find(coding) for coding in codings)
        return next((concept for concept in found if concept is not None and concept.kind is kind), None)

    def coding_of(self, key: str) -> Coding:
        """The first code of our concept *key*; a prefix without its star."""
        first = next(coding for coding, named in self.keys.items() if named == key)
        return Coding(system=first.system, code=first.code.removesuffix("*"))

    def _find(self, coding: Coding) -> Concept | None:
        key = self.keys.get(coding) or self._key_by_prefix(coding)
        return None if key is None else self.concepts[key]

    def _key_by_prefix(self, coding: Coding) -> str | None:
        lengths = (n for n in self._prefix_lengths.get(coding.system, ()) if n <= len(coding.code))
        prefixes = (Coding(system=coding.system, code=coding.code[:n] + "*") for n in lengths)
        return next((self.keys[prefix] for prefix in prefixes if prefix in self.keys), None)

    @cached_property
    def _prefix_lengths(self) -> Mapping[str, tuple[int, ...]]:
        """Code system -> how long its prefixes are without the star, longest first."""
        found: dict[str, set[int]] = defaultdict(set)
        for coding in self.keys:
            if coding.code.endswith("*"):
                found[coding.system].add(len(coding.code) - 1)
        return {system: tuple(sorted(lengths, reverse=True)) for system, lengths in found.items()}


@cache
def code_map() -> CodeMap:
    """The map in ``codes.toml``; read once, it is immutable."""
    data = tomllib.loads((files("ehr_io") / "codes.toml").read_text("utf-8"))
    systems: dict[str, list[str]] = data["systems"]
    return CodeMap(
        concepts={key: _concept(key, entry) for key, entry in data["concepts"].items()},
        keys={coding: key for key, entry in data["concepts"].items() for coding in _codings(entry["codes"], systems)},
        no_growth=frozenset(_codings(data["no_growth"]["codes"], systems)),
        encounter_classes=frozenset(data["encounter_classes"]["codes"]),
        systems={name: uris[0] for name, uris in systems.items()},
        hl7_systems={name: systems[short][0] for name, short in data["hl7_systems"].items()},
        units=data["units"],
        conclusions={
            coding: word for code, word in data["conclusions"].items() for coding in _codings([code], systems)
        },
    )


def _concept(key: str, entry: Mapping[str, Any]) -> Concept:
    return Concept(
        key=key,
        kind=EventKind(entry["kind"]),
        unit=entry.get("unit", ""),
        conversions={unit: Conversion(**terms) for unit, terms in entry.get("conversions", {}).items()},
        possible=_pair(entry.get("possible")),
        reference_range=_pair(entry.get("reference_range")),
        text=Words(**entry["text"]),
    )


def _pair(numbers: list[float] | None) -> tuple[float, float] | None:
    return None if numbers is None else (float(numbers[0]), float(numbers[1]))


def _codings(texts: Iterable[str], systems: Mapping[str, list[str]]) -> Iterable[Coding]:
    for text in texts:
        name, code = text.split("|")
        yield from (Coding(system=uri, code=code) for uri in systems[name])
