"""What waits, by groups: each found by one step in an index, so that it costs the same however many wait.

The database is walked from the first of one group to the first of the next ("loose index scan"), in one statement.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    FromClause,
    ScalarSelect,
    Select,
    Table,
    func,
    select,
    union_all,
)

from serving.records.schema import DELIVERY, WORK_ITEM
from serving.records.statements import Statement, given
from serving.work.item import DeliveryState, State
from serving.work.turns import Group, Patience

_QUEUED = State.QUEUED.value
_STATES = (_QUEUED, State.WAITING.value)
# The same two words, so that groups of both tables compare.
assert (DeliveryState.QUEUED.value, DeliveryState.WAITING.value) == _STATES  # noqa: S101


def _heads(table: Table, key: Sequence[str]) -> CompoundSelect[Any]:
    """The first row of each group of rows that agree in *key*, by the index on state, *key* and not_before."""
    return union_all(*(_heads_in(table, key, state) for state in _STATES))


def _heads_in(table: Table, key: Sequence[str], state: str) -> Select[Any]:
    head = select(_first_id(table, key, [table.c.state == state]).label("id")).cte(state, recursive=True)
    here, there = table.alias("here"), table.alias("there")
    # The next group differs in the last column of the key if any does, else in the one before, and so on.
    steps = [
        _first_id(
            there,
            key,
            [there.c.state == state]
            + [there.c[name] == here.c[name] for name in key[:shared]]
            + [there.c[key[shared]] > here.c[key[shared]]],
        )
        for shared in reversed(range(len(key)))
    ]
    onward = select(func.coalesce(*steps)).select_from(head.join(here, here.c.id == head.c.id))
    head = head.union_all(onward)
    return select(table.c.state, *(table.c[name] for name in key), table.c.not_before).join(
        head, table.c.id == head.c.id
    )


def _first_id(table: FromClause, key: Sequence[str], same: Sequence[ColumnElement[bool]]) -> ScalarSelect[str]:
    order = [table.c[name] for name in (*key, "not_before")]
    return select(table.c.id).where(*same).order_by(*order).limit(1).scalar_subquery()


_ITEMS = Statement(_heads(WORK_ITEM, ("priority", "model", "sender")))
_DELIVERIES = Statement(_heads(DELIVERY, ("destination", "priority")))


def item_groups(connection: Connection, patience: Patience, now: datetime) -> tuple[Group, ...]:
    """Groups of work items of which the first may begin at *now*."""
    found = (
        Group(state=row.state, priority=row.priority, model=row.model, sender=row.sender, waits_since=row.not_before)
        for row in _ITEMS.rows(connection)
    )
    return tuple(group for group in found if patience.is_due(group, now, queued=_QUEUED))


def delivery_groups(connection: Connection, patience: Patience, now: datetime) -> tuple[Group, ...]:
    """Groups of deliveries, by destination, of which the first may begin at *now*."""
    found = (
        Group(state=row.state, priority=row.priority, model=row.destination, sender="", waits_since=row.not_before)
        for row in _DELIVERIES.rows(connection)
    )
    return tuple(group for group in found if patience.is_due(group, now, queued=_QUEUED))


def next_item() -> ScalarSelect[str]:
    """The id of the first of a group that nobody else is claiming at this moment; of its columns by `given`."""
    return _first(WORK_ITEM, ("state", "priority", "model", "sender"))


def next_delivery() -> ScalarSelect[str]:
    """As `next_item`, of deliveries."""
    return _first(DELIVERY, ("state", "destination", "priority"))


def _first(table: Table, key: Sequence[str]) -> ScalarSelect[str]:
    same = [table.c[name] == given(table.c[name]) for name in key]
    first = select(table.c.id).where(*same).order_by(table.c.not_before).limit(1)
    return first.with_for_update(skip_locked=True).scalar_subquery()
