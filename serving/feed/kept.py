"""Messages of the feed that were refused, as a whole or in part: kept, listed, replayed after mending."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from sqlalchemy import Connection, insert, select, update

from serving.records.stay_schema import FEED_MESSAGE

_LONGEST_ID, _LONGEST_KIND = 64, 16


class KeptState(Enum):
    """Where a kept message stands."""

    #: Nothing of it was taken.
    REFUSED = "refused"
    #: Some segments were not taken.
    PARTLY = "partly"
    #: It was sent through again and taken.
    REPLAYED = "replayed"


@dataclass(frozen=True, kw_only=True)
class KeptMessage:
    """One message put aside; the body is personal data."""

    #: MSH-10; empty when not readable.
    control_id: str
    #: Message type and trigger event; empty when not readable.
    kind: str
    #: Where it stands.
    state: KeptState
    #: HL7 table 0357, or the first refused segment's reason code.
    reason_code: str
    #: What was found, required, and the way out.
    reason: str
    #: As it came.
    body: bytes
    #: When it came, UTC.
    received_at: datetime
    #: Its number; 0 until it is kept.
    id: int = 0


def keep_message(connection: Connection, kept: KeptMessage) -> None:
    """Put *kept* aside."""
    written = {
        "state": kept.state.value,
        "control_id": _storable(kept.control_id)[:_LONGEST_ID],
        "kind": _storable(kept.kind)[:_LONGEST_KIND],
    }
    row = {name: value for name, value in vars(kept).items() if name != "id"} | written
    connection.execute(insert(FEED_MESSAGE).values(**row))


def kept_messages(connection: Connection, *, limit: int, with_replayed: bool = False) -> tuple[KeptMessage, ...]:
    """The newest messages put aside, newest first."""
    wanted = select(FEED_MESSAGE).order_by(FEED_MESSAGE.c.id.desc()).limit(limit)
    if not with_replayed:
        wanted = wanted.where(FEED_MESSAGE.c.state != KeptState.REPLAYED.value)
    return tuple(_message(dict(row)) for row in connection.execute(wanted).mappings())


def kept_message(connection: Connection, number: int) -> KeptMessage | None:
    """The message with this *number*; None when there is none."""
    row = connection.execute(select(FEED_MESSAGE).where(FEED_MESSAGE.c.id == number)).mappings().one_or_none()
    return None if row is None else _message(dict(row))


def mark_replayed(connection: Connection, number: int, now: datetime) -> None:
    """Message *number* was taken at last."""
    connection.execute(
        update(FEED_MESSAGE).where(FEED_MESSAGE.c.id == number).values(state=KeptState.REPLAYED.value, replayed_at=now)
    )


def _storable(text: str) -> str:
    # PostgreSQL takes no NUL in a text; refused by the database, the message would be told to come again for ever.
    return text.replace("\0", "?")


def _message(row: dict[str, object]) -> KeptMessage:
    found = {name: row[name] for name in KeptMessage.__dataclass_fields__}
    return KeptMessage(**found | {"state": KeptState(row["state"])})  # type: ignore[arg-type]  # a row is untyped
