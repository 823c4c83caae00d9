"""Stays and their bitemporal events as they stand, and the risks said of them."""

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import Connection, Row, case, insert, select, update

from ehr_io.events import Event, EventKind, Stay
from models.prediction import RiskScore
from serving.errors import CaseNotFoundError
from serving.records.schema import EVENT, RISK, STAY

_EVENT_COLUMNS = tuple(EVENT.c[name] for name in Event.__dataclass_fields__)
_KINDS = {kind.value: kind for kind in EventKind}
#: A score on the clock may be later than all that is known; the next one does not go back behind it.
_NEXT_T = case((STAY.c.scored_as_of > STAY.c.known_until, STAY.c.scored_as_of), else_=STAY.c.known_until)


class StayStatus(Enum):
    """Where a stay stands."""

    #: Something was told of it, but not yet its admission.
    EXPECTED = "expected"
    #: The patient is admitted.
    OPEN = "open"
    #: The patient was discharged.
    ENDED = "ended"
    #: Its admission was cancelled: nothing is said of it any more.
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class ClosedStay:
    """A generation of a stay that was just closed."""

    #: Its number.
    generation: int
    #: Its T: newest known_time among its events, or the later T of the generation before.
    as_of: datetime


def due_stays(connection: Connection, now: datetime) -> tuple[str, ...]:
    """Ids of the stays of which something new is known."""
    return tuple(connection.scalars(select(STAY.c.stay_id).where(STAY.c.due_at <= now).order_by(STAY.c.due_at)))


def close_generation(connection: Connection, stay_id: str, now: datetime) -> ClosedStay | None:
    """Close the open generation of a due stay; None when it is not due any more."""
    row = connection.execute(
        update(STAY)
        .where(STAY.c.stay_id == stay_id, STAY.c.due_at <= now)
        .values(due_at=None, generation=STAY.c.generation + 1, scored_as_of=_NEXT_T)
        .returning(STAY.c.generation, STAY.c.scored_as_of)
    ).one_or_none()
    return None if row is None else ClosedStay(generation=row.generation, as_of=row.scored_as_of)


def load_stay(connection: Connection, stay_id: str, *, with_history: bool = False) -> Stay:
    """The stay with all its current events, *with_history* also those that were replaced or withdrawn since.

    The current ones say what is known now; ``as_of`` an earlier moment needs the history.

    Raises:
        CaseNotFoundError: nothing of it was received.
    """
    patient_id = connection.scalar(select(STAY.c.patient_id).where(STAY.c.stay_id == stay_id))
    if patient_id is None:
        raise CaseNotFoundError(f"nothing of stay '{stay_id}' was received")
    wanted = select(*_EVENT_COLUMNS).where(EVENT.c.stay_id == stay_id)
    told = wanted if with_history else wanted.where(EVENT.c.current)
    rows = connection.execute(told.order_by(EVENT.c.event_time, EVENT.c.source, EVENT.c.code))
    return Stay(stay_id=stay_id, patient_id=patient_id, events=tuple(event_of(row) for row in rows))


def event_of(row: Row[Any]) -> Event:
    """The event that a *row* of the columns of an Event is."""
    return Event(**dict(row._mapping) | {"kind": _KINDS[row.kind]})  # noqa: SLF001 - SQLAlchemy's public name for it


@dataclass(frozen=True, kw_only=True)
class RiskRecord:
    """One risk to keep."""

    #: Whose.
    stay: Stay
    #: The risk with its reasons.
    score: RiskScore
    #: The operating point it was compared with.
    threshold: float


def keep_risk(connection: Connection, work_item_id: str, risk: RiskRecord) -> None:
    """Record one risk."""
    stay, score = risk.stay, risk.score
    connection.execute(
        insert(RISK).values(
            work_item_id=work_item_id,
            stay_id=stay.stay_id,
            patient_id=stay.patient_id,
            as_of=datetime.fromisoformat(score.as_of),
            probability=score.probability,
            threshold=risk.threshold,
            baseline=score.baseline,
            horizon_hours=score.horizon_hours,
            reasons=[asdict(reason) for reason in score.reasons],
        )
    )
