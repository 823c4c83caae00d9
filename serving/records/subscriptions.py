"""Who hears of UPS work items at our own door, and what they have not heard yet (PS3.4 CC.2.3, CC.2.4).

A subscription to all work items, or to those that match a filter, is one to each that is there and to each that comes,
so that a subscriber can leave one of them out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from dicom_io.ups.errors import UnknownWorkitemError
from dicom_io.ups.matching import Keys, matches
from dicom_io.ups.workitem import FINAL, StepState
from serving.records import audit
from serving.records.workitem_schema import UPS_EVENT, UPS_SUBSCRIPTION, UPS_WORKITEM

#: Well-known UIDs that stand for all work items, and for those that match, in a subscription (PS3.4 CC.2.3).
GLOBAL_SUBSCRIPTION = "1.2.840.10008.5.1.4.34.5"
FILTERED_SUBSCRIPTION = "1.2.840.10008.5.1.4.34.5.1"
WELL_KNOWN = frozenset({GLOBAL_SUBSCRIPTION, FILTERED_SUBSCRIPTION})
#: UPS Push SOP Class: the Affected SOP Class of every event (PS3.4 CC.2.4).
UPS_PUSH = "1.2.840.10008.5.1.4.34.6.1"
STATE_REPORT, CANCEL_REQUESTED, PROGRESS_REPORT, ASSIGNED = 1, 2, 3, 5

#: A dataset in the DICOM JSON Model (PS3.18 F).
Json = dict[str, Any]
#: Procedure Step State and Input Readiness State: what a UPS State Report says (PS3.4 table CC.2.4-1).
_STATES = ("00741000", "00404041")
#: Scheduled Station Name Code Sequence and Scheduled Human Performers Sequence: for whom a work item is meant.
ASSIGNING = ("00404025", "00404034")
#: Human Performer Code Sequence and Human Performer's Organization, of an item of the second.
_PERFORMER = ("00404009", "00404036")


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """What someone wants to hear of."""

    #: AE title of who hears.
    ae_title: str
    #: A work item, or one of `WELL_KNOWN`.
    uid: str
    #: What work items must match with `FILTERED_SUBSCRIPTION`; nothing with the others.
    keys: Keys
    #: Whether work items shall be kept for it. All are kept for ever, so it only means that of all there are the state
    #: is told at once (PS3.4 CC.2.4.3).
    is_locked: bool


def subscribe(connection: Connection, wanted: Subscription, now: datetime) -> None:
    """Let someone hear as *wanted*, in place of what they wanted of the same UID before.

    Raises:
        UnknownWorkitemError: there is no such work item.
    """
    # Written first: who creates a work item writes, too, so one of both sees the other.
    audit.append(connection, "ups_subscribed", wanted.uid, {"ae_title": wanted.ae_title})
    if wanted.uid in WELL_KNOWN:
        _subscribe_to_several(connection, wanted, now)
        return
    row = connection.execute(
        select(UPS_WORKITEM.c.state, UPS_WORKITEM.c.dataset).where(UPS_WORKITEM.c.uid == wanted.uid)
    ).one_or_none()
    if row is None:
        raise UnknownWorkitemError
    suspend(connection, wanted.uid, wanted.ae_title)
    if StepState(row.state) not in FINAL:
        _enrol(connection, wanted.ae_title, [wanted.uid], "")
    _keep(connection, [wanted.ae_title], _state_report(wanted.uid, row.dataset), now)


def unsubscribe(connection: Connection, uid: str, ae_title: str) -> None:
    """Let *ae_title* hear of *uid* no more: of `GLOBAL_SUBSCRIPTION`, of nothing any more."""
    mine = UPS_SUBSCRIPTION.c.ae_title == ae_title
    if uid != GLOBAL_SUBSCRIPTION:
        mine &= (UPS_SUBSCRIPTION.c.uid == uid) | (UPS_SUBSCRIPTION.c.brought_by == uid)
    connection.execute(delete(UPS_SUBSCRIPTION).where(mine))


def suspend(connection: Connection, uid: str, ae_title: str) -> None:
    """Let *ae_title* hear of no work item that comes from now on by *uid*, one of `WELL_KNOWN` (PS3.18 11.12)."""
    mine = (UPS_SUBSCRIPTION.c.ae_title == ae_title) & (UPS_SUBSCRIPTION.c.uid == uid)
    connection.execute(delete(UPS_SUBSCRIPTION).where(mine))


def take_in(connection: Connection, uid: str, dataset: Json) -> None:
    """Let those hear of the new work item *uid* who subscribed to all, or to what *dataset* matches."""
    # The UID of all comes first, and a subscriber to both is to lose nothing with its filter.
    wanted = select(UPS_SUBSCRIPTION).where(UPS_SUBSCRIPTION.c.uid.in_(WELL_KNOWN)).order_by(UPS_SUBSCRIPTION.c.uid)
    for row in connection.execute(wanted).all():
        if matches(dataset, row.matching or {}):
            _enrol(connection, row.ae_title, [uid], row.uid)


def tell(connection: Connection, uid: str, event_type: int, said: Mapping[str, object], now: datetime) -> None:
    """Keep an event of the work item *uid* for everyone who hears of it."""
    hearing = connection.scalars(select(UPS_SUBSCRIPTION.c.ae_title).where(UPS_SUBSCRIPTION.c.uid == uid)).all()
    _keep(connection, hearing, _report(uid, event_type, said), now)


def tell_state(connection: Connection, uid: str, dataset: Json, now: datetime) -> None:
    """Keep the state of the work item *uid* for everyone who hears of it; a final one is the last that they hear."""
    tell(connection, uid, STATE_REPORT, _states_of(dataset), now)
    if StepState(dataset["00741000"]["Value"][0]) in FINAL:
        connection.execute(delete(UPS_SUBSCRIPTION).where(UPS_SUBSCRIPTION.c.uid == uid))


def tell_assignment(connection: Connection, uid: str, dataset: Json, now: datetime) -> None:
    """Keep for everyone who hears of the work item *uid* for whom it is meant now (PS3.4 CC.2.4.3)."""
    tell(connection, uid, ASSIGNED, _assignment_of(dataset), now)


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


def _subscribe_to_several(connection: Connection, wanted: Subscription, now: datetime) -> None:
    if wanted.uid == GLOBAL_SUBSCRIPTION:
        # What a filter brought is now heard of with it and without it.
        mine = (UPS_SUBSCRIPTION.c.ae_title == wanted.ae_title) & (UPS_SUBSCRIPTION.c.brought_by != "")
        connection.execute(update(UPS_SUBSCRIPTION).where(mine).values(brought_by=wanted.uid))
        suspend(connection, wanted.uid, wanted.ae_title)
    else:
        unsubscribe(connection, wanted.uid, wanted.ae_title)
    values = {"ae_title": wanted.ae_title, "uid": wanted.uid, "matching": wanted.keys or None}
    connection.execute(insert(UPS_SUBSCRIPTION).values(values))
    asked = select(UPS_WORKITEM.c.uid, UPS_WORKITEM.c.state, UPS_WORKITEM.c.dataset).order_by(UPS_WORKITEM.c.created_at)
    if not wanted.is_locked:
        asked = asked.where(UPS_WORKITEM.c.state.not_in([state.value for state in FINAL]))
    there = [row for row in connection.execute(asked) if matches(row.dataset, wanted.keys)]
    open_ones = [row.uid for row in there if StepState(row.state) not in FINAL]
    _enrol(connection, wanted.ae_title, open_ones, wanted.uid)
    if wanted.is_locked:
        for row in there:
            _keep(connection, [wanted.ae_title], _state_report(row.uid, row.dataset), now)


def _enrol(connection: Connection, ae_title: str, uids: Iterable[str], brought_by: str) -> None:
    mine = select(UPS_SUBSCRIPTION.c.uid).where(UPS_SUBSCRIPTION.c.ae_title == ae_title)
    held = frozenset(connection.scalars(mine))
    rows = [{"ae_title": ae_title, "uid": uid, "brought_by": brought_by} for uid in uids if uid not in held]
    if rows:
        connection.execute(insert(UPS_SUBSCRIPTION), rows)


def _keep(connection: Connection, ae_titles: Iterable[str], report: Json, now: datetime) -> None:
    rows = [{"ae_title": ae_title, "at": now, "report": report} for ae_title in ae_titles]
    if rows:
        connection.execute(insert(UPS_EVENT), rows)


def _state_report(uid: str, dataset: Json) -> Json:
    return _report(uid, STATE_REPORT, _states_of(dataset))


def _states_of(dataset: Json) -> Json:
    return {tag: dataset[tag] for tag in _STATES if tag in dataset}


def _assignment_of(dataset: Json) -> Json:
    """What table CC.2.4-1 has of an assignment, and the sequence that the text beside it speaks of."""
    said = {tag: dataset[tag] for tag in ASSIGNING if dataset.get(tag, {}).get("Value")}
    people = [item for item in said.get(ASSIGNING[1], {}).get("Value", []) if isinstance(item, dict)]
    codes, organizations = ([item[tag] for item in people if item.get(tag, {}).get("Value")] for tag in _PERFORMER)
    if codes:
        said[_PERFORMER[0]] = {"vr": "SQ", "Value": [code for one in codes for code in one["Value"]]}
    if organizations:
        said[_PERFORMER[1]] = organizations[0]
    return said


def _report(uid: str, event_type: int, said: Mapping[str, object]) -> Json:
    """An event report (PS3.18 8.10.4 and 11.13)."""
    return {
        "00000002": {"vr": "UI", "Value": [UPS_PUSH]},
        "00001000": {"vr": "UI", "Value": [uid]},
        "00001002": {"vr": "US", "Value": [event_type]},
        **said,
    }
