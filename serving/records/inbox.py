"""The inbox of the DICOM door: a success status leaves only after these rows are committed."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, and_, exists, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from dicom_io.errors import InboxUnavailableError
from dicom_io.headers import dump_header
from dicom_io.receive.completion import CompletionPolicy, SenderState, StudyProgress, decide
from dicom_io.receive.inbox import Arrival, Landing, Refusal
from serving.errors import DatabaseDownError
from serving.records.database import writing
from serving.records.schema import INSTANCE, REFUSAL, RESULT, STUDY

#: Modalities of objects about images: nothing in them is for a model to read.
_NEVER_READ = frozenset({"KO", "PR", "SEG", "SR"})


class DatabaseInbox:
    """Implements ``dicom_io.receive.inbox.Inbox`` on our tables."""

    def __init__(self, engine: Engine, policy: CompletionPolicy) -> None:
        """Commit to *engine*; open generations fall due by *policy*."""
        self._engine = engine
        self._policy = policy

    def land(self, arrival: Arrival) -> Landing:
        """Record one spooled object, as `land_all` does."""
        return self.land_all([arrival])[0]

    def land_all(self, arrivals: Sequence[Arrival]) -> Sequence[Landing]:
        """Record spooled objects in one transaction.

        Raises:
            InboxUnavailableError: nothing was recorded; the senders are told to try again.
        """
        now = datetime.now(UTC)
        due_at = self._due_at(SenderState.SENDING, now)
        with _recording(self._engine) as connection:
            return [_land(connection, arrival, now, due_at) for arrival in arrivals]

    def association_ended(self, source_ae: str, study_uids: AbstractSet[str], *, aborted: bool) -> None:
        """A sender that released its association has probably sent all: bring the closing forward."""
        del source_ae
        sender = SenderState.ABORTED if aborted else SenderState.RELEASED
        due_at = self._due_at(sender, datetime.now(UTC))
        with _recording(self._engine) as connection:
            is_open = and_(STUDY.c.study_uid.in_(study_uids), STUDY.c.due_at.is_not(None))
            connection.execute(update(STUDY).where(is_open).values(due_at=due_at))

    def _due_at(self, sender: SenderState, now: datetime) -> datetime | None:
        progress = StudyProgress(instances=1, last_arrival_at=now, sender=sender)
        return decide(progress, self._policy, now).due_at

    def refuse(self, refusal: Refusal) -> None:
        """Record what was refused and why."""
        with _recording(self._engine) as connection:
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


@contextmanager
def _recording(engine: Engine) -> Iterator[Connection]:
    """A transaction whose failure the DICOM door understands."""
    try:
        with writing(engine) as connection:
            yield connection
    except DatabaseDownError as error:
        raise InboxUnavailableError(str(error)) from error


def _land(connection: Connection, arrival: Arrival, now: datetime, due_at: datetime | None) -> Landing:
    landing = _landing_of(connection, arrival)
    if landing in (Landing.NEW, Landing.REPLACED):
        _touch_study(connection, arrival, now, due_at)
    if landing is not Landing.SAME:
        _keep_instance(connection, arrival, now, landing)
    return landing


def _landing_of(connection: Connection, arrival: Arrival) -> Landing:
    rows = connection.execute(
        select(INSTANCE.c.sha256, INSTANCE.c.current, INSTANCE.c.path, INSTANCE.c.size_bytes).where(
            INSTANCE.c.sop_instance_uid == arrival.header.instance.sop_instance_uid
        )
    ).all()
    if not rows:
        return Landing.NEW
    for row in rows:
        if row.current and row.sha256 == arrival.sha256:
            return Landing.SAME if _is_whole(Path(row.path), row.size_bytes) else Landing.MENDED
    return Landing.REPLACED


def _is_whole(path: Path, size_bytes: int) -> bool:
    try:
        return path.stat().st_size == size_bytes
    except OSError:
        return False


def _keep_instance(connection: Connection, arrival: Arrival, now: datetime, landing: Landing) -> None:
    """The newest bytes count; older ones under the same UID stay on disk and in the table."""
    uid = arrival.header.instance.sop_instance_uid
    values = {
        "study_uid": arrival.header.study_instance_uid,
        "sop_instance_uid": uid,
        "sha256": arrival.sha256,
        "path": str(arrival.path),
        "size_bytes": arrival.size_bytes,
        "source_ae": arrival.source_ae,
        "received_at": now,
        "header": dump_header(arrival.header),
        "current": True,
    }
    if landing is not Landing.NEW:
        connection.execute(update(INSTANCE).where(INSTANCE.c.sop_instance_uid == uid).values(current=False))
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(
        dialect.insert(INSTANCE)
        .values(**values)
        .on_conflict_do_update(index_elements=["sop_instance_uid", "sha256"], set_=values)
    )


def _touch_study(connection: Connection, arrival: Arrival, now: datetime, due_at: datetime | None) -> None:
    header = arrival.header
    known = connection.execute(
        select(STUDY.c.modalities, STUDY.c.generation).where(STUDY.c.study_uid == header.study_instance_uid)
    ).one_or_none()
    values = {
        "patient_id": header.patient_id,
        "patient_name": header.patient_name,
        "accession_number": header.accession_number,
        "study_date": header.study_date,
        "description": header.study_description,
        "source_ae": arrival.source_ae,
        "last_arrival_at": now,
    }
    if known is None:
        first = {"generation": 0, "first_arrival_at": now, "due_at": due_at, "modalities": header.modality}
        connection.execute(insert(STUDY).values(study_uid=header.study_instance_uid, **first, **values))
        return
    if _opens_a_generation(connection, arrival, known.generation):
        values["due_at"] = due_at
    values["modalities"] = "\\".join(sorted({*known.modalities.split("\\"), header.modality} - {""}))
    connection.execute(update(STUDY).where(STUDY.c.study_uid == header.study_instance_uid).values(**values))


def _opens_a_generation(connection: Connection, arrival: Arrival, closed_generations: int) -> bool:
    """Whether *arrival* gives a model something new to read.

    An archive may forward our own results, or reports, back to us; without this rule each would start another
    analysis, whose result would come back again.
    """
    if closed_generations == 0:
        return True
    instance = arrival.header.instance
    ours = connection.scalar(select(exists().where(RESULT.c.sop_instance_uid == instance.sop_instance_uid)))
    return instance.has_pixels and arrival.header.modality not in _NEVER_READ and not ours
