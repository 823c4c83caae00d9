"""Calling work off: when a person asks for it, or when a newer answer goes to the same place."""

from datetime import datetime

from sqlalchemy import Connection, select

from serving.records import audit, ledger, work
from serving.records.schema import DELIVERY, WORK_ITEM
from serving.records.work import WorkItem
from serving.work.item import DeliveryState, Purpose, State

#: Deliveries that nobody works on.
_STILL = (DeliveryState.QUEUED.value, DeliveryState.WAITING.value, DeliveryState.DEAD.value)


def cancel(connection: Connection, item_id: str, actor: str, now: datetime) -> bool:
    """Call off what has not begun of a work item: its analysis, or what is still to be sent; False when nothing is.

    What runs at this moment goes on, and what arrived stays where it is.

    Raises:
        CaseNotFoundError: there is no such item.
    """
    item = work.get_item(connection, item_id)
    reason = f"called off by {actor}"
    called_off = _call_off_deliveries(connection, item_id, reason, now)
    if item.state in {State.QUEUED, State.WAITING, State.FAILED}:
        told = {"reason_code": "cancelled", "reason": reason, "finished_at": now}
        called_off |= work.move_item(connection, item_id, State.SUPERSEDED, now, **told)
    elif called_off:
        ledger.finish_when_all_arrived(connection, item_id, now)
    if called_off:
        audit.append(connection, "cancelled", item_id, {"actor": actor})
    return called_off


def call_off_older(connection: Connection, item: WorkItem, destination: str, now: datetime) -> None:
    """Call off what earlier generations of the case still have to send to *destination*, which gets *item*'s answer."""
    older = (
        (WORK_ITEM.c.case_id == item.case_id)
        & (WORK_ITEM.c.model == item.model)
        & (WORK_ITEM.c.generation < item.generation)
        & (DELIVERY.c.destination == destination)
        & (DELIVERY.c.purpose == Purpose.RESULT.value)
        & DELIVERY.c.state.in_(_STILL)
    )
    reason = f"generation {item.generation} of the case took over"
    wanted = select(DELIVERY.c.id, DELIVERY.c.work_item_id).join(WORK_ITEM).where(older)
    for row in connection.execute(wanted).all():
        ledger.move(connection, row.id, DeliveryState.CANCELLED, now, reason=reason)
        audit.append(connection, "delivery_superseded", row.id, {"destination": destination, "by": item.id})
        _close_superseded(connection, row.work_item_id, reason, now)


def _close_superseded(connection: Connection, item_id: str, reason: str, now: datetime) -> None:
    dead = (DELIVERY.c.work_item_id == item_id) & (DELIVERY.c.state == DeliveryState.DEAD.value)
    if connection.scalar(select(DELIVERY.c.id).where(dead).limit(1)) is not None:
        return
    if work.get_item(connection, item_id).state is State.FAILED:
        told = {"reason_code": "superseded", "reason": reason, "finished_at": now}
        work.move_item(connection, item_id, State.SUPERSEDED, now, **told)
    else:
        ledger.finish_when_all_arrived(connection, item_id, now)


def _call_off_deliveries(connection: Connection, item_id: str, reason: str, now: datetime) -> bool:
    mine = (DELIVERY.c.work_item_id == item_id) & DELIVERY.c.state.in_(_STILL)
    waiting = connection.scalars(select(DELIVERY.c.id).where(mine)).all()
    for delivery_id in waiting:
        ledger.move(connection, delivery_id, DeliveryState.CANCELLED, now, reason=reason)
    return bool(waiting)
