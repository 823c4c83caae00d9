"""Which worker is alive, and what one that is not leaves behind.

Each worker process holds a lease under its node's name. Taking it draws a new *epoch*; holding it raises the *beat*. A
process may write only while the table still shows its own epoch (`fence.demand`), so that one which was believed dead,
and wakes up, changes nothing any more. Whether another is alive is judged by whether its beat moves on the observer's
own monotonic clock: no clock of two machines is ever compared.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from serving.errors import FencedError
from serving.records import work
from serving.records.fence import Lease
from serving.records.node_schema import NODE_LEASE
from serving.work.item import State

#: Epochs to draw from: what an INTEGER column holds.
_EPOCHS = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class Pulse:
    """A node's row as another sees it."""

    #: The node's name.
    node: str
    #: Its incarnation and how often that has said that it is alive.
    epoch: int
    beat: int


def take(connection: Connection, node: str) -> Lease:
    """Become *node*; whoever was it before may write nothing more."""
    # Drawn, not counted: a burial deletes the row, and a count would begin again with the number of the buried.
    epoch = secrets.randbelow(_EPOCHS) + 1
    taken = update(NODE_LEASE).where(NODE_LEASE.c.node == node).values(epoch=epoch, beat=0)
    if connection.execute(taken.returning(NODE_LEASE.c.node)).one_or_none() is None:
        connection.execute(insert(NODE_LEASE).values(node=node, epoch=epoch, beat=0))
    return Lease(node=node, epoch=epoch)


def renew(connection: Connection, lease: Lease) -> None:
    """Say that the holder of *lease* is alive.

    Raises:
        FencedError: the lease is another's by now.
    """
    held = (NODE_LEASE.c.node == lease.node) & (NODE_LEASE.c.epoch == lease.epoch)
    renewed = connection.execute(
        update(NODE_LEASE).where(held).values(beat=NODE_LEASE.c.beat + 1).returning(NODE_LEASE.c.node)
    )
    if renewed.one_or_none() is None:
        raise FencedError


def pulses(connection: Connection, *, besides: str) -> tuple[Pulse, ...]:
    """Every node's row but that of the node *besides*."""
    rows = connection.execute(select(NODE_LEASE).where(NODE_LEASE.c.node != besides))
    return tuple(Pulse(node=row.node, epoch=row.epoch, beat=row.beat) for row in rows)


def bury(connection: Connection, dead: Pulse, now: datetime) -> Sequence[str] | None:
    """End the right of *dead* and let others take what it had claimed.

    Returns:
        The ids of that work; None when it could not be: the node has beaten meanwhile, another has buried it, or it was
        cut off in the middle of a transaction that the database has yet to end (waiting would cost us our own beats).
    """
    still = (NODE_LEASE.c.node == dead.node) & (NODE_LEASE.c.epoch == dead.epoch) & (NODE_LEASE.c.beat == dead.beat)
    if connection.scalar(select(NODE_LEASE.c.node).where(still).with_for_update(skip_locked=True)) is None:
        return None
    connection.execute(delete(NODE_LEASE).where(NODE_LEASE.c.node == dead.node))
    return _put_back(connection, dead.node, now, "its node was lost")


def leave(connection: Connection, lease: Lease, now: datetime) -> None:
    """Give the *lease* back, and what was claimed under it and is not done."""
    _put_back(connection, lease.node, now, "its worker was stopped")
    connection.execute(delete(NODE_LEASE).where(NODE_LEASE.c.node == lease.node, NODE_LEASE.c.epoch == lease.epoch))


def _put_back(connection: Connection, node: str, now: datetime, reason: str) -> Sequence[str]:
    items, deliveries = work.claimed(connection, node)
    for item_id in items:
        work.move_item(connection, item_id, State.WAITING, now, not_before=now, reason=reason)
    for delivery_id in deliveries:
        work.put_back_delivery(connection, delivery_id, now)
    return (*items, *deliveries)
