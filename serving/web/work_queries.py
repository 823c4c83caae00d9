"""What the list of work shows: what is not done, oldest first."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, select

from serving.records.schema import DELIVERY, WORK_ITEM
from serving.work.item import DeliveryState, State

#: Rows on one page.
PAGE_SIZE = 100
_DONE = (State.DONE.value, State.SUPERSEDED.value)
_ARRIVED = (DeliveryState.ACCEPTED.value, DeliveryState.COMMITTED.value, DeliveryState.CANCELLED.value)


@dataclass(frozen=True, kw_only=True)
class WorkFilter:
    """Which work to show; empty fields show all that is not done."""

    #: State value.
    state: str = ""
    #: Only what this destination has not got yet.
    destination: str = ""
    #: 1 is the oldest page.
    page: int = 1


@dataclass(frozen=True, kw_only=True)
class SentRow:
    """One delivery in the list."""

    #: Name in the settings.
    destination: str
    #: Where it stands.
    state: DeliveryState
    #: How often it was tried.
    attempts: int
    #: What a person should know of it; empty when all is well.
    reason: str


@dataclass(frozen=True, kw_only=True)
class WorkRow:
    """One work item in the list; without anything of the patient, since whoever operates need not know."""

    #: Its id.
    work_item_id: str
    #: Study Instance UID or stay id, and which generation of it.
    case_id: str
    generation: int
    #: Empty where no rule matched.
    model: str
    model_version: str
    #: Where it stands.
    state: State
    #: How often its analysis was tried.
    attempts: int
    #: Why not analysed, failed or waiting; empty otherwise.
    reason_code: str
    reason: str
    #: When it was queued, and before when it is not tried again.
    created_at: datetime
    not_before: datetime
    #: By destination.
    deliveries: tuple[SentRow, ...]


def open_work(connection: Connection, chosen: WorkFilter) -> tuple[WorkRow, ...]:
    """One page of the work that matches *chosen*, oldest first."""
    wanted = select(WORK_ITEM).where(_matches(chosen)).order_by(WORK_ITEM.c.created_at, WORK_ITEM.c.id)
    rows = connection.execute(wanted.limit(PAGE_SIZE).offset((chosen.page - 1) * PAGE_SIZE)).all()
    sent = _sent(connection, [row.id for row in rows])
    return tuple(
        WorkRow(
            work_item_id=row.id,
            case_id=row.case_id,
            generation=row.generation,
            model=row.model,
            model_version=row.model_version,
            state=State(row.state),
            attempts=row.attempts,
            reason_code=row.reason_code,
            reason=row.reason,
            created_at=row.created_at,
            not_before=row.not_before,
            deliveries=tuple(sent[row.id]),
        )
        for row in rows
    )


def _matches(chosen: WorkFilter) -> ColumnElement[bool]:
    waits_for = select(DELIVERY.c.work_item_id).where(DELIVERY.c.state.not_in(_ARRIVED))
    if chosen.destination:
        return WORK_ITEM.c.id.in_(waits_for.where(DELIVERY.c.destination == chosen.destination))
    if chosen.state:
        return WORK_ITEM.c.state == chosen.state
    # A withdrawal that was refused leaves its item done.
    return WORK_ITEM.c.state.not_in(_DONE) | WORK_ITEM.c.id.in_(waits_for)


def _sent(connection: Connection, ids: Sequence[str]) -> defaultdict[str, list[SentRow]]:
    found: defaultdict[str, list[SentRow]] = defaultdict(list)
    mine = select(DELIVERY).where(DELIVERY.c.work_item_id.in_(ids)).order_by(DELIVERY.c.destination)
    for row in connection.execute(mine):
        state = DeliveryState(row.state)
        found[row.work_item_id].append(
            SentRow(destination=row.destination, state=state, attempts=row.attempts, reason=row.reason)
        )
    return found
