"""The delivery ledger: which object stands where at which destination, and how it came there."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, select, update

from serving.records import audit, work
from serving.records.delivery_schema import DELIVERY_HISTORY, DELIVERY_OBJECT
from serving.records.schema import DELIVERY, RESULT, WORK_ITEM
from serving.records.statements import Insertion, Statement, given, new_values, setting
from serving.records.work import Delivery, WorkItem
from serving.work.item import DeliveryState, ObjectState, Purpose, State
from serving.work.retry import RetryDecision

#: Kind of a rejection note, which speaks of other objects and is never itself taken back.
NOTE = "note"
_ARRIVED = (ObjectState.ACCEPTED, ObjectState.COMMITTED)
_DEAD = {DeliveryState.DEAD.value}
_CALLED_OFF = {DeliveryState.CANCELLED.value}
#: States in which a delivery holds nothing up any more.
_SETTLED = {DeliveryState.ACCEPTED.value, DeliveryState.COMMITTED.value} | _CALLED_OFF


@dataclass(frozen=True, kw_only=True)
class LedgerObject:
    """One stored object on its way to one destination."""

    #: Where it belongs: Study and Series Instance UID.
    study_instance_uid: str
    series_instance_uid: str
    #: Its identity.
    sop_class_uid: str
    sop_instance_uid: str
    #: dicom_io.results.kinds.ResultKind value, the kind of message, or ``note``.
    kind: str
    #: Where its bytes lie; empty once they were cleared away.
    path: Path
    #: Where it stands.
    state: ObjectState
    #: Why it was refused or is sent again; empty otherwise.
    reason: str
    #: Which findings it tells; empty where it tells all.
    part: str

    @property
    def is_here(self) -> bool:
        """Whether its bytes are still kept here."""
        return self.path != Path()

    @property
    def has_arrived(self) -> bool:
        """Whether the destination said that it has it."""
        return self.state in _ARRIVED

    def tells_what(self, other: "LedgerObject") -> bool:
        """Whether it tells the findings that *other* tells, or some of them where that tells all."""
        return self.part in ("", other.part) or not other.part


_ENTER = Insertion(DELIVERY_OBJECT)
_NOTE = Insertion(DELIVERY_HISTORY)
_OBJECTS = Statement(
    select(
        *(DELIVERY_OBJECT.c[name] for name in ("sop_instance_uid", "state", "reason")),
        *(RESULT.c[name] for name in ("series_instance_uid", "sop_class_uid", "kind", "path", "part")),
        WORK_ITEM.c.case_id,
    )
    .join_from(DELIVERY_OBJECT, RESULT, RESULT.c.sop_instance_uid == DELIVERY_OBJECT.c.sop_instance_uid)
    .join(WORK_ITEM)
    .where(DELIVERY_OBJECT.c.delivery_id == given(DELIVERY_OBJECT.c.delivery_id))
    .order_by(DELIVERY_OBJECT.c.position)
)
_SENT = Statement(
    select(DELIVERY.c.state, DELIVERY.c.reason).where(
        DELIVERY.c.work_item_id == given(DELIVERY.c.work_item_id), DELIVERY.c.purpose == Purpose.RESULT.value
    )
)
_TIMES = Statement(select(WORK_ITEM.c.input_at, WORK_ITEM.c.timings).where(WORK_ITEM.c.id == given(WORK_ITEM.c.id)))


@cache
def _change(table: Table, columns: frozenset[str]) -> Statement:
    """New values of *columns* in the row that the key names."""
    mine = [one == given(one) for one in table.primary_key]
    return Statement(update(table).where(*mine).values(setting(table, columns)))


def enter(connection: Connection, delivery_id: str, uids: Sequence[str], reserve: Sequence[str] = ()) -> None:
    """Write the objects of a delivery into the ledger, in the order they are sent; *reserve* waits for a refusal."""
    states = [(uid, ObjectState.QUEUED) for uid in uids] + [(uid, ObjectState.RESERVE) for uid in reserve]
    for place, (uid, state) in enumerate(states):
        row = {"delivery_id": delivery_id, "sop_instance_uid": uid, "position": place, "state": state.value}
        _ENTER.add(connection, **row)


def objects_of(connection: Connection, delivery_id: str) -> tuple[LedgerObject, ...]:
    """The objects of a delivery in the order they are sent."""
    return tuple(
        LedgerObject(
            study_instance_uid=row.case_id,
            series_instance_uid=row.series_instance_uid,
            sop_class_uid=row.sop_class_uid,
            sop_instance_uid=row.sop_instance_uid,
            kind=row.kind,
            path=Path(row.path),
            state=ObjectState(row.state),
            reason=row.reason,
            part=row.part,
        )
        for row in _OBJECTS.rows(connection, the_delivery_id=delivery_id)
    )


def was_told_before(connection: Connection, item: WorkItem, destination: str) -> bool:
    """Whether *destination* has an answer of the same model on an earlier generation of the same case."""
    earlier = (
        (WORK_ITEM.c.case_id == item.case_id)
        & (WORK_ITEM.c.model == item.model)
        & (WORK_ITEM.c.generation < item.generation)
    )
    arrived = (DELIVERY.c.destination == destination) & DELIVERY.c.accepted_at.is_not(None)
    return connection.scalar(select(DELIVERY.c.id).join(WORK_ITEM).where(earlier, arrived).limit(1)) is not None


def arrived_before(connection: Connection, item: WorkItem) -> dict[str, tuple[LedgerObject, ...]]:
    """Destination -> the DICOM objects of the newest earlier generation of the same case and model that it has.

    Also those of a delivery that was called off before all of it had arrived.
    """
    earlier = (
        (WORK_ITEM.c.case_id == item.case_id)
        & (WORK_ITEM.c.model == item.model)
        & (WORK_ITEM.c.generation < item.generation)
        & (DELIVERY.c.purpose == Purpose.RESULT.value)
    )
    found: dict[str, tuple[LedgerObject, ...]] = {}
    newest_first = select(DELIVERY.c.id, DELIVERY.c.destination).join(WORK_ITEM).where(earlier)
    for row in connection.execute(newest_first.order_by(WORK_ITEM.c.generation.desc())):
        objects = tuple(one for one in told_objects_of(connection, row.id) if one.sop_class_uid)
        if objects:
            found.setdefault(row.destination, objects)
    return found


def told_objects_of(connection: Connection, delivery_id: str) -> tuple[LedgerObject, ...]:
    """What arrived of a delivery and says something about the patient: objects and messages, no notes."""
    return tuple(one for one in objects_of(connection, delivery_id) if one.has_arrived and one.kind != NOTE)


def accept(connection: Connection, delivery_id: str, uids: Collection[str], now: datetime) -> None:
    """The destination said that it has these."""
    _move(connection, delivery_id, uids, state=ObjectState.ACCEPTED.value, reason="", accepted_at=now)


def commit(connection: Connection, delivery_id: str, uids: Collection[str], now: datetime) -> None:
    """The destination has taken responsibility for these."""
    _move(connection, delivery_id, uids, state=ObjectState.COMMITTED.value, committed_at=now)


def refuse(connection: Connection, delivery_id: str, reasons: Mapping[str, str]) -> None:
    """The destination will not take these, each with its reason."""
    for uid, reason in reasons.items():
        _move(connection, delivery_id, [uid], state=ObjectState.REFUSED.value, reason=reason)


def reopen(connection: Connection, delivery_id: str, uids: Collection[str], reason: str = "") -> None:
    """These are to be sent (again)."""
    _move(connection, delivery_id, uids, state=ObjectState.QUEUED.value, reason=reason)


def fall_back(connection: Connection, delivery_id: str, kinds: Collection[str]) -> bool:
    """Send what stands in reserve for what was refused; whether something of *kinds* tells the findings of each.

    Of two SRs of one report each falls back for itself: the one that was taken tells nothing of the other's findings.
    """
    objects = objects_of(connection, delivery_id)
    refused = [one for one in objects if one.state is ObjectState.REFUSED]
    reserve = [one for one in objects if one.state is ObjectState.RESERVE and any(map(one.tells_what, refused))]
    reopen(connection, delivery_id, [one.sop_instance_uid for one in reserve])
    there = [one for one in objects if one.kind in kinds and one.state is not ObjectState.REFUSED]
    return all(any(one.tells_what(lost) for one in there) for lost in refused)


def move(
    connection: Connection, delivery_id: str, to: DeliveryState, now: datetime, *, failure: str = "", **values: Any
) -> None:
    """Move a delivery to *to* with further column *values*, and write it into its history."""
    changed = {"state": to.value, **values}
    _change(DELIVERY, frozenset(changed)).run(connection, the_id=delivery_id, **new_values(changed))
    detail = str(values.get("reason", ""))
    _NOTE.add(connection, delivery_id=delivery_id, at=now, state=to.value, failure=failure, detail=detail)


def settle_failure(
    connection: Connection, delivery: Delivery, decision: RetryDecision, reason: str, now: datetime
) -> DeliveryState:
    """After a try of *delivery* failed for *reason*: it waits for the next one, or is put aside with its work item."""
    if decision.again_at is not None:
        later = {"reason": reason, "not_before": decision.again_at, "unended": 0}
        move(connection, delivery.id, DeliveryState.WAITING, now, failure=decision.kind.value, **later)
        return DeliveryState.WAITING
    move(connection, delivery.id, DeliveryState.DEAD, now, failure=decision.kind.value, reason=reason)
    audit.append(connection, "delivery_dead", delivery.id, {"destination": delivery.destination})
    if delivery.purpose is Purpose.RESULT:
        ending = {"reason_code": "delivery_dead", "reason": reason, "finished_at": now}
        work.move_item(connection, delivery.work_item_id, State.FAILED, now, **ending)
    return DeliveryState.DEAD


def finish_when_all_arrived(connection: Connection, item_id: str, now: datetime) -> None:
    """Close the work item once nothing of its result is under way any more: done, or failed where a part is dead."""
    sent = _SENT.rows(connection, the_work_item_id=item_id)
    states = {one.state for one in sent}
    if not states <= _SETTLED | _DEAD:
        return
    if states & _DEAD:
        # It has failed already, unless another archive's denial has opened it again meanwhile.
        reason = next(one.reason for one in sent if one.state in _DEAD)
        ending = {"reason_code": "delivery_dead", "reason": reason, "finished_at": now}
        work.move_item(connection, item_id, State.FAILED, now, **ending)
        return
    row = _TIMES.first(connection, the_id=item_id)
    stored = {} if states == _CALLED_OFF else {"received_to_stored": round((now - row.input_at).total_seconds(), 4)}
    # Sent a second time, because the archive lost it, it does not count as slow.
    work.move_item(connection, item_id, State.DONE, now, finished_at=now, timings=stored | row.timings)


def _move(connection: Connection, delivery_id: str, uids: Collection[str], **values: Any) -> None:
    change = _change(DELIVERY_OBJECT, frozenset(values))
    for uid in uids:
        named = {"the_delivery_id": delivery_id, "the_sop_instance_uid": uid}
        change.run(connection, **named, **new_values(values))
