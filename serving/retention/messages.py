"""Messages of the HL7 feed that were refused, then mended and taken."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Engine, and_, delete, func, select

from serving.feed.kept import KeptState
from serving.records.database import reading, writing
from serving.records.stay_schema import FEED_MESSAGE
from serving.retention.broom import Clearable, Kind


class MessageBroom:
    """Clears messages that were replayed; one that was not waits for a person, however old."""

    def __init__(self, engine: Engine, keep: timedelta) -> None:
        """Keep replayed messages for *keep*."""
        self._engine = engine
        self._keep = keep

    def find(self, now: datetime) -> Iterable[Clearable]:
        """Replayed messages that are old enough; see `Broom.find`."""
        taken = FEED_MESSAGE.c.state == KeptState.REPLAYED.value
        size = func.length(FEED_MESSAGE.c.body)
        wanted = select(FEED_MESSAGE.c.id, FEED_MESSAGE.c.replayed_at, size).where(
            and_(taken, FEED_MESSAGE.c.replayed_at < now - self._keep)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(wanted).all()
        why = f"taken at last {self._keep.total_seconds() / 86400:g} days ago or earlier"
        for number, since, length in rows:
            yield Clearable(
                kind=Kind.MESSAGE, subject=str(number), count=1, size_bytes=int(length), since=since, why=why
            )

    def clear(self, found: Clearable, now: datetime) -> int:
        """Forget the message; see `Broom.clear`."""
        del now
        mine = and_(FEED_MESSAGE.c.id == int(found.subject), FEED_MESSAGE.c.state == KeptState.REPLAYED.value)
        with writing(self._engine) as connection:
            gone = connection.execute(delete(FEED_MESSAGE).where(mine)).rowcount
        return found.size_bytes if gone else 0
