"""What there is to do, asked in one statement: the dispatcher looks after every commit, whoever made it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, exists, or_, select

from serving.records.cases import LONGEST_AWAITED, is_due
from serving.records.hints import fulfilled
from serving.records.schema import DELIVERY, STAY, STUDY, WORK_ITEM
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
_ITEMS = exists().where(WORK_ITEM.c.state.in_((State.QUEUED.value, State.WAITING.value)))
_DELIVERIES = exists().where(DELIVERY.c.state.in_((DeliveryState.QUEUED.value, DeliveryState.WAITING.value)))
#: Made once: to put it together takes longer than to answer it.
_LOOK = select(_DUE.label("cases"), _ITEMS.label("items"), _DELIVERIES.label("deliveries"))


def look(connection: Connection, now: datetime) -> Outlook:
    """What waits at *now*."""
    row = connection.execute(_LOOK, {"now": now, "far": now + LONGEST_AWAITED}).one()
    return Outlook(cases=row.cases, items=row.items, deliveries=row.deliveries)
