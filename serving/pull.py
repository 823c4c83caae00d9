"""Fetching many studies: what is here is skipped, the archive is not hurried, a passing failure is tried again."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from sqlalchemy import Engine, func, select

from dicom_io.errors import RejectedError, UnreachableError
from dicom_io.retrieve.source import FoundStudy, StudySource
from serving.records import hints
from serving.records.database import reading, writing
from serving.records.hints import HintSource, PriorityHint
from serving.records.schema import INSTANCE, STUDY

#: Waits before another try of one study.
_PAUSES_SECONDS = (1.0, 5.0, 20.0)
#: A fetched study is worked on behind everything else for so long; later arrivals are new examinations.
_BACKFILL_LASTS = timedelta(days=2)


class PullOutcome(Enum):
    """What became of one study."""

    #: It came whole.
    FETCHED = "fetched"
    #: It was here already.
    HERE = "here"
    #: Some of it came.
    PARTLY = "partly"
    #: Nothing of it came.
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class PulledStudy:
    """The word on one study."""

    #: Study Instance UID.
    study_uid: str
    #: What became of it.
    outcome: PullOutcome
    #: Objects that came.
    objects: int = 0
    #: Why it failed; empty otherwise.
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class PullPace:
    """How the archive is treated."""

    #: At most so many studies a minute; 0 = no limit.
    studies_per_minute: float
    #: Waits before another try.
    pauses_seconds: tuple[float, ...] = _PAUSES_SECONDS


class Puller:
    """Fetches studies one after the other. What it has done is what is in the tables: begun again, it goes on."""

    def __init__(self, engine: Engine, source: StudySource, pace: PullPace) -> None:
        """Fetch from *source* at *pace*."""
        self._engine = engine
        self._source = source
        self._pace = pace
        self._told_to_stop = threading.Event()

    def stop(self) -> None:
        """Fetch no further study, and cut waits short."""
        self._told_to_stop.set()

    def pull(self, studies: Iterable[FoundStudy], on_object: Callable[[int], None]) -> Iterator[PulledStudy]:
        """Fetch *studies*; a word on each as it comes."""
        next_at = time.monotonic()
        for study in studies:
            if self._is_here(study):
                yield PulledStudy(study_uid=study.study_uid, outcome=PullOutcome.HERE)
                continue
            if self._told_to_stop.wait(max(0.0, next_at - time.monotonic())):
                return
            if self._pace.studies_per_minute:
                next_at = time.monotonic() + 60 / self._pace.studies_per_minute
            self._mark(study.study_uid)
            yield self._pull_one(study.study_uid, on_object)

    def _pull_one(self, study_uid: str, on_object: Callable[[int], None]) -> PulledStudy:
        reason = ""
        for pause in (*self._pace.pauses_seconds, None):
            try:
                retrieved = self._source.retrieve(study_uid, on_object)
            except RejectedError as error:
                return PulledStudy(study_uid=study_uid, outcome=PullOutcome.FAILED, reason=str(error))
            except UnreachableError as error:
                reason = str(error)
            else:
                return _pulled(study_uid, retrieved.completed, retrieved.failed)
            if pause is None or self._told_to_stop.wait(pause):
                break
        return PulledStudy(study_uid=study_uid, outcome=PullOutcome.FAILED, reason=reason)

    def _is_here(self, study: FoundStudy) -> bool:
        mine = (INSTANCE.c.study_uid == study.study_uid) & INSTANCE.c.current
        with reading(self._engine) as connection:
            held = connection.scalar(select(func.count()).select_from(INSTANCE).where(mine)) or 0
        # An archive that does not count is asked again: what comes twice is kept once.
        return study.instances is not None and 0 < study.instances <= held

    def _mark(self, study_uid: str) -> None:
        now = datetime.now(UTC)
        hint = PriorityHint(
            source=HintSource.BACKFILL,
            priority=3,
            reason="fetched from an archive",
            expires_at=now + _BACKFILL_LASTS,
            study_uid=study_uid,
        )
        with writing(self._engine) as connection:
            hints.note_priority(connection, hint, now)


def patient_of(engine: Engine, study_uid: str) -> str:
    """Patient ID of a study that is here; empty when there is none."""
    with reading(engine) as connection:
        return connection.scalar(select(STUDY.c.patient_id).where(STUDY.c.study_uid == study_uid)) or ""


def _pulled(study_uid: str, completed: int, failed: int) -> PulledStudy:
    if failed == 0 and completed:
        return PulledStudy(study_uid=study_uid, outcome=PullOutcome.FETCHED, objects=completed)
    outcome = PullOutcome.PARTLY if completed else PullOutcome.FAILED
    reason = f"{failed} objects did not come" if failed else "the archive sent nothing"
    return PulledStudy(study_uid=study_uid, outcome=outcome, objects=completed, reason=reason)
