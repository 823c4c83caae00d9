"""Stays whose score has grown old: found, closed for another one, counted."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, exists, func, select, update

from serving.records.schema import STAY, WORK_ITEM
from serving.records.stays import ClosedStay, StayStatus
from serving.work.item import State

_IDLE = (State.QUEUED.value, State.WAITING.value, State.RUNNING.value)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Moments that divide old from new, UTC."""

    #: A score as of this moment or before is to be made anew.
    scored_before: datetime
    #: Of a stay that told nothing since this moment no other score is made.
    heard_since: datetime


@dataclass(frozen=True, kw_only=True)
class Freshness:
    """How old the scores of the running stays are."""

    #: Running stays that were ever scored.
    running: int
    #: Those whose newest score is older than it may be.
    stale: int
    #: Those of which nothing was heard for long.
    silent: int


def old_stays(connection: Connection, limits: Limits) -> tuple[str, ...]:
    """Ids of the running stays to be scored anew; not those whose newest score is still being made."""
    wanted = select(STAY.c.stay_id).where(_is_old(limits)).order_by(STAY.c.scored_as_of)
    return tuple(connection.scalars(wanted))


def close_on_clock(connection: Connection, stay_id: str, limits: Limits, now: datetime) -> ClosedStay | None:
    """Close another generation of a stay as of *now*; None when it is not old any more."""
    row = connection.execute(
        update(STAY)
        .where(STAY.c.stay_id == stay_id, _is_old(limits))
        .values(generation=STAY.c.generation + 1, scored_as_of=now)
        .returning(STAY.c.generation)
    ).one_or_none()
    return None if row is None else ClosedStay(generation=row.generation, as_of=now)


def freshness(connection: Connection, limits: Limits) -> Freshness:
    """How many running stays there are, and how many of them are beyond *limits*."""
    row = connection.execute(
        select(
            func.count(),
            func.count().filter(STAY.c.scored_as_of <= limits.scored_before),
            func.count().filter(STAY.c.known_until < limits.heard_since),
        ).where(_IS_RUNNING)
    ).one()
    return Freshness(running=row[0], stale=row[1], silent=row[2])


_IS_RUNNING = and_(STAY.c.status == StayStatus.OPEN.value, STAY.c.patient_id != "", STAY.c.scored_as_of.is_not(None))


def _is_old(limits: Limits) -> ColumnElement[bool]:
    being_scored = exists().where(WORK_ITEM.c.case_id == STAY.c.stay_id, WORK_ITEM.c.state.in_(_IDLE))
    return and_(
        _IS_RUNNING,
        STAY.c.due_at.is_(None),
        STAY.c.scored_as_of <= limits.scored_before,
        STAY.c.known_until >= limits.heard_since,
        ~being_scored,
    )
