"""A message of the feed from its bytes to its acknowledgement: read, kept, answered."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

from sqlalchemy import Engine, event

from ehr_io.errors import NotHl7Error
from ehr_io.hl7.acknowledgement import AckCode, Acknowledgement, ErrorCondition, write_acknowledgement
from ehr_io.hl7.context import MessageRefusedError
from ehr_io.hl7.imaging_order import ImagingOrder
from ehr_io.hl7.message import Message, parse
from ehr_io.hl7.reader import REJECTED, MessageReading, ReaderSettings, read_message
from ehr_io.receive.reading import RefusalCode, ResourceRefusal
from ehr_io.told import Told
from serving.errors import DatabaseDownError
from serving.feed.group_commit import GroupCommit
from serving.feed.kept import KeptMessage, KeptState, keep_message
from serving.feed.orders import keep_order
from serving.records.database import writing
from serving.records.kept_connection import KeptConnection
from serving.records.stay_intake import Denied, StayIntake

_TOO_MANY_TO_NAME = 5


class FeedListener(Protocol):
    """Counts what comes."""

    def answered(self, kind: str, code: str, seconds: float) -> None:
        """A message of *kind* was answered with MSA-1 *code* after *seconds*."""

    def refused(self, door: str, reason_code: str) -> None:
        """A part of a message was refused."""


@dataclass(frozen=True, kw_only=True)
class FeedItem:
    """What one message leaves in the database."""

    #: What it told; None when it was refused as a whole.
    told: Told | None
    #: The message itself, when something of it was not taken.
    kept: KeptMessage | None
    #: When it came, UTC.
    received_at: datetime
    #: Imaging orders in it.
    orders: tuple[ImagingOrder, ...] = ()
    #: How it is put aside when its patient is not the one whose the stay is; None = it comes by a door that keeps none.
    if_denied: KeptMessage | None = None
    #: What was not kept for that reason; told by whoever keeps it, before it is done.
    denied: list[ResourceRefusal] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How one message is answered, once what it leaves is kept."""

    #: The message; None when it could not be parsed.
    message: Message | None
    #: Its answer.
    answer: Acknowledgement
    #: What it leaves.
    item: FeedItem

    @property
    def answer_when_kept(self) -> Acknowledgement:
        """Its answer, once it is known whether its patient is the one whose the stay is."""
        denied = self.item.denied
        if not denied:
            return self.answer
        return replace(
            self.answer, code=AckCode.ERROR, condition=ErrorCondition.UNKNOWN_KEY, text=f"PID-3: {denied[0].reason}"
        )


def keep_items(engine: Engine) -> Callable[[Sequence[FeedItem]], None]:
    """Keeps items on *engine*, all in one transaction."""
    stays, kept = StayIntake(engine.dialect), KeptConnection(engine)
    event.listen(engine, "engine_disposed", lambda _: kept.close())

    def keep(items: Sequence[FeedItem]) -> None:
        telling = [item for item in items if item.told is not None]
        tolds, now = [item.told for item in telling if item.told is not None], items[-1].received_at
        if not any(item.kept is not None or item.orders for item in items):
            denied = stays.keep_alone(kept, tolds, now)
        else:
            with writing(engine) as connection:
                denied = stays.keep(connection, tolds, now)
                for item in items:
                    if item.kept is not None:
                        keep_message(connection, item.kept)
                    for order in item.orders:
                        keep_order(connection, order, item.received_at)
        if denied:
            _put_aside(engine, {place: telling[place] for place in denied}, denied)

    return keep


def _put_aside(engine: Engine, items: Mapping[int, FeedItem], denied: Denied) -> None:
    """Keep the denied messages; rare, so in a transaction of its own: neither is acknowledged before it ends."""
    with writing(engine) as connection:
        for item in items.values():
            if item.if_denied is not None:
                keep_message(connection, item.if_denied)
    for place, item in items.items():
        item.denied[:] = denied[place]


class FeedNeck:
    """The one way in for messages; a handler of `ehr_io.hl7.server.MllpServer`."""

    def __init__(
        self,
        settings: ReaderSettings,
        commit: GroupCommit[FeedItem],
        listener: FeedListener,
        timeout_seconds: float,
    ) -> None:
        """Keep by *commit*, at most *timeout_seconds* long, and tell *listener*."""
        self._settings = settings
        self._commit = commit
        self._listener = listener
        self._timeout_seconds = timeout_seconds

    def answer(self, body: bytes) -> bytes:
        """Take the message *body*; what it told, or the message itself, is durable when this returns AA or AE."""
        began = time.perf_counter()
        now = datetime.now(UTC)
        verdict = judge(body, now, self._settings)
        answer = verdict.answer
        try:
            self._commit.keep(verdict.item, self._timeout_seconds)
            answer = verdict.answer_when_kept
        except DatabaseDownError as error:
            answer = Acknowledgement(
                code=AckCode.REJECT,
                control_id=answer.control_id,
                condition=ErrorCondition.INTERNAL,
                text=str(error),
            )
        self._count(verdict, answer, time.perf_counter() - began)
        return write_acknowledgement(answer, verdict.message, now)

    def _count(self, verdict: Verdict, answer: Acknowledgement, seconds: float) -> None:
        kind = "" if verdict.message is None else verdict.message.kind
        is_known = answer.condition not in {ErrorCondition.MESSAGE_TYPE, ErrorCondition.EVENT_CODE}
        self._listener.answered(kind if kind and is_known else "other", answer.code.value, seconds)
        told = verdict.item.told
        for refusal in () if told is None or answer.code is not AckCode.ACCEPT else told.refusals:
            self._listener.refused("hl7", refusal.reason_code.value)


def judge(body: bytes, now: datetime, settings: ReaderSettings) -> Verdict:
    """What *body*, which came at *now*, is answered with and leaves."""
    message: Message | None = None
    try:
        message = parse(body)
        reading = read_message(message, now, settings)
    except NotHl7Error as error:
        return _refused(body, now, message, ErrorCondition.SEGMENT_SEQUENCE, str(error))
    except MessageRefusedError as error:
        return _refused(body, now, message, error.condition, str(error))
    return _taken(body, now, message, reading)


def _taken(body: bytes, now: datetime, message: Message, reading: MessageReading) -> Verdict:
    told = reading.told
    kept = None
    if told.refusals:
        named = "; ".join(f"{one.source}: {one.reason}" for one in told.refusals[:_TOO_MANY_TO_NAME])
        kept = KeptMessage(
            control_id=message.control_id,
            kind=message.kind,
            state=KeptState.PARTLY,
            reason_code=told.refusals[0].reason_code.value,
            reason=named,
            body=body,
            received_at=now,
        )
    answer = Acknowledgement(
        code=AckCode.ACCEPT, control_id=message.control_id, text="" if kept is None else f"in part: {kept.reason}"
    )
    if_denied = KeptMessage(
        control_id=message.control_id,
        kind=message.kind,
        state=KeptState.REFUSED,
        reason_code=RefusalCode.WRONG_PATIENT.value,
        reason="PID-3 is not the patient whose the stay (PV1-19) is; check both, or replay it after the merge",
        body=body,
        received_at=now,
    )
    item = FeedItem(told=told, kept=kept, received_at=now, orders=reading.orders, if_denied=if_denied)
    return Verdict(message=message, answer=answer, item=item)


def _refused(body: bytes, now: datetime, message: Message | None, condition: ErrorCondition, reason: str) -> Verdict:
    control_id = "" if message is None else message.control_id
    kept = KeptMessage(
        control_id=control_id,
        kind="" if message is None else message.kind,
        state=KeptState.REFUSED,
        reason_code=condition.name.lower(),
        reason=reason,
        body=body,
        received_at=now,
    )
    code = AckCode.REJECT if condition in REJECTED else AckCode.ERROR
    return Verdict(
        message=message,
        answer=Acknowledgement(code=code, control_id=control_id, condition=condition, text=reason),
        item=FeedItem(told=None, kept=kept, received_at=now),
    )
