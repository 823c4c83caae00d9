"""Whose turn it is to do what one node does for all."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, or_, update
from sqlalchemy.dialects import postgresql, sqlite

from serving.records.duty_schema import DUTY


def take_turn(connection: Connection, name: str, node: str, now: datetime, every: timedelta) -> bool:
    """Whether *node* is to do the duty *name* now; nobody else is then before *every* is over.

    A time further ahead than *every* was written by a clock that has been set back since, and does not count.
    """
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    first = dialect.insert(DUTY).values(name=name, next_at=now + every, node=node)
    if connection.execute(first.on_conflict_do_nothing().returning(DUTY.c.name)).one_or_none() is not None:
        return True
    due = or_(DUTY.c.next_at <= now, DUTY.c.next_at > now + every)
    taken = update(DUTY).where(DUTY.c.name == name, due).values(next_at=now + every, node=node)
    return connection.execute(taken.returning(DUTY.c.name)).one_or_none() is not None
