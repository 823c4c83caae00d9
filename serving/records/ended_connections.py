"""Connections that PostgreSQL has ended are not handed out, and no question is put to find that out."""

import select
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection


def renew_ended(engine: Engine) -> None:
    """Let *engine* open its connections anew once the server has ended one of them, e.g. by a restart.

    SQLAlchemy's own ``pool_pre_ping`` asks the server each time a connection is handed out: a round trip.
    """
    event.listen(engine, "checkout", _demand_silence)


def _demand_silence(connection: Any, record: ConnectionPoolEntry, proxy: PoolProxiedConnection) -> None:
    """While nothing is asked the server says nothing but that it ends, or that a setting of its own has changed."""
    del record, proxy
    if connection.closed or _is_readable(connection.fileno()):
        raise InvalidatePoolError


def _is_readable(socket: int) -> bool:
    """Whether something lies there to be read, the end included."""
    watch = select.poll()
    watch.register(socket, select.POLLIN)
    return bool(watch.poll(0))
