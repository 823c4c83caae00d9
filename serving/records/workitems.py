"""UPS work items that were created at our own door: kept, changed by the rules, and told of to subscribers."""

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

from pydicom.dataset import Dataset
from sqlalchemy import Connection, Row, Select, insert, select, update

from dicom_io.ups import rules
from dicom_io.ups.errors import UnknownWorkitemError, WorkitemConflictError
from dicom_io.ups.matching import Keys, matches
from dicom_io.ups.performed import cancellation
from dicom_io.ups.workitem import FINAL, StepState
from serving.records import audit, subscriptions
from serving.records.subscriptions import Json
from serving.records.workitem_schema import UPS_WORKITEM

#: Contact URI, Contact Display Name, Procedure Step Discontinuation Reason Code Sequence and Requesting AE: what a UPS
#: Cancel Requested event says beside the reason (PS3.4 table CC.2.4-1).
_OF_CANCEL_REQUEST = frozenset({"0074100A", "0074100C", "0074100E", "00741236"})
#: They are kept for ever; read in parts of this many rows.
_PART = 200
_STATES = tuple(state.value for state in StepState)
_ALL = select(UPS_WORKITEM).order_by(UPS_WORKITEM.c.created_at, UPS_WORKITEM.c.uid)


@dataclass(frozen=True, kw_only=True)
class KeptWorkitem:
    """One row."""

    #: SOP Instance UID.
    uid: str
    #: Where it stands.
    state: StepState
    #: Of who has claimed it; empty while nobody has. Never told to anyone.
    transaction_uid: str
    #: Why someone asks to stop it; None when nobody does.
    cancel_reason: str | None
    #: Its attributes.
    dataset: Json


def create(connection: Connection, uid: str, dataset: Dataset, now: datetime) -> None:
    """Keep a new work item.

    Raises:
        WorkitemFormatError: it does not say what it must.
        WorkitemConflictError: there is one with this UID.
    """
    rules.check_new(uid, dataset)
    if connection.execute(select(UPS_WORKITEM.c.uid).where(UPS_WORKITEM.c.uid == uid)).one_or_none() is not None:
        raise WorkitemConflictError("There is a work item with this UID already; required: a UID of its own.")
    dataset.SOPInstanceUID, dataset.SOPClassUID = uid, subscriptions.UPS_PUSH
    kept = dataset.to_json_dict()
    connection.execute(
        insert(UPS_WORKITEM).values(
            uid=uid,
            state=StepState.SCHEDULED.value,
            transaction_uid="",
            dataset=kept,
            created_at=now,
            updated_at=now,
        )
    )
    audit.append(connection, "ups_created", uid, {})
    subscriptions.take_in(connection, uid, kept)
    subscriptions.tell_state(connection, uid, kept, now)
    if any(kept.get(tag, {}).get("Value") for tag in subscriptions.ASSIGNING):
        subscriptions.tell_assignment(connection, uid, kept, now)


def get(connection: Connection, uid: str) -> KeptWorkitem:
    """The work item *uid*.

    Raises:
        UnknownWorkitemError: there is none.
    """
    return _kept(connection, select(UPS_WORKITEM).where(UPS_WORKITEM.c.uid == uid))


def _held(connection: Connection, uid: str) -> KeptWorkitem:
    """The work item *uid*, which nobody else changes until the transaction ends: of two claims one must wait, and fail.

    Raises:
        UnknownWorkitemError: there is none.
    """
    return _kept(connection, select(UPS_WORKITEM).where(UPS_WORKITEM.c.uid == uid).with_for_update())


def _kept(connection: Connection, wanted: Select[tuple[Any, ...]]) -> KeptWorkitem:
    row = connection.execute(wanted).one_or_none()
    if row is None:
        raise UnknownWorkitemError
    return _of_row(row)


def _of_row(row: Row[Any]) -> KeptWorkitem:
    return KeptWorkitem(
        uid=row.uid,
        state=StepState(row.state),
        transaction_uid=row.transaction_uid,
        cancel_reason=row.cancel_reason,
        dataset=row.dataset,
    )


def find(connection: Connection, state: StepState, limit: int) -> tuple[KeptWorkitem, ...]:
    """Work items in *state*, oldest first."""
    wanted = _ALL.where(UPS_WORKITEM.c.state == state.value).limit(limit)
    return tuple(_of_row(row) for row in connection.execute(wanted))


def search(connection: Connection, keys: Keys, first: int, limit: int) -> tuple[Json, ...]:
    """The attributes of the work items that match *keys*, oldest first, from the *first* of them, counted from 0."""
    state = keys.get("00741000")
    # One whole state is found by its index; a wild card is not.
    wanted = _ALL.where(UPS_WORKITEM.c.state == state) if state in _STATES else _ALL
    with connection.execute(wanted, execution_options={"yield_per": _PART}) as rows:
        matching = (row.dataset for row in rows if matches(row.dataset, keys))
        return tuple(islice(matching, first, first + limit))


def change(connection: Connection, uid: str, changes: Dataset, transaction_uid: str, now: datetime) -> None:
    """Set the attributes of *changes*; a sequence replaces the one that was there (PS3.18 11.6).

    Raises:
        UnknownWorkitemError, WorkitemFormatError, WorkitemConflictError: it may not be changed so.
    """
    kept = _held(connection, uid)
    rules.check_update(kept.state, changes, claimed_by=kept.transaction_uid, given=transaction_uid)
    said = changes.to_json_dict()
    dataset = kept.dataset | said
    _write(connection, uid, now, dataset=dataset)
    if not said.keys().isdisjoint(subscriptions.ASSIGNING):
        subscriptions.tell_assignment(connection, uid, dataset, now)
    if "00741002" in said:
        progress = {"00741002": said["00741002"]}
        subscriptions.tell(connection, uid, subscriptions.PROGRESS_REPORT, progress, now)


def move(connection: Connection, uid: str, to: StepState, transaction_uid: str, now: datetime) -> bool:
    """Change the state; False when it was that already.

    Raises:
        UnknownWorkitemError, WorkitemFormatError, WorkitemConflictError: it may not be changed so.
    """
    kept = _held(connection, uid)
    if not rules.check_move(kept.state, to, claimed_by=kept.transaction_uid, given=transaction_uid):
        return False
    if to is StepState.COMPLETED:
        rules.check_complete(Dataset.from_json(kept.dataset))
    _set_state(connection, kept, to, now, transaction_uid=transaction_uid)
    return True


def request_cancel(connection: Connection, uid: str, said: Dataset, now: datetime) -> None:
    """Someone other than the performer asks to stop: done at once while nobody has claimed it (PS3.4 CC.2.2).

    Args:
        connection: within a transaction.
        uid: of the work item.
        said: who asks, and why.
        now: aware.

    Raises:
        UnknownWorkitemError: there is none.
        WorkitemConflictError: it has ended already.
    """
    kept = _held(connection, uid)
    if kept.state in FINAL:
        raise WorkitemConflictError(f"The work item is {kept.state.value}: there is nothing left to cancel.")
    reason = str(said.get("ReasonForCancellation") or "asked for without a reason")
    _write(connection, uid, now, cancel_reason=reason)
    if kept.state is StepState.SCHEDULED:
        why = cancellation(reason, now).to_json_dict()
        _set_state(connection, replace(kept, dataset=kept.dataset | why), StepState.CANCELED, now)
    else:
        told = {tag: value for tag, value in said.to_json_dict().items() if tag in _OF_CANCEL_REQUEST}
        asked = {"00741238": _value("LT", reason), **told}
        subscriptions.tell(connection, uid, subscriptions.CANCEL_REQUESTED, asked, now)


def cancel_requested(connection: Connection) -> frozenset[str]:
    """Claimed work items that someone asks to stop."""
    going_on = UPS_WORKITEM.c.state == StepState.IN_PROGRESS.value
    return frozenset(
        connection.scalars(select(UPS_WORKITEM.c.uid).where(going_on, UPS_WORKITEM.c.cancel_reason.is_not(None)))
    )


def _set_state(connection: Connection, kept: KeptWorkitem, to: StepState, now: datetime, **values: object) -> None:
    dataset = kept.dataset | {"00741000": _value("CS", to.value)}
    _write(connection, kept.uid, now, state=to.value, dataset=dataset, **values)
    audit.append(connection, f"ups_{to.name.lower()}", kept.uid, {})
    subscriptions.tell_state(connection, kept.uid, dataset, now)


def _write(connection: Connection, uid: str, now: datetime, **values: object) -> None:
    connection.execute(update(UPS_WORKITEM).where(UPS_WORKITEM.c.uid == uid).values(updated_at=now, **values))


def _value(vr: str, value: str | int) -> Json:
    return {"vr": vr, "Value": [value]}
