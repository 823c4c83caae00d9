"""A node that shall begin nothing more, because a person said so, until they or the clock say otherwise."""

from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, or_, select

from serving.records.duty_schema import DUTY
from serving.records.schema import DELIVERY, WORK_ITEM
from serving.records.statements import Statement, given
from serving.work.item import DeliveryState, State

_NAME = "drain"
#: Stands for every node.
ALL = ""
_DRAINED = Statement(
    select(DUTY.c.name).where(
        DUTY.c.name == _NAME,
        or_(DUTY.c.node == given(DUTY.c.node), DUTY.c.node == ALL),
        DUTY.c.next_at > given(DUTY.c.next_at, "now"),
    )
)


def begin(connection: Connection, node: str, until: datetime) -> None:
    """Let *node* (or `ALL`) begin nothing until *until*; takes the place of what was said before."""
    end(connection)
    connection.execute(insert(DUTY).values(name=_NAME, next_at=until, node=node))


def end(connection: Connection) -> None:
    """Let every node work again."""
    connection.execute(delete(DUTY).where(DUTY.c.name == _NAME))


def is_drained(connection: Connection, node: str, now: datetime) -> bool:
    """Whether *node* is to begin nothing at *now*."""
    return _DRAINED.first(connection, the_node=node, now=now) is not None


def under_way(connection: Connection, node: str) -> int:
    """How many cases and deliveries *node* (or `ALL`) has begun and not ended."""
    items = select(func.count()).where(WORK_ITEM.c.state == State.RUNNING.value)
    sent = select(func.count()).where(DELIVERY.c.state == DeliveryState.INTENT.value)
    if node != ALL:
        items, sent = items.where(WORK_ITEM.c.node == node), sent.where(DELIVERY.c.node == node)
    return (connection.scalar(items) or 0) + (connection.scalar(sent) or 0)
