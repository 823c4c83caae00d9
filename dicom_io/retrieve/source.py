"""An archive that studies can be fetched from: the seam between whoever wants one and how archives are spoken to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class StudyQuery:
    """Which studies are looked for; empty values match all."""

    #: Study Instance UID (0020,000D).
    study_uid: str = ""
    #: Study Date (0008,0020) from and to, ``YYYYMMDD``, both included.
    date_from: str = ""
    date_to: str = ""
    #: One of the Modalities in Study (0008,0061).
    modality: str = ""
    #: Patient ID (0010,0020), whole.
    patient_id: str = ""
    #: At most so many; 0 = all.
    limit: int = 0

    @property
    def date_range(self) -> str:
        """Range matching of dates (PS3.4 C.2.2.2.5); empty when any date will do."""
        return f"{self.date_from}-{self.date_to}" if self.date_from or self.date_to else ""


@dataclass(frozen=True, kw_only=True)
class FoundStudy:
    """One study that an archive holds."""

    #: Study Instance UID (0020,000D).
    study_uid: str
    #: Number of Study Related Instances (0020,1208); None when the archive does not say.
    instances: int | None


@dataclass(frozen=True, kw_only=True)
class Retrieved:
    """What came of fetching one study."""

    #: Objects that came.
    completed: int
    #: Objects that did not.
    failed: int


#: Hears how many objects have come so far.
OnProgress = Callable[[int], None]


class StudySource(Protocol):
    """Finds studies and sends them to us."""

    def find(self, query: StudyQuery) -> Sequence[FoundStudy]:
        """The studies that match.

        Raises:
            UnreachableError: the archive does not answer; trying again may help.
            RejectedError: it refuses the query.
        """

    def retrieve(self, study_uid: str, on_progress: OnProgress) -> Retrieved:
        """Fetch one study; what came is on disk and recorded when this returns.

        Raises:
            UnreachableError: the archive does not answer, or broke off; trying again may help.
            RejectedError: it will not send the study.
        """


class MemorySource:
    """Holds studies in memory, or fails as it is told to: the small double."""

    def __init__(self, held: dict[str, int], failures: Sequence[Exception] = ()) -> None:
        """Hold studies with so many objects; the first calls of `retrieve` raise *failures*."""
        self._held = held
        self._failures = list(failures)
        #: Study Instance UIDs in the order in which they were fetched.
        self.retrieved: list[str] = []

    def find(self, query: StudyQuery) -> Sequence[FoundStudy]:
        """By UID, or all."""
        wanted = [query.study_uid] if query.study_uid else list(self._held)
        found = [FoundStudy(study_uid=uid, instances=self._held[uid]) for uid in wanted if uid in self._held]
        return found[: query.limit or None]

    def retrieve(self, study_uid: str, on_progress: OnProgress) -> Retrieved:
        """Note it."""
        if self._failures:
            raise self._failures.pop(0)
        self.retrieved.append(study_uid)
        on_progress(self._held[study_uid])
        return Retrieved(completed=self._held[study_uid], failed=0)
