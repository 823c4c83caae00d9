"""What others say about studies: which instances will come, and how urgent it is. A hint only ever helps.

An expectation closes a study sooner when all that it names is here; it never keeps one open. A priority is taken from
an order or a requester for a limited time; it never reaches into an image.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, Row, and_, delete, exists, insert, or_, select, update

from dicom_io.receive.notifications import Notification, StepState
from dicom_io.uids import derive_uid
from serving.records import work
from serving.records.schema import DELIVERY, INSTANCE, STUDY, WORK_ITEM
from serving.records.statements import Statement, given
from serving.records.workitem_schema import EXPECTATION, EXPECTED_INSTANCE, PRIORITY_HINT
from serving.rules import Route
from serving.work.item import DeliveryState, State


class HintSource(Enum):
    """Who says how urgent a study is."""

    #: An order (HL7 v2 ORM or OMI).
    ORDER = "order"
    #: A UPS work item.
    UPS = "ups"
    #: `varsel pull`: old studies that wait behind everything else.
    BACKFILL = "backfill"


@dataclass(frozen=True, kw_only=True)
class PriorityHint:
    """Someone's word on the urgency of one study; named by its UID, or by accession number and patient."""

    #: Who says it.
    source: HintSource
    #: 0 acute, 1 urgent, 2 routine, 3 backfill.
    priority: int
    #: Why, without patient data.
    reason: str
    #: When it stops to count.
    expires_at: datetime
    #: Study Instance UID; empty when the order does not know it.
    study_uid: str = ""
    #: Accession number and patient id; both needed, since accession numbers of two sites may be equal.
    accession_number: str = ""
    patient_id: str = ""


def note_notification(connection: Connection, said: Notification, now: datetime) -> None:
    """Keep what an MPPS or an availability notification says; said again, the later word holds."""
    connection.execute(delete(EXPECTED_INSTANCE).where(EXPECTED_INSTANCE.c.expectation_id == said.id))
    connection.execute(delete(EXPECTATION).where(EXPECTATION.c.id == said.id))
    connection.execute(
        insert(EXPECTATION).values(
            id=said.id,
            source=said.source.value,
            study_uid=said.study_uid,
            state=said.state.value,
            sender=said.sender,
            noted_at=now,
            spent=False,
        )
    )
    rows = [{"expectation_id": said.id, "sop_instance_uid": uid} for uid in sorted(said.instance_uids)]
    if rows:
        connection.execute(insert(EXPECTED_INSTANCE), rows)


def known_step(connection: Connection, step_uid: str) -> tuple[str, StepState] | None:
    """Study Instance UID and state of a performed procedure step; None when it was never created here."""
    row = connection.execute(
        select(EXPECTATION.c.study_uid, EXPECTATION.c.state).where(EXPECTATION.c.id == step_uid)
    ).one_or_none()
    return None if row is None else (row.study_uid, StepState(row.state))


def fulfilled_studies(connection: Connection, now: datetime) -> tuple[str, ...]:
    """Open studies of which every promised instance is here, and no step is still going on."""
    return tuple(row.study_uid for row in _FULFILLED.rows(connection, now=now))


def fulfilled(now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """The condition on a study's row for that."""
    mine = EXPECTATION.c.study_uid == STUDY.c.study_uid
    unspent = and_(mine, EXPECTATION.c.spent.is_(False))
    promised = exists().where(
        unspent, EXPECTED_INSTANCE.c.expectation_id == EXPECTATION.c.id, EXPECTATION.c.state != _IN_PROGRESS
    )
    going_on = exists().where(unspent, EXPECTATION.c.state == _IN_PROGRESS)
    is_here = exists().where(INSTANCE.c.sop_instance_uid == EXPECTED_INSTANCE.c.sop_instance_uid, INSTANCE.c.current)
    missing = exists().where(unspent, EXPECTED_INSTANCE.c.expectation_id == EXPECTATION.c.id, ~is_here)
    return and_(STUDY.c.due_at > now, promised, ~going_on, ~missing)


def bring_forward(connection: Connection, study_uids: Iterable[str], now: datetime) -> None:
    """Let the studies fall due at once; their expectations are spent, so that late slices wait for the quiet timer."""
    chosen = tuple(study_uids)
    connection.execute(update(STUDY).where(STUDY.c.study_uid.in_(chosen), STUDY.c.due_at > now).values(due_at=now))
    connection.execute(update(EXPECTATION).where(EXPECTATION.c.study_uid.in_(chosen)).values(spent=True))


def note_priority(connection: Connection, hint: PriorityHint, now: datetime) -> None:
    """Keep a priority; the same source's later word on the same study replaces it. What has expired is forgotten."""
    hint_id = derive_uid("priority", hint.source.value, hint.study_uid, hint.accession_number, hint.patient_id)
    connection.execute(
        delete(PRIORITY_HINT).where(or_(PRIORITY_HINT.c.id == hint_id, PRIORITY_HINT.c.expires_at <= now))
    )
    connection.execute(
        insert(PRIORITY_HINT).values(
            id=hint_id,
            source=hint.source.value,
            study_uid=hint.study_uid,
            accession_number=hint.accession_number,
            patient_id=hint.patient_id,
            priority=hint.priority,
            reason=hint.reason,
            noted_at=now,
            expires_at=hint.expires_at,
        )
    )
    if hint.source is not HintSource.BACKFILL and hint.expires_at > now:
        _hurry_waiting(connection, hint, now)


def withdraw_priority(connection: Connection, hint: PriorityHint) -> None:
    """Forget a priority, e.g. because the order was cancelled."""
    hint_id = derive_uid("priority", hint.source.value, hint.study_uid, hint.accession_number, hint.patient_id)
    connection.execute(delete(PRIORITY_HINT).where(PRIORITY_HINT.c.id == hint_id))


def with_hints(connection: Connection, study_uid: str, routes: Sequence[Route], now: datetime) -> tuple[Route, ...]:
    """*routes* as urgent as hints that still hold make them: back-filling last, unless someone asks for the study."""
    rows = _ABOUT.rows(connection, the_study_uid=study_uid, now=now)
    return tuple(_adjusted(route, rows) for route in routes)


def _hurry_waiting(connection: Connection, hint: PriorityHint, now: datetime) -> None:
    """Work that was queued before anyone said that it is urgent moves forward too, and results still to be sent."""
    same_order = and_(STUDY.c.accession_number == hint.accession_number, STUDY.c.patient_id == hint.patient_id)
    about = STUDY.c.study_uid == hint.study_uid if hint.study_uid else same_order
    mine = and_(WORK_ITEM.c.case_id.in_(select(STUDY.c.study_uid).where(about)), WORK_ITEM.c.kind == "imaging")
    waiting = WORK_ITEM.c.state.in_((State.QUEUED.value, State.WAITING.value))
    raised = connection.execute(
        update(WORK_ITEM)
        .where(mine, waiting, WORK_ITEM.c.priority > hint.priority)
        .values(priority=hint.priority)
        .returning(WORK_ITEM.c.id, WORK_ITEM.c.state)
    ).all()
    for row in raised:
        work.note(connection, row.id, now, State(row.state), _told(hint.priority, hint.reason, hint.expires_at))
    connection.execute(
        update(DELIVERY)
        .where(DELIVERY.c.work_item_id.in_(select(WORK_ITEM.c.id).where(mine)), DELIVERY.c.priority > hint.priority)
        .where(DELIVERY.c.state.in_((DeliveryState.QUEUED.value, DeliveryState.WAITING.value)))
        .values(priority=hint.priority)
    )


_IN_PROGRESS = StepState.IN_PROGRESS.value
_NOW = given(STUDY.c.due_at, "now")
_FULFILLED = Statement(select(STUDY.c.study_uid).where(fulfilled(_NOW)))
_SAME_ORDER = and_(
    PRIORITY_HINT.c.accession_number == STUDY.c.accession_number,
    PRIORITY_HINT.c.accession_number != "",
    PRIORITY_HINT.c.patient_id == STUDY.c.patient_id,
)
_ABOUT = Statement(
    select(PRIORITY_HINT)
    .join(STUDY, or_(PRIORITY_HINT.c.study_uid == STUDY.c.study_uid, _SAME_ORDER))
    .where(STUDY.c.study_uid == given(STUDY.c.study_uid), PRIORITY_HINT.c.expires_at > _NOW)
)


def _adjusted(route: Route, hints: Sequence[Row[Any]]) -> Route:
    asked = [one for one in hints if one.source != HintSource.BACKFILL.value]
    chosen = min(asked, key=_priority) if asked else max(hints, key=_priority, default=None)
    if chosen is None or (chosen.priority >= route.priority if asked else chosen.priority <= route.priority):
        return route
    return replace(route, priority=chosen.priority, urgency=_told(chosen.priority, chosen.reason, chosen.expires_at))


def _priority(hint: Row[Any]) -> int:
    return int(hint.priority)


def _told(priority: int, reason: str, expires_at: datetime) -> str:
    return f"priority {priority}: {reason}, a wish that holds until {expires_at:%Y-%m-%d %H:%M} UTC"
