"""The words that tell who a patient is, found in an object so that they can be looked for in what is left of it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

#: Attributes whose values name the patient, or the one examination.
_NAMING = frozenset(
    {
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "PatientBirthName",
        "PatientMotherBirthName",
        "PatientAddress",
        "PatientTelephoneNumbers",
        "OtherPatientIDs",
        "OtherPatientNames",
        "AccessionNumber",
        "ResponsiblePerson",
        "ReferringPhysicianName",
        "PerformingPhysicianName",
        "OperatorsName",
        "MilitaryRank",
        "MedicalRecordLocator",
        "InsurancePlanIdentification",
        "RequestingPhysician",
        "NameOfPhysiciansReadingStudy",
        "PhysiciansOfRecord",
    }
)
#: Shorter ones are met by chance everywhere: words in other words, numbers in other numbers, both in pixels.
_SHORTEST_WORD, _SHORTEST_NUMBER, _SHORTEST_IN_PIXELS = 4, 6, 6
#: Pixel Data (7FE0,0010) as it begins in little and in big endian.
_PIXELS = (b"\xe0\x7f\x10\x00", b"\x7f\xe0\x00\x10")
_SEPARATORS = re.compile(r"[\^=\\\s,;]+")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Words that must not be in what is written."""

    #: Lower case; long enough not to be met by chance.
    words: frozenset[str]

    def is_in(self, text: str) -> bool:
        """Whether *text* holds one of the words, whatever its case."""
        folded = text.casefold()
        return any(word in folded for word in self.words)

    def is_in_file(self, data: bytes) -> bool:
        """Whether a DICOM file holds one of the words in an encoding that such files are met with."""
        folded = data.lower()
        starts = [start for start in map(data.find, _PIXELS) if start >= 0]
        header = folded[: min(starts, default=len(folded))]
        return any(
            encoded in (folded if len(word) >= _SHORTEST_IN_PIXELS else header)
            for word in self.words
            for encoded in _encodings(word)
        )


def identity_of(dataset: Dataset, technique: frozenset[str]) -> Identity:
    """The words in *dataset*, in its sequences too; words of *technique* tell of nobody, also as someone's name."""
    words: set[str] = set()
    for element in _elements(dataset):
        if element.keyword in _NAMING:
            whole = str(element.value).strip()
            words.update(word.casefold() for word in (whole, *_SEPARATORS.split(whole)) if _is_telling(word))
    return Identity(words=frozenset(words - technique))


def _is_telling(word: str) -> bool:
    return len(word) >= (_SHORTEST_NUMBER if word.isdigit() else _SHORTEST_WORD)


def _elements(dataset: Dataset) -> Iterator[DataElement]:
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from _elements(item)
        elif not element.is_empty:
            yield element


def _encodings(word: str) -> set[bytes]:
    found = {word.encode("utf-8")}
    for charset in ("latin-1", "utf-16-le"):
        try:
            found.add(word.encode(charset))
        except UnicodeEncodeError:
            # A word that this charset cannot write is not in a file of it.
            continue
    return {one.lower() for one in found}
