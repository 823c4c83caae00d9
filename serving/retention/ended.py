"""What must hold of the work on a case before anything of it may go."""

from datetime import datetime

from sqlalchemy import Column, ColumnElement, and_, exists, or_

from serving.records.schema import DELIVERY, WORK_ITEM
from serving.work.item import TERMINAL, DeliveryState, State

_SETTLED = tuple(one.value for one in (DeliveryState.ACCEPTED, DeliveryState.COMMITTED, DeliveryState.CANCELLED))


def nothing_open(case_id: Column[str]) -> ColumnElement[bool]:
    """No work item of the case can move by itself any more."""
    return ~exists().where(WORK_ITEM.c.case_id == case_id, WORK_ITEM.c.state.not_in([one.value for one in TERMINAL]))


def nothing_under_way(*mine: ColumnElement[bool]) -> ColumnElement[bool]:
    """No delivery of the work items that are *mine* is still to arrive, put aside, or to be committed."""
    uncommitted = and_(DELIVERY.c.state == DeliveryState.ACCEPTED.value, DELIVERY.c.commit_at.is_not(None))
    holds_up = or_(DELIVERY.c.state.not_in(_SETTLED), uncommitted)
    return ~exists().where(DELIVERY.c.work_item_id == WORK_ITEM.c.id, *mine, holds_up)


def nothing_ended_since(case_id: Column[str], before: datetime, failed_before: datetime | None) -> ColumnElement[bool]:
    """No work item of the case ended after *before*, or failed after *failed_before* (None = at any time)."""
    failed = WORK_ITEM.c.state == State.FAILED.value
    too_new = failed if failed_before is None else and_(failed, WORK_ITEM.c.finished_at >= failed_before)
    return ~exists().where(WORK_ITEM.c.case_id == case_id, or_(WORK_ITEM.c.finished_at >= before, too_new))
