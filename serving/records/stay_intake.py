"""What a FHIR Bundle told, kept in one transaction before it is acknowledged."""

from collections import defaultdict
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, insert, select, update

from ehr_io.events import Event
from ehr_io.receive.reading import BundleReading, ResourceRefusal
from serving.records import stays
from serving.records.database import writing
from serving.records.schema import EVENT, REFUSAL, STAY


class DatabaseStayIntake:
    """Implements ``StayIntake`` on our tables."""

    def __init__(self, engine: Engine) -> None:
        """Keep what is told on *engine*."""
        self._engine = engine

    def take(self, reading: BundleReading) -> None:
        """Keep events, withdrawals and refusals.

        Raises:
            DatabaseDownError: nothing was kept.
        """
        now = datetime.now(UTC)
        patients = {stay.stay_id: stay.patient_id for stay in reading.stays}
        by_stay: dict[str, list[Event]] = defaultdict(list)
        for event in reading.events:
            by_stay[event.stay_id].append(event)
        with writing(self._engine) as connection:
            for stay_id, events in by_stay.items():
                patient_id = patients.get(stay_id) or _patient_of(connection, stay_id)
                stays.keep_events(connection, stay_id, patient_id, events, now)
            for source in reading.retracted:
                _withdraw(connection, source, now)
            for refusal in reading.refusals:
                _keep_refusal(connection, refusal, now)


def _patient_of(connection: Connection, stay_id: str) -> str:
    return connection.scalar(select(STAY.c.patient_id).where(STAY.c.stay_id == stay_id)) or ""


def _withdraw(connection: Connection, source: str, now: datetime) -> None:
    """Retire what *source* said; the stays it spoke of are scored again."""
    gone = (
        update(EVENT).where(EVENT.c.source == source, EVENT.c.current).values(current=False).returning(EVENT.c.stay_id)
    )
    affected = set(connection.scalars(gone).all())
    connection.execute(update(STAY).where(STAY.c.stay_id.in_(affected)).values(due_at=now))


def _keep_refusal(connection: Connection, refusal: ResourceRefusal, now: datetime) -> None:
    connection.execute(
        insert(REFUSAL).values(
            at=now,
            door="fhir",
            reason_code=refusal.reason_code.value,
            reason=refusal.reason,
            source=refusal.source,
            path="",
            case_id="",
        )
    )
