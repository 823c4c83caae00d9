"""The inbox of the DICOM door: a success status leaves only after these rows are committed."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, event, insert, update

from dicom_io.errors import InboxUnavailableError
from dicom_io.receive.completion import CompletionPolicy, SenderState, StudyProgress, decide
from dicom_io.receive.inbox import Arrival, Landing, Refusal
from serving.errors import DatabaseDownError
from serving.records.database import without_waiting_for_the_disk, writing
from serving.records.kept_connection import KeptConnection
from serving.records.landing import FirstGenerations, land
from serving.records.schema import REFUSAL, STUDY
from serving.records.statements import Statement, given, new_values, setting

_BRING_FORWARD = Statement(
    update(STUDY)
    .where(STUDY.c.study_uid == given(STUDY.c.study_uid), STUDY.c.due_at.is_not(None))
    .values(setting(STUDY, ["due_at"]))
)


class DatabaseInbox:
    """Implements ``dicom_io.receive.inbox.Inbox`` on our tables."""

    def __init__(self, engine: Engine, policy: CompletionPolicy) -> None:
        """Commit to *engine*; open generations fall due by *policy*."""
        self._engine = engine
        self._landing = without_waiting_for_the_disk(engine)
        self._kept = KeptConnection(self._landing)
        event.listen(engine, "engine_disposed", lambda _: self._kept.close())
        self._delays = {sender: _delay(sender, policy) for sender in SenderState}
        self._first_generations = FirstGenerations(engine.dialect)

    def land(self, arrival: Arrival) -> Landing:
        """Record one spooled object, as `land_all` does."""
        return self.land_all([arrival])[0]

    def land_all(self, arrivals: Sequence[Arrival]) -> Sequence[Landing]:
        """Record spooled objects in one transaction.

        On SQLite this commit does not wait for the disk: the files have, and whatever rows a power cut takes back
        are written again from them (`serving.records.reconcile`, decision 0009).

        Raises:
            InboxUnavailableError: nothing was recorded; the senders are told to try again.
        """
        now = datetime.now(UTC)
        due_at = self._due_at(SenderState.SENDING, now)
        with _translated():
            if self._first_generations.know(arrivals) and self._land_new(arrivals, now, due_at):
                return [Landing.NEW] * len(arrivals)
            with writing(self._landing) as connection:
                landings = [land(connection, one, now, due_at) for one in arrivals]
        self._first_generations.remember(arrivals, landings)
        return landings

    def _land_new(self, arrivals: Sequence[Arrival], now: datetime, due_at: datetime | None) -> bool:
        with self._kept.writing() as driver:
            is_landed = self._first_generations.land(driver, arrivals, now, due_at)
            if not is_landed:
                driver.rollback()
        return is_landed

    def association_ended(self, source_ae: str, study_uids: AbstractSet[str], *, aborted: bool) -> None:
        """A sender that released its association has probably sent all: bring the closing forward.

        As with what was landed, this does not wait for the disk: after a power cut the quiet timer closes the study.
        """
        del source_ae
        sender = SenderState.ABORTED if aborted else SenderState.RELEASED
        due_at = self._due_at(sender, datetime.now(UTC))
        with _translated(), writing(self._landing) as connection:
            # In one order, so that two senders of the same studies never wait for each other.
            for study_uid in sorted(study_uids):
                _BRING_FORWARD.run(connection, the_study_uid=study_uid, **new_values({"due_at": due_at}))

    def _due_at(self, sender: SenderState, now: datetime) -> datetime | None:
        delay = self._delays[sender]
        return None if delay is None else now + delay

    def refuse(self, refusal: Refusal) -> None:
        """Record what was refused and why."""
        with _translated(), writing(self._engine) as connection:
            connection.execute(
                insert(REFUSAL).values(
                    at=datetime.now(UTC),
                    door=refusal.door,
                    reason_code=refusal.reason_code.value,
                    reason=refusal.reason,
                    source=refusal.source_ae,
                    path=str(refusal.path or ""),
                    case_id=refusal.study_uid,
                )
            )


def _delay(sender: SenderState, policy: CompletionPolicy) -> timedelta | None:
    """How long after an arrival a study closes by *policy* while its *sender* does nothing more."""
    now = datetime.now(UTC)
    due_at = decide(StudyProgress(instances=1, last_arrival_at=now, sender=sender), policy, now).due_at
    return None if due_at is None else due_at - now


@contextmanager
def _translated() -> Iterator[None]:
    """A failure as the DICOM door understands it."""
    try:
        yield
    except DatabaseDownError as error:
        raise InboxUnavailableError(str(error)) from error
