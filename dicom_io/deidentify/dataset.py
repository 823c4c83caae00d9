"""One object without what tells who the patient is, attribute by attribute (PS3.15 E.1.1)."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from dicom_io.deidentify.errors import WithheldError
from dicom_io.deidentify.identity import Identity, identity_of
from dicom_io.deidentify.profile import EDITION, Action, Profile
from dicom_io.deidentify.pseudonyms import Pseudonyms

#: Value representations that hold what people write.
_FREE_TEXT = frozenset({"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
#: ... or choose, or count by.
_WRITTEN = _FREE_TEXT | {"AS", "CS", "DA", "DT", "IS", "TM", "UI"}
_MOMENTS = frozenset({"DA", "DT", "TM"})
_BYTES = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
#: Bytes that are pixels or tables for pixels; others may hold anything.
_PIXEL_GROUPS = frozenset({0x0028, 0x7FE0})
#: PS3.3 C.12.1.1.2: everything is written in UTF-8.
_UTF8 = "ISO_IR 192"
#: A UID of the standard itself names no one.
_STANDARD_ROOT = "1.2.840.10008."
_DUMMY = {"DA": "19000101", "DT": "19000101000000", "TM": "000000", "AS": "000Y", "IS": "0", "DS": "0", "CS": "NONE"}
#: Above this an age tells who someone is in a small region.
_OLDEST_YEARS = 90
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")


@dataclass(frozen=True, kw_only=True)
class Deidentified:
    """An object that may leave."""

    #: Its attributes; File Meta Information is the writer's.
    dataset: Dataset
    #: The words that must not be in what is written of it.
    identity: Identity


class Deidentifier:
    """Applies one profile under one key."""

    def __init__(self, profile: Profile, pseudonyms: Pseudonyms) -> None:
        """Keep what *profile* keeps, name the rest by *pseudonyms*."""
        self._profile = profile
        self._pseudonyms = pseudonyms

    def apply(self, original: Dataset) -> Deidentified:
        """*original* without what tells who the patient is.

        Raises:
            WithheldError: it has no pixels, so that what it says in words is all there is.
        """
        if not {"PixelData", "FloatPixelData", "DoubleFloatPixelData"} & set(original.dir()):
            raise WithheldError(
                "The object has no pixels: reports, presentation states and documents say things in words, which "
                "are not cleaned here (PS3.15 E.3.4 is not covered). Leave it out."
            )
        patient_id = str(original.get("PatientID", "") or original.get("StudyInstanceUID", ""))
        identity = identity_of(original, self._profile.words)
        dataset = _Worker(self._profile, self._pseudonyms, patient_id, identity).copy(original)
        self._sign(dataset, patient_id)
        return Deidentified(dataset=dataset, identity=identity)

    def _sign(self, dataset: Dataset, patient_id: str) -> None:
        """Say that, and how, it was done (PS3.15 E.1.1, steps 4 to 7)."""
        name = self._pseudonyms.patient(patient_id)
        dataset.SpecificCharacterSet = _UTF8
        dataset.PatientID = name
        dataset.PatientName = name
        dataset.PatientIdentityRemoved = "YES"
        dataset.DeidentificationMethod = f"Varsel, PS3.15 {EDITION}, {self._profile.purpose.value}"
        dataset.DeidentificationMethodCodeSequence = [_code(one.code, one.meaning) for one in self._profile.options]
        dataset.LongitudinalTemporalInformationModified = "MODIFIED" if self._profile.shifts_dates else "REMOVED"


class _Worker:
    """Walks one object."""

    def __init__(self, profile: Profile, pseudonyms: Pseudonyms, patient_id: str, identity: Identity) -> None:
        self._profile = profile
        self._pseudonyms = pseudonyms
        self._patient_id = patient_id
        self._identity = identity

    def copy(self, original: Dataset) -> Dataset:
        made = Dataset()
        for element in original:
            kept = self._kept(element)
            if kept is not None and not self._names_someone(kept):
                made.add(kept)
        return made

    def _kept(self, element: DataElement) -> DataElement | None:
        group = element.tag.group
        # Private groups, curves (50xx) and overlays (60xx) go whole (table E.1-1).
        if element.tag.is_private or group & 0xFF00 in {0x5000, 0x6000} or element.VR == "UN":
            return None
        action = self._profile.actions.get(int(element.tag))
        if action is None:
            return self._unlisted(element)
        return self._act(element, action)

    def _act(self, element: DataElement, action: Action) -> DataElement | None:
        if action is Action.REMOVE:
            return None
        if element.VR == "SQ":
            return self._sequence(element) if action is Action.KEEP else DataElement(element.tag, "SQ", [])
        act = {
            Action.EMPTY: _emptied,
            Action.DUMMY: _dummy,
            Action.UID: self._new_uid,
            Action.SHIFT: self._shifted,
            Action.CLEAN: self._cleaned,
            Action.KEEP: _clipped,
        }[action]
        return act(element)

    def _unlisted(self, element: DataElement) -> DataElement | None:
        """What the table does not name: kept when its kind of value cannot tell of anyone."""
        if element.VR == "SQ":
            return self._sequence(element)
        if element.VR == "UI":
            return self._new_uid(element)
        if element.VR in _MOMENTS:
            return self._shifted(element) if self._profile.shifts_dates else None
        if element.VR in _FREE_TEXT:
            # Emptied, not gone: many modules want the attribute with or without a value (type 2).
            return element if int(element.tag) in self._profile.technical else _emptied(element)
        if element.VR in _BYTES:
            return element if element.tag.group in _PIXEL_GROUPS else None
        return element

    def _sequence(self, element: DataElement) -> DataElement:
        return DataElement(element.tag, "SQ", [self.copy(item) for item in element.value])

    def _new_uid(self, element: DataElement) -> DataElement:
        if element.keyword.endswith(("ClassUID", "SyntaxUID")):
            return element
        return DataElement(element.tag, "UI", _each(element.value, self._uid))

    def _uid(self, uid: object) -> str:
        text = str(uid)
        return text if not text or text.startswith(_STANDARD_ROOT) else self._pseudonyms.uid(text)

    def _shifted(self, element: DataElement) -> DataElement:
        # A time of day without its day tells little, and the distances within a day must stay.
        if element.VR == "TM":
            return element
        return DataElement(element.tag, element.VR, _each(element.value, self._shifted_text))

    def _shifted_text(self, moment: object) -> str:
        text = str(moment)
        try:
            day = datetime.strptime(text[:8], "%Y%m%d").date()  # noqa: DTZ007  A day has no zone.
        except ValueError:
            # What is no day cannot be shifted, and must not stay.
            return ""
        return self._pseudonyms.shifted(day, self._patient_id).strftime("%Y%m%d") + text[8:]

    def _cleaned(self, element: DataElement) -> DataElement | None:
        text = str(element.value)
        known = all(word.casefold() in self._profile.words for word in _WORD.findall(text))
        return element if known and not re.search(r"\d{5}", text) else None

    def _names_someone(self, element: DataElement) -> bool:
        # Numbers are measured, not written by people: one that equals a word of the identity does so by chance.
        return element.VR in _WRITTEN and self._identity.is_in(str(element.value))


def _emptied(element: DataElement) -> DataElement:
    return DataElement(element.tag, element.VR, None)


def _dummy(element: DataElement) -> DataElement:
    return DataElement(element.tag, element.VR, _DUMMY.get(element.VR, ""))


def _clipped(element: DataElement) -> DataElement:
    age = str(element.value)
    if element.keyword == "PatientAge" and age[-1:] == "Y" and age[:-1].isdigit() and int(age[:-1]) > _OLDEST_YEARS:
        return DataElement(element.tag, "AS", f"{_OLDEST_YEARS:03d}Y")
    return element


def _each(value: Any, act: Any) -> Any:
    if isinstance(value, MultiValue | list):
        return [act(one) for one in value]
    return act(value) if value not in (None, "") else value


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = "DCM"
    item.CodeMeaning = meaning
    return item
