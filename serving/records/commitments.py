"""Storage commitments in the ledger: due, asked, kept, denied, asked anew."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from dicom_io.commitment import CommitmentReport
from serving.records import audit, ledger, work
from serving.records.delivery_schema import COMMITMENT
from serving.records.ledger import LedgerObject
from serving.records.schema import DELIVERY
from serving.work.item import CommitmentState, DeliveryState, Purpose, State

#: An archive that denies so often what it accepted is left to a person.
_MAXIMUM_DENIALS = 3
#: Wait before what was denied is sent again.
_AFTER_DENIAL = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What a report meant."""

    #: Name of the destination.
    destination: str
    #: Kept or denied.
    state: CommitmentState


def due(connection: Connection, destinations: Collection[str], now: datetime) -> tuple[tuple[str, str], ...]:
    """(delivery id, destination) of what one of *destinations* accepted and is to commit."""
    is_due = (DELIVERY.c.commit_at <= now) & DELIVERY.c.destination.in_(destinations)
    accepted = DELIVERY.c.state == DeliveryState.ACCEPTED.value
    chosen = select(DELIVERY.c.id, DELIVERY.c.destination).where(is_due, accepted).order_by(DELIVERY.c.commit_at)
    return tuple((row.id, row.destination) for row in connection.execute(chosen.limit(100)))


def begin(
    connection: Connection, delivery_id: str, transaction_uid: str, now: datetime, answer_by: datetime
) -> tuple[LedgerObject, ...]:
    """Write down that a request is about to be sent; its objects, none where another node was quicker."""
    mine = (DELIVERY.c.id == delivery_id) & (DELIVERY.c.commit_at <= now)
    taken = connection.execute(update(DELIVERY).where(mine).values(commit_at=answer_by).returning(DELIVERY.c.id))
    if taken.one_or_none() is None:
        return ()
    unanswered = (COMMITMENT.c.delivery_id == delivery_id) & (COMMITMENT.c.state == CommitmentState.ASKED.value)
    connection.execute(update(COMMITMENT).where(unanswered).values(state=CommitmentState.EXPIRED.value))
    asked = {"state": CommitmentState.ASKED.value, "asked_at": now, "answer_by": answer_by}
    connection.execute(insert(COMMITMENT).values(transaction_uid=transaction_uid, delivery_id=delivery_id, **asked))
    return tuple(one for one in ledger.objects_of(connection, delivery_id) if one.has_arrived)


def answer(connection: Connection, report: CommitmentReport, now: datetime) -> Answered | None:
    """Enter a report into the ledger; None when the request is not ours, or was answered before.

    What the archive denies is sent again, and after three denials put aside.
    """
    # An expired request may be answered late; its word counts all the same.
    is_open = COMMITMENT.c.state.in_((CommitmentState.ASKED.value, CommitmentState.EXPIRED.value))
    asked = (COMMITMENT.c.transaction_uid == report.transaction_uid) & is_open
    state = CommitmentState.DENIED if report.failed else CommitmentState.KEPT
    answered = update(COMMITMENT).where(asked).values(state=state.value, answered_at=now)
    delivery_id = connection.scalar(answered.returning(COMMITMENT.c.delivery_id))
    if delivery_id is None:
        return None
    delivery = work.get_delivery(connection, delivery_id)
    if delivery.state is DeliveryState.ACCEPTED:
        objects = ledger.objects_of(connection, delivery_id)
        ours = {one.sop_instance_uid for one in objects if one.has_arrived}
        ledger.commit(connection, delivery_id, ours & report.committed, now)
        denied = {uid: reason for uid, reason in report.failed.items() if uid in ours}
        if denied:
            _deny(connection, delivery, denied, now)
        elif ours <= report.committed:
            ledger.move(connection, delivery_id, DeliveryState.COMMITTED, now, commit_at=None)
            audit.append(connection, "committed", delivery_id, {"destination": delivery.destination})
    return Answered(destination=delivery.destination, state=state)


def _deny(connection: Connection, delivery: work.Delivery, denied: dict[str, str], now: datetime) -> None:
    """Send what was denied again, or put it aside."""
    reason = f"accepted, but later denied by the archive: {next(iter(denied.values()))}"
    ledger.reopen(connection, delivery.id, denied.keys(), reason)
    denials = 1 + (connection.scalar(select(DELIVERY.c.denials).where(DELIVERY.c.id == delivery.id)) or 0)
    audit.append(connection, "commitment_denied", delivery.id, {"objects": [*denied], "denials": denials})
    values = {"denials": denials, "commit_at": None, "reason": reason}
    is_result = delivery.purpose is Purpose.RESULT
    if is_result:
        work.move_item(connection, delivery.work_item_id, State.DELIVERING, now, reason=reason, finished_at=None)
    if denials < _MAXIMUM_DENIALS:
        # No attempt counted: the archive's word that it holds them is the very thing in doubt, so it is not asked.
        again = {"attempts": 0, "not_before": now + _AFTER_DENIAL}
        ledger.move(connection, delivery.id, DeliveryState.WAITING, now, failure="transient", **values, **again)
        return
    ledger.move(connection, delivery.id, DeliveryState.DEAD, now, failure="refused", **values)
    if is_result:
        ending = {"reason_code": "delivery_dead", "reason": reason, "finished_at": now}
        work.move_item(connection, delivery.work_item_id, State.FAILED, now, **ending)


def put_off(connection: Connection, delivery_id: str, again_at: datetime) -> None:
    """The archive could not be asked; it is again at *again_at*."""
    waits = (DELIVERY.c.id == delivery_id) & (DELIVERY.c.state == DeliveryState.ACCEPTED.value)
    connection.execute(update(DELIVERY).where(waits).values(commit_at=again_at))
