"""Taking a result back wherever it arrived: a rejection note to archives, a deletion to the RIS and the record."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, select, update

from dicom_io.findings import AlgorithmIdentity
from dicom_io.results.withdrawal import Withdrawal, WithdrawalReason, write_withdrawal
from dicom_io.uids import derive_uid
from ehr_io.results.diagnostic_report import withdrawn_report
from ehr_io.results.imaging_wording import withdrawn
from ehr_io.results.oru import withdrawn_oru
from serving.dispatch import Dispatch, Stored
from serving.errors import NotWithdrawnError
from serving.messages import MessageKind, write_message
from serving.records import audit, ledger, results, work
from serving.records.database import reading, writing
from serving.records.ledger import LedgerObject
from serving.records.schema import DELIVERY, WORK_ITEM
from serving.records.work import WorkItem
from serving.supersede import earlier_objects
from serving.work.item import DeliveryState, Purpose, State

_MESSAGES = frozenset(kind.value for kind in MessageKind)


@dataclass(frozen=True, kw_only=True)
class Retraction:
    """A person's decision to take a result back."""

    #: Whose result.
    work_item_id: str
    #: Why, from a closed set.
    reason: WithdrawalReason
    #: Why, in words for the RIS and the record; nothing about a patient.
    words: str
    #: Who decided.
    actor: str


class Withdrawer:
    """Writes and queues what takes a result back."""

    def __init__(self, engine: Engine, results_dir: Path, language: str) -> None:
        """Record on *engine*, write below *results_dir*, speak *language*."""
        self._engine = engine
        self._results_dir = results_dir
        self._language = language

    def withdraw(self, retraction: Retraction) -> tuple[str, ...]:
        """Queue the withdrawal to every destination that has the result; their names.

        What was still to be sent is called off.

        Raises:
            CaseNotFoundError: there is no such work item.
            NotWithdrawnError: nothing of it arrived anywhere, it is being sent now, or it was taken back before.
            ConformanceError: the note breaks a rule and was not written.
        """
        now = datetime.now(UTC)
        with reading(self._engine) as connection:
            item = work.get_item(connection, retraction.work_item_id)
            arrived = _arrived(connection, item)
        written: list[tuple[str, Stored]] = [
            (destination, self._write(item, destination, objects, retraction, now))
            for destination, objects in arrived.items()
        ]
        with writing(self._engine) as connection:
            _call_off(connection, item.id, now)
            _keep(connection, item, written, now)
            _say(connection, item, retraction, now)
        return tuple(arrived)

    def _write(
        self, item: WorkItem, destination: str, objects: Sequence[LedgerObject], retraction: Retraction, now: datetime
    ) -> Stored:
        directory = self._results_dir / item.id
        (first, *_) = objects
        if first.kind not in _MESSAGES:
            return write_withdrawal(_rejection(item, objects, retraction, now, self._language), directory)
        words = withdrawn(retraction.words, self._language)
        kind = MessageKind(first.kind)
        if kind is MessageKind.ORU:
            content = withdrawn_oru(first.path.read_bytes(), words, now)
        else:
            content = json.dumps(withdrawn_report(json.loads(first.path.read_bytes()), words)).encode()
        uid = derive_uid("withdrawal", item.id, destination)
        return write_message(kind, destination, uid, content, directory)


def _arrived(connection: Connection, item: WorkItem) -> dict[str, tuple[LedgerObject, ...]]:
    """Destination -> what it has of *item*."""
    deliveries = connection.execute(select(DELIVERY).where(DELIVERY.c.work_item_id == item.id)).all()
    if any(one.purpose == Purpose.WITHDRAWAL.value for one in deliveries):
        raise NotWithdrawnError(f"'{item.id}' was withdrawn before; see `varsel work show {item.id}`")
    if any(one.state == DeliveryState.INTENT.value for one in deliveries):
        raise NotWithdrawnError(f"'{item.id}' is being sent at this moment; withdraw it when it has arrived")
    there = {one.destination: ledger.told_objects_of(connection, one.id) for one in deliveries}
    there = {destination: objects for destination, objects in there.items() if objects}
    if not there:
        raise NotWithdrawnError(f"nothing of '{item.id}' arrived anywhere; call it off with `varsel work cancel`")
    if not all(one.is_here for objects in there.values() for one in objects):
        raise NotWithdrawnError(
            f"the objects of '{item.id}' were cleared away here (retention.results_days), and a note that takes them "
            "back repeats what they say; take them back at the archive itself"
        )
    return there


def _rejection(
    item: WorkItem, objects: Sequence[LedgerObject], retraction: Retraction, now: datetime, language: str
) -> Withdrawal:
    return Withdrawal(
        study_instance_uid=item.case_id,
        objects=earlier_objects(objects),
        reason=retraction.reason,
        algorithm=AlgorithmIdentity(name=item.model, version=item.model_version, digest=item.release_digest),
        created_at=now.isoformat(timespec="seconds"),
        language=language,
    )


def _call_off(connection: Connection, item_id: str, now: datetime) -> None:
    waits = [state.value for state in (DeliveryState.QUEUED, DeliveryState.WAITING, DeliveryState.DEAD)]
    mine = (DELIVERY.c.work_item_id == item_id) & DELIVERY.c.state.in_(waits)
    for delivery_id in connection.scalars(select(DELIVERY.c.id).where(mine)).all():
        ledger.move(connection, delivery_id, DeliveryState.CANCELLED, now, reason="the result was withdrawn")


def _keep(connection: Connection, item: WorkItem, written: Sequence[tuple[str, Stored]], now: datetime) -> None:
    # Two archives that hold the same objects get the same note.
    distinct = tuple({one.sop_instance_uid: one for _, one in written}.values())
    notes = [one for one in distinct if one.sop_class_uid]
    results.keep_objects(connection, item.id, notes, now, kind=ledger.NOTE)
    results.keep_objects(connection, item.id, [one for one in distinct if one not in notes], now)
    dispatches = [
        Dispatch(destination=name, objects=(one.sop_instance_uid,), purpose=Purpose.WITHDRAWAL) for name, one in written
    ]
    results.queue_deliveries(connection, item, dispatches, now)


def _say(connection: Connection, item: WorkItem, retraction: Retraction, now: datetime) -> None:
    told = {"reason_code": "withdrawn", "reason": f"withdrawn: {retraction.words}"}
    connection.execute(update(WORK_ITEM).where(WORK_ITEM.c.id == item.id).values(**told))
    work.note(connection, item.id, now, State(item.state), told["reason"])
    detail = {"actor": retraction.actor, "reason": retraction.reason.value, "words": retraction.words}
    audit.append(connection, "withdrawn", item.id, detail)
