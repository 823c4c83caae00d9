"""What is done to each attribute: PS3.15 table E.1-1 (2026c, as dicom-anonymizer has it) and a purpose's options."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path

from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c as table
from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag, tag_for_keyword

#: Edition of the standard that the table is taken from.
EDITION = "2026c"


class Purpose(Enum):
    """What the objects leave for; each keeps no more than it needs."""

    #: To train and judge models: ages, sizes, devices and distances in time matter, as does what was examined.
    TRAINING = "training"
    #: To whoever asks: nothing but the basic profile.
    SHARING = "sharing"


class Action(Enum):
    """Action codes of PS3.15 table E.1-1a; where it offers several, the one that fits every type of attribute."""

    #: D: a value that means nothing.
    DUMMY = "D"
    #: Z: no value.
    EMPTY = "Z"
    #: X: gone.
    REMOVE = "X"
    #: U: another UID, the same for the same one.
    UID = "U"
    #: K: as it is; of a sequence, its items are looked at.
    KEEP = "K"
    #: C for dates: shifted by the patient's own distance.
    SHIFT = "shift"
    #: C for text: kept when it names nobody.
    CLEAN = "C"


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option of PS3.15 E.3, as it is written into every object."""

    #: Code of CID 7050.
    code: str
    #: Its meaning.
    meaning: str


BASIC = Option(code="113100", meaning="Basic Application Confidentiality Profile")
CLEAN_DESCRIPTORS = Option(code="113105", meaning="Clean Descriptors Option")
MODIFIED_DATES = Option(code="113107", meaning="Retain Longitudinal Temporal Information Modified Dates Option")
PATIENT_CHARACTERISTICS = Option(code="113108", meaning="Retain Patient Characteristics Option")
DEVICE_IDENTITY = Option(code="113109", meaning="Retain Device Identity Option")

_OPTIONS: Mapping[Purpose, tuple[Option, ...]] = {
    Purpose.TRAINING: (BASIC, CLEAN_DESCRIPTORS, MODIFIED_DATES, PATIENT_CHARACTERISTICS, DEVICE_IDENTITY),
    Purpose.SHARING: (BASIC,),
}
_GROUPS: tuple[tuple[list[tuple[int, ...]], Action], ...] = (
    (table.X_TAGS, Action.REMOVE),
    (table.Z_TAGS, Action.EMPTY),
    (table.X_Z_TAGS, Action.EMPTY),
    (table.D_TAGS, Action.DUMMY),
    (table.Z_D_TAGS, Action.DUMMY),
    (table.X_D_TAGS, Action.DUMMY),
    (table.X_Z_D_TAGS, Action.DUMMY),
    (table.U_TAGS, Action.UID),
    (table.X_Z_U_STAR_TAGS, Action.KEEP),
)


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The rules for one purpose."""

    #: What it is for.
    purpose: Purpose
    #: Basic profile and options.
    options: tuple[Option, ...]
    #: Tag -> action, for every attribute of the table.
    actions: Mapping[int, Action]
    #: Words that a descriptor may consist of.
    words: frozenset[str]
    #: Tags of free text that is not in the table and stays.
    technical: frozenset[int]

    @property
    def shifts_dates(self) -> bool:
        """Whether dates stay, shifted."""
        return MODIFIED_DATES in self.options


@cache
def profile_of(purpose: Purpose) -> Profile:
    """The profile for *purpose*."""
    lists = tomllib.loads((Path(__file__).parent / "options.toml").read_text(encoding="utf-8"))
    options = _OPTIONS[purpose]
    may_be_empty = set(_tags(lists["empty_sequences"]))
    actions = {_tag(entry): action for entries, action in _GROUPS for entry in entries if len(entry) == 2}
    if PATIENT_CHARACTERISTICS in options:
        actions |= dict.fromkeys(_tags(lists["patient_characteristics"]), Action.KEEP)
    if DEVICE_IDENTITY in options:
        actions |= dict.fromkeys(_tags(lists["device_identity"]), Action.KEEP)
    if CLEAN_DESCRIPTORS in options:
        actions |= dict.fromkeys(_tags(lists["descriptors"]), Action.CLEAN)
    if MODIFIED_DATES in options:
        actions |= {
            tag: Action.SHIFT for tag, action in actions.items() if _is_moment(tag) and action is not Action.KEEP
        }
    # A sequence without items is no valid one where its module does not ask for it.
    actions |= {
        tag: Action.REMOVE
        for tag, action in actions.items()
        if dictionary_has_tag(tag)
        and dictionary_VR(tag) == "SQ"
        and action is not Action.KEEP
        and tag not in may_be_empty
    }
    return Profile(
        purpose=purpose,
        options=options,
        actions=actions,
        words=frozenset(lists["words"]),
        technical=frozenset(_tags(lists["technical_text"])),
    )


def _tag(entry: tuple[int, ...]) -> int:
    return entry[0] << 16 | entry[1]


def _tags(keywords: list[str]) -> list[int]:
    return [int(tag) for tag in map(tag_for_keyword, keywords) if tag is not None]


def _is_moment(tag: int) -> bool:
    keyword = keyword_for_tag(tag)
    # A birth date tells who someone is even when it is a little off; its distance to the study is the age.
    return "Birth" not in keyword and keyword.endswith(("Date", "Time", "DateTime"))
