"""Work items and deliveries: queued, claimed, moved on, with their history."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, ScalarSelect, Table, select, update

from serving.errors import CaseNotFoundError
from serving.records import waiting
from serving.records.schema import DELIVERY, HISTORY, WORK_ITEM
from serving.records.statements import Insertion, Statement, given, is_one_of, new_values, setting
from serving.work.item import MOVES, DeliveryState, Purpose, State
from serving.work.turns import Group, Room, Turns


@dataclass(frozen=True, kw_only=True)
class WorkItem:
    """One case x one release x one generation of its input."""

    #: Derived from case, generation and model.
    id: str
    #: ``imaging`` or ``stay``.
    kind: str
    #: Study Instance UID or stay id.
    case_id: str
    #: Generation of the case's input.
    generation: int
    #: Release to use; empty where none was found.
    model: str
    model_version: str
    release_digest: str
    #: 0 acute to 3 backfill.
    priority: int
    #: Where it stands.
    state: State
    #: Tries so far, this one included.
    attempts: int
    #: Those of them, in a row, that ended neither in an answer nor in a failure, this one included.
    unended: int
    #: When it was queued: when its generation was closed.
    created_at: datetime
    #: When the newest part of its input came.
    input_at: datetime
    #: Node that has claimed it; that of the last claim otherwise.
    node: str


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One work item's objects for one destination."""

    #: Derived from work item and destination.
    id: str
    #: Whose objects.
    work_item_id: str
    #: Name of the destination in the settings.
    destination: str
    #: SOP Instance UIDs in the order they are sent.
    objects: tuple[str, ...]
    #: Where it stood when it was claimed.
    state: DeliveryState
    #: Tries so far, this one included.
    attempts: int
    #: Those of them, in a row, that ended neither in an answer nor in a failure, this one included.
    unended: int
    #: What it is for.
    purpose: Purpose
    #: Node that has claimed it; that of the last claim otherwise.
    node: str


def _claim(table: Table, first: ScalarSelect[str], state: Enum) -> Statement:
    """Take the first of a group for a node: a try more, of which no end is known yet."""
    one_more = {"attempts": table.c.attempts + 1, "unended": table.c.unended + 1}
    taken = {"state": state.value, "node": given(table.c.node, "node"), **one_more}
    return Statement(update(table).where(table.c.id == first).values(taken).returning(*table.columns))


@cache
def _move(to: State, columns: frozenset[str]) -> Statement:
    """A move to *to*, from where it is allowed, with new values of *columns*."""
    allowed = is_one_of(WORK_ITEM.c.state, [state for state, moves in MOVES.items() if to in moves])
    values = {WORK_ITEM.c.state: to.value, **setting(WORK_ITEM, columns)}
    return Statement(update(WORK_ITEM).where(WORK_ITEM.c.id == given(WORK_ITEM.c.id), allowed).values(values))


_ADD_ITEM = Insertion(WORK_ITEM, unless_there=True)
_NOTE = Insertion(HISTORY)
_ITEM = Statement(select(WORK_ITEM).where(WORK_ITEM.c.id == given(WORK_ITEM.c.id)))
_DELIVERY = Statement(select(DELIVERY).where(DELIVERY.c.id == given(DELIVERY.c.id)))
_CLAIM_ITEM = _claim(WORK_ITEM, waiting.next_item(), State.RUNNING)
_CLAIM_DELIVERY = _claim(DELIVERY, waiting.next_delivery(), DeliveryState.INTENT)


def add_item(connection: Connection, values: dict[str, Any]) -> bool:
    """Queue one work item; False when the very same one is there already."""
    added = _ADD_ITEM.add(connection, **values)
    if added:
        note(connection, values["id"], values["created_at"], State(values["state"]), values.get("reason", ""))
    return added


def claim_items(
    connection: Connection, node: str, room: Room | int, now: datetime, turns: Turns | None = None
) -> tuple[WorkItem, ...]:
    """Take waiting items for *node*, in the order of *turns*, as many as there is *room* for (a number: of any)."""
    turns = turns or Turns()
    room = Room(places=room, acute_places=room, by_model={}) if isinstance(room, int) else room
    claimed: list[WorkItem] = []
    while room.acute_places:
        group = turns.choose(waiting.item_groups(connection, turns.patience, now), room, now)
        item = None if group is None else _claim_first(connection, group, node, now)
        if group is None or item is None:
            # None waits, or others are claiming it at this moment.
            break
        turns.served(group)
        room = room.without(group)
        claimed.append(item)
    return tuple(claimed)


def _claim_first(connection: Connection, group: Group, node: str, now: datetime) -> WorkItem | None:
    same = {"the_model": group.model, "the_sender": group.sender}
    row = _CLAIM_ITEM.first(connection, node=node, the_state=group.state, the_priority=group.priority, **same)
    if row is None:
        return None
    note(connection, row.id, now, State.RUNNING, f"attempt {row.attempts}")
    return _item(row)


def get_item(connection: Connection, item_id: str) -> WorkItem:
    """The item as it stands.

    Raises:
        CaseNotFoundError: there is none.
    """
    row = _ITEM.first(connection, the_id=item_id)
    if row is None:
        raise CaseNotFoundError(f"there is no work item '{item_id}'")
    return _item(row)


def move_item(connection: Connection, item_id: str, to: State, now: datetime, **values: Any) -> bool:
    """Move an item to *to* with further column *values*; False when its state does not allow that move any more."""
    moved = _move(to, frozenset(values)).run(connection, the_id=item_id, **new_values(values)) > 0
    if moved:
        note(connection, item_id, now, to, str(values.get("reason", "")))
    return moved


def way_of(connection: Connection, item_id: str) -> tuple[str, float | None]:
    """The model of an item, and how long it took from received to stored everywhere; None until it is."""
    row = _ITEM.first(connection, the_id=item_id)
    seconds = row.timings.get("received_to_stored") if row.state == State.DONE.value else None
    return row.model, seconds


def supersede_older(connection: Connection, case_id: str, generation: int, now: datetime) -> None:
    """Set aside older generations of a case that nobody has begun to work on."""
    if generation == 1:
        return
    idle = WORK_ITEM.c.state.in_((State.QUEUED.value, State.WAITING.value))
    older = select(WORK_ITEM.c.id).where(WORK_ITEM.c.case_id == case_id, WORK_ITEM.c.generation < generation, idle)
    for item_id in connection.scalars(older).all():
        reason = f"generation {generation} of the case took over"
        move_item(connection, item_id, State.SUPERSEDED, now, reason_code="superseded", reason=reason, finished_at=now)


def note(connection: Connection, item_id: str, at: datetime, state: State, detail: str) -> None:
    """Add one line to an item's history."""
    _NOTE.add(connection, work_item_id=item_id, at=at, state=state.value, detail=detail)


def claim_delivery(
    connection: Connection, destination: str, node: str, now: datetime, turns: Turns | None = None
) -> Delivery | None:
    """Take the next delivery for *destination*; the state it had tells whether a send may already have begun."""
    turns = turns or Turns()
    mine = [one for one in waiting.delivery_groups(connection, turns.patience, now) if one.model == destination]
    group = turns.choose(mine, Room(places=1, acute_places=1, by_model={}), now)
    if group is None:
        return None
    same = {"the_state": group.state, "the_destination": destination, "the_priority": group.priority}
    row = _CLAIM_DELIVERY.first(connection, node=node, **same)
    return None if row is None else replace(_delivery(row), state=DeliveryState(group.state))


def get_delivery(connection: Connection, delivery_id: str) -> Delivery:
    """The delivery as it stands.

    Raises:
        CaseNotFoundError: there is none.
    """
    row = _DELIVERY.first(connection, the_id=delivery_id)
    if row is None:
        raise CaseNotFoundError(f"there is no delivery '{delivery_id}'")
    return _delivery(row)


def put_back_delivery(connection: Connection, delivery_id: str, now: datetime) -> None:
    """Let a delivery that was begun be tried again; its attempts tell that the archive must be asked first."""
    again = {"state": DeliveryState.WAITING.value, "not_before": now}
    connection.execute(update(DELIVERY).where(DELIVERY.c.id == delivery_id).values(**again))


def claimed(connection: Connection, node: str) -> tuple[Sequence[str], Sequence[str]]:
    """Ids of the items and of the deliveries that *node* has claimed and not finished."""
    items = select(WORK_ITEM.c.id).where(WORK_ITEM.c.state == State.RUNNING.value, WORK_ITEM.c.node == node)
    sends = select(DELIVERY.c.id).where(DELIVERY.c.state == DeliveryState.INTENT.value, DELIVERY.c.node == node)
    return connection.scalars(items).all(), connection.scalars(sends).all()


def _item(row: Row[Any]) -> WorkItem:
    return WorkItem(
        id=row.id,
        kind=row.kind,
        case_id=row.case_id,
        generation=row.generation,
        model=row.model,
        model_version=row.model_version,
        release_digest=row.release_digest,
        priority=row.priority,
        state=State(row.state),
        attempts=row.attempts,
        unended=row.unended,
        created_at=row.created_at,
        input_at=row.input_at,
        node=row.node,
    )


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        work_item_id=row.work_item_id,
        destination=row.destination,
        objects=tuple(row.objects),
        state=DeliveryState(row.state),
        attempts=row.attempts,
        unended=row.unended,
        purpose=Purpose(row.purpose),
        node=row.node,
    )
