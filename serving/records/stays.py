"""Stays and their bitemporal events as they stand, and the risks said of them."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from ehr_io.events import Event, EventKind, Stay
from models.prediction import RiskScore
from serving.errors import CaseNotFoundError
from serving.records.schema import EVENT, RISK, STAY


@dataclass(frozen=True, kw_only=True)
class ClosedStay:
    """A generation of a stay that was just closed."""

    #: Its number.
    generation: int
    #: Newest known_time among its events.
    known_until: datetime


def keep_events(connection: Connection, stay_id: str, patient_id: str, events: Iterable[Event], now: datetime) -> None:
    """Record *events* of one stay: a source told again replaces what it said before; the stay falls due.

    *patient_id* is empty as long as no Encounter has told whose stay it is.
    """
    told = tuple(events)
    _touch_stay(connection, stay_id, patient_id, told, now)
    sources = {event.source for event in told}
    connection.execute(
        update(EVENT).where(EVENT.c.stay_id == stay_id, EVENT.c.source.in_(sources)).values(current=False)
    )
    for event in told:
        connection.execute(insert(EVENT).values(**(asdict(event) | {"kind": event.kind.value})))


def due_stays(connection: Connection, now: datetime) -> tuple[str, ...]:
    """Ids of the stays of which something new is known."""
    return tuple(connection.scalars(select(STAY.c.stay_id).where(STAY.c.due_at <= now).order_by(STAY.c.due_at)))


def close_generation(connection: Connection, stay_id: str, now: datetime) -> ClosedStay | None:
    """Close the open generation of a due stay; None when it is not due any more."""
    row = connection.execute(
        update(STAY)
        .where(STAY.c.stay_id == stay_id, STAY.c.due_at <= now)
        .values(due_at=None, generation=STAY.c.generation + 1)
        .returning(STAY.c.generation, STAY.c.known_until)
    ).one_or_none()
    return None if row is None else ClosedStay(generation=row.generation, known_until=row.known_until)


def load_stay(connection: Connection, stay_id: str) -> Stay:
    """The stay with all its current events.

    Raises:
        CaseNotFoundError: nothing of it was received.
    """
    patient_id = connection.scalar(select(STAY.c.patient_id).where(STAY.c.stay_id == stay_id))
    if patient_id is None:
        raise CaseNotFoundError(f"nothing of stay '{stay_id}' was received")
    rows = connection.execute(
        select(EVENT).where(EVENT.c.stay_id == stay_id, EVENT.c.current).order_by(EVENT.c.event_time, EVENT.c.source)
    ).mappings()
    events = tuple(
        Event(**{key: row[key] for key in Event.__dataclass_fields__} | {"kind": EventKind(row["kind"])})
        for row in rows
    )
    return Stay(stay_id=stay_id, patient_id=patient_id, events=events)


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


def _touch_stay(connection: Connection, stay_id: str, patient_id: str, told: tuple[Event, ...], now: datetime) -> None:
    newest = max(event.known_time for event in told)
    wards = sorted((event.event_time, event.code) for event in told if event.kind is EventKind.WARD)
    known = connection.execute(select(STAY.c.known_until).where(STAY.c.stay_id == stay_id)).one_or_none()
    # Events may come before the Encounter that says whose they are: kept, but not scored until then.
    values = {"patient_id": patient_id, "due_at": now if patient_id else None} | (
        {"ward": wards[-1][1]} if wards else {}
    )
    if known is None:
        connection.execute(insert(STAY).values(stay_id=stay_id, generation=0, known_until=newest, **values))
        return
    values["known_until"] = max(known.known_until, newest)
    connection.execute(update(STAY).where(STAY.c.stay_id == stay_id).values(**values))
