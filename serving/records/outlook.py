"""What there is to do, asked in one statement: the dispatcher looks after every commit, whoever made it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, exists, or_, select

from serving.records.cases import LONGEST_AWAITED, is_due
from serving.records.hints import fulfilled
from serving.records.schema import DELIVERY, STAY, STUDY, WORK_ITEM
from serving.records.statements import Statement, is_one_of
from serving.work.item import DeliveryState, State


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """Which kinds of work wait."""

    #: A study or a stay has fallen due, or all that was promised of a study is here.
    cases: bool
    #: A work item waits, for a worker or for its time.
    items: bool
    #: A delivery waits, for its turn or for its time.
    deliveries: bool


_NOW = bindparam("now", type_=STUDY.c.due_at.type)
_DUE = or_(
    exists().where(is_due(_NOW, bindparam("far", type_=STUDY.c.due_at.type))),
    exists().where(STAY.c.due_at <= _NOW),
    exists().where(fulfilled(_NOW)),
)
# Whether it may begin by now is asked of the groups that wait (`waiting`): here it would be asked of every row.
_ITEMS = exists().where(is_one_of(WORK_ITEM.c.state, (State.QUEUED, State.WAITING)))
_DELIVERIES = exists().where(is_one_of(DELIVERY.c.state, (DeliveryState.QUEUED, DeliveryState.WAITING)))
_LOOK = Statement(select(_DUE.label("cases"), _ITEMS.label("items"), _DELIVERIES.label("deliveries")))


def look(connection: Connection, now: datetime) -> Outlook:
    """What waits at *now*."""
    row = _LOOK.first(connection, now=now, far=now + LONGEST_AWAITED)
    return Outlook(cases=row.cases, items=row.items, deliveries=row.deliveries)
