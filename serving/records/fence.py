"""Nothing is written by a process that has lost the right to."""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select

from serving.errors import FencedError
from serving.records.node_schema import NODE_LEASE
from serving.records.statements import Statement, given

#: Under this name an engine carries the lease that its writing transactions need.
_OPTION = "lease"
_EPOCH = Statement(
    select(NODE_LEASE.c.epoch).where(NODE_LEASE.c.node == given(NODE_LEASE.c.node)).with_for_update(read=True)
)


@dataclass(frozen=True, kw_only=True)
class Lease:
    """The right of one process to work as a node."""

    #: The node's name.
    node: str
    #: Which incarnation of it, drawn anew by each; a newer one ends the right of every older.
    epoch: int


def under(engine: Engine, lease: Lease) -> Engine:
    """*engine* for a process that may write only while it holds *lease*."""
    return engine.execution_options(**{_OPTION: lease})


def demand(connection: Connection) -> None:
    """That the lease under which *connection* works still holds; on PostgreSQL it cannot be taken until the end.

    Raises:
        FencedError: it does not.
    """
    lease: Lease | None = connection.get_execution_options().get(_OPTION)
    if lease is None:
        return
    row = _EPOCH.first(connection, the_node=lease.node)
    if row is None or row.epoch != lease.epoch:
        raise FencedError
