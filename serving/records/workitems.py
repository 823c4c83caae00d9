"""UPS work items that were created at our own door: kept, changed by the rules, and told of to subscribers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydicom.dataset import Dataset
from sqlalchemy import Connection, Select, delete, insert, or_, select, update

from dicom_io.ups import rules
from dicom_io.ups.errors import UnknownWorkitemError, WorkitemConflictError
from dicom_io.ups.workitem import FINAL, StepState
from serving.records import audit
from serving.records.workitem_schema import UPS_EVENT, UPS_SUBSCRIPTION, UPS_WORKITEM

#: Well-known UID that stands for all work items in a subscription (PS3.4 CC.2.3).
GLOBAL_SUBSCRIPTION = "1.2.840.10008.5.1.4.34.5"
#: UPS Push SOP Class: the Affected SOP Class of every event (PS3.4 CC.2.4).
_UPS_PUSH = "1.2.840.10008.5.1.4.34.6.1"
_STATE_REPORT, _CANCEL_REQUESTED, _PROGRESS_REPORT = 1, 2, 3

#: A dataset in the DICOM JSON Model (PS3.18 F).
Json = dict[str, Any]


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
    dataset.SOPInstanceUID, dataset.SOPClassUID = uid, _UPS_PUSH
    connection.execute(
        insert(UPS_WORKITEM).values(
            uid=uid,
            state=StepState.SCHEDULED.value,
            transaction_uid="",
            dataset=dataset.to_json_dict(),
            created_at=now,
            updated_at=now,
        )
    )
    audit.append(connection, "ups_created", uid, {})
    _tell(connection, uid, _STATE_REPORT, {"00741000": _value("CS", StepState.SCHEDULED.value)}, now)


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
    return KeptWorkitem(
        uid=row.uid,
        state=StepState(row.state),
        transaction_uid=row.transaction_uid,
        cancel_reason=row.cancel_reason,
        dataset=row.dataset,
    )


def find(connection: Connection, states: Sequence[StepState], limit: int) -> tuple[KeptWorkitem, ...]:
    """Work items in *states* (empty = in any), oldest first."""
    wanted = select(UPS_WORKITEM.c.uid).order_by(UPS_WORKITEM.c.created_at).limit(limit)
    if states:
        wanted = wanted.where(UPS_WORKITEM.c.state.in_([state.value for state in states]))
    return tuple(get(connection, uid) for uid in connection.scalars(wanted).all())


def change(connection: Connection, uid: str, changes: Dataset, transaction_uid: str, now: datetime) -> None:
    """Set the attributes of *changes*; a sequence replaces the one that was there (PS3.18 11.6).

    Raises:
        UnknownWorkitemError, WorkitemFormatError, WorkitemConflictError: it may not be changed so.
    """
    kept = _held(connection, uid)
    rules.check_update(kept.state, changes, claimed_by=kept.transaction_uid, given=transaction_uid)
    said = changes.to_json_dict()
    _write(connection, uid, now, dataset=kept.dataset | said)
    if "00741002" in said:
        _tell(connection, uid, _PROGRESS_REPORT, {"00741002": said["00741002"]}, now)


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


def request_cancel(connection: Connection, uid: str, reason: str, now: datetime) -> None:
    """Someone other than the performer asks to stop: done at once while nobody has claimed it (PS3.4 CC.2.2).

    Raises:
        UnknownWorkitemError: there is none.
        WorkitemConflictError: it has ended already.
    """
    kept = _held(connection, uid)
    if kept.state in FINAL:
        raise WorkitemConflictError(f"The work item is {kept.state.value}: there is nothing left to cancel.")
    _write(connection, uid, now, cancel_reason=reason)
    if kept.state is StepState.SCHEDULED:
        _set_state(connection, kept, StepState.CANCELED, now)
    else:
        _tell(connection, uid, _CANCEL_REQUESTED, {"00741238": _value("LT", reason)}, now)


def cancel_requested(connection: Connection) -> frozenset[str]:
    """Claimed work items that someone asks to stop."""
    going_on = UPS_WORKITEM.c.state == StepState.IN_PROGRESS.value
    return frozenset(
        connection.scalars(select(UPS_WORKITEM.c.uid).where(going_on, UPS_WORKITEM.c.cancel_reason.is_not(None)))
    )


def subscribe(connection: Connection, uid: str, ae_title: str, now: datetime) -> None:
    """Let *ae_title* hear of one work item, or of all (`GLOBAL_SUBSCRIPTION`); its state is told at once.

    Raises:
        UnknownWorkitemError: there is no such work item.
    """
    unsubscribe(connection, uid, ae_title)
    kept = None if uid == GLOBAL_SUBSCRIPTION else get(connection, uid)
    connection.execute(insert(UPS_SUBSCRIPTION).values(ae_title=ae_title, uid=uid))
    if kept is not None:
        report = _report(uid, _STATE_REPORT, {"00741000": _value("CS", kept.state.value)})
        connection.execute(insert(UPS_EVENT).values(ae_title=ae_title, at=now, report=report))


def unsubscribe(connection: Connection, uid: str, ae_title: str) -> None:
    """Let *ae_title* hear of it no more."""
    mine = (UPS_SUBSCRIPTION.c.ae_title == ae_title) & (UPS_SUBSCRIPTION.c.uid == uid)
    connection.execute(delete(UPS_SUBSCRIPTION).where(mine))


def take_events(connection: Connection, ae_title: str) -> tuple[Json, ...]:
    """What *ae_title* has not heard yet, in order; told once."""
    waiting = select(UPS_EVENT).where(UPS_EVENT.c.ae_title == ae_title).order_by(UPS_EVENT.c.id)
    rows = connection.execute(waiting).all()
    if rows:
        connection.execute(delete(UPS_EVENT).where(UPS_EVENT.c.id.in_([row.id for row in rows])))
    return tuple(row.report for row in rows)


def has_events(connection: Connection, ae_title: str) -> bool:
    """Whether there is anything to take; asked without the write lock."""
    return (
        connection.execute(select(UPS_EVENT.c.id).where(UPS_EVENT.c.ae_title == ae_title).limit(1)).first() is not None
    )


def _set_state(connection: Connection, kept: KeptWorkitem, to: StepState, now: datetime, **values: object) -> None:
    dataset = kept.dataset | {"00741000": _value("CS", to.value)}
    _write(connection, kept.uid, now, state=to.value, dataset=dataset, **values)
    audit.append(connection, f"ups_{to.name.lower()}", kept.uid, {})
    _tell(connection, kept.uid, _STATE_REPORT, {"00741000": _value("CS", to.value)}, now)


def _write(connection: Connection, uid: str, now: datetime, **values: object) -> None:
    connection.execute(update(UPS_WORKITEM).where(UPS_WORKITEM.c.uid == uid).values(updated_at=now, **values))


def _tell(connection: Connection, uid: str, event_type: int, said: Mapping[str, object], now: datetime) -> None:
    mine = or_(UPS_SUBSCRIPTION.c.uid == uid, UPS_SUBSCRIPTION.c.uid == GLOBAL_SUBSCRIPTION)
    for ae_title in connection.scalars(select(UPS_SUBSCRIPTION.c.ae_title).where(mine).distinct()).all():
        report = _report(uid, event_type, said)
        connection.execute(insert(UPS_EVENT).values(ae_title=ae_title, at=now, report=report))


def _report(uid: str, event_type: int, said: Mapping[str, object]) -> Json:
    """An event report (PS3.18 8.10.4 and 11.13)."""
    return {
        "00000002": _value("UI", _UPS_PUSH),
        "00001000": _value("UI", uid),
        "00001002": _value("US", event_type),
        **said,
    }


def _value(vr: str, value: str | int) -> Json:
    return {"vr": vr, "Value": [value]}
