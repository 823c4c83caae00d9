"""What Varsel itself does about UPS work items: a row from before the claim to the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from sqlalchemy import Connection, func, insert, select, update

from dicom_io.ups.performed import OutputObject
from serving.records.node_schema import NODE_LEASE
from serving.records.schema import DELIVERY, RESULT, STUDY, WORK_ITEM
from serving.records.work import note
from serving.records.workitem_schema import UPS_PERFORMED
from serving.work.item import State


class ManagerName(Enum):
    """Where a work item is managed."""

    #: At our own door.
    OWN = "own"
    #: At the manager of the settings.
    REMOTE = "remote"


class PerformedState(Enum):
    """How far Varsel is with a work item."""

    #: About to be claimed: the claim may or may not have arrived.
    CLAIMING = "claiming"
    #: Ours; its input is awaited or fetched.
    CLAIMED = "claimed"
    #: Its study is being analysed.
    WORKING = "working"
    #: Told as COMPLETED.
    COMPLETED = "completed"
    #: Told as CANCELED, with the reason.
    CANCELED = "canceled"
    #: Someone else claimed it first, or it is gone.
    LOST = "lost"


#: States in which its study is needed.
ACTIVE = (PerformedState.CLAIMING, PerformedState.CLAIMED, PerformedState.WORKING)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One work item that Varsel performs."""

    #: SOP Instance UID of the work item.
    uid: str
    #: Where it is managed.
    manager: ManagerName
    #: Ours.
    transaction_uid: str
    #: What is worked on.
    study_uid: str
    #: Rule that was asked for.
    rule: str
    #: 0 acute, 1 urgent, 2 routine, 3 backfill.
    priority: int
    #: Archive of the settings that the input is fetched from; empty when it is sent to us.
    archive: str
    #: Id of our own work item; empty while there is none.
    work_item_id: str = ""
    #: Whether that one is there for this job alone.
    asked_alone: bool = False
    #: How far it is.
    state: PerformedState
    #: When it was claimed, and until when its input is waited for.
    claimed_at: datetime
    deadline_at: datetime


@dataclass(frozen=True, kw_only=True)
class JobEnd:
    """How the analysis behind a job stands."""

    #: Where our work item stands.
    state: State
    #: dicom_io.findings.Outcome value; empty until known.
    outcome: str
    #: Why it failed or was not analysed; empty otherwise.
    reason: str
    #: The objects that came out.
    outputs: tuple[OutputObject, ...]
    #: Destinations that hold them.
    destinations: tuple[str, ...]


def add(connection: Connection, job: Job) -> None:
    """Keep a job before its claim is sent."""
    values = {
        "uid": job.uid,
        "manager": job.manager.value,
        "transaction_uid": job.transaction_uid,
        "study_uid": job.study_uid,
        "rule": job.rule,
        "priority": job.priority,
        "archive": job.archive,
        "work_item_id": job.work_item_id,
        "asked_alone": job.asked_alone,
        "state": job.state.value,
        "claimed_at": job.claimed_at,
        "deadline_at": job.deadline_at,
    }
    connection.execute(insert(UPS_PERFORMED).values(reason="", **values))


def first_node(connection: Connection) -> str | None:
    """Name of the living node that performs for all; None where no node holds a lease."""
    return connection.scalar(select(func.min(NODE_LEASE.c.node)))


def known(connection: Connection, uids: Sequence[str]) -> frozenset[str]:
    """Those of *uids* that there is a job for, ended or not."""
    return frozenset(connection.scalars(select(UPS_PERFORMED.c.uid).where(UPS_PERFORMED.c.uid.in_(uids))))


def active(connection: Connection) -> tuple[Job, ...]:
    """Jobs that have not ended, oldest first."""
    wanted = select(UPS_PERFORMED).where(UPS_PERFORMED.c.state.in_([state.value for state in ACTIVE]))
    return tuple(
        Job(
            uid=row.uid,
            manager=ManagerName(row.manager),
            transaction_uid=row.transaction_uid,
            study_uid=row.study_uid,
            rule=row.rule,
            priority=row.priority,
            archive=row.archive,
            work_item_id=row.work_item_id,
            asked_alone=row.asked_alone,
            state=PerformedState(row.state),
            claimed_at=row.claimed_at,
            deadline_at=row.deadline_at,
        )
        for row in connection.execute(wanted.order_by(UPS_PERFORMED.c.claimed_at))
    )


def set_state(connection: Connection, uid: str, state: PerformedState, **values: str | bool) -> None:
    """Write how far a job is, with further column *values*; one that has ended stays as it is."""
    going_on = UPS_PERFORMED.c.state.in_([one.value for one in ACTIVE])
    mine = update(UPS_PERFORMED).where(UPS_PERFORMED.c.uid == uid, going_on)
    connection.execute(mine.values(state=state.value, **values))


def has_study(connection: Connection, study_uid: str) -> bool:
    """Whether anything of a study is here."""
    return connection.execute(select(STUDY.c.study_uid).where(STUDY.c.study_uid == study_uid)).one_or_none() is not None


def hurry(connection: Connection, work_item_id: str, priority: int, uid: str, now: datetime) -> None:
    """Let a waiting item of ours be as urgent as the job, and write down who asked."""
    idle = WORK_ITEM.c.state.in_((State.QUEUED.value, State.WAITING.value))
    mine = (WORK_ITEM.c.id == work_item_id) & idle & (WORK_ITEM.c.priority > priority)
    connection.execute(update(WORK_ITEM).where(mine).values(priority=priority))
    state = connection.scalar(select(WORK_ITEM.c.state).where(WORK_ITEM.c.id == work_item_id))
    note(connection, work_item_id, now, State(state), f"asked for by UPS work item {uid}")


def look(connection: Connection, work_item_id: str) -> JobEnd:
    """How the analysis stands."""
    item = connection.execute(select(WORK_ITEM).where(WORK_ITEM.c.id == work_item_id)).one()
    rows = connection.execute(select(RESULT).where(RESULT.c.work_item_id == work_item_id)).all()
    sent = select(DELIVERY.c.destination).where(DELIVERY.c.work_item_id == work_item_id)
    return JobEnd(
        state=State(item.state),
        outcome=item.outcome,
        reason=item.reason,
        outputs=tuple(
            OutputObject(
                study_uid=item.case_id,
                series_uid=row.series_instance_uid,
                sop_class_uid=row.sop_class_uid,
                sop_instance_uid=row.sop_instance_uid,
            )
            for row in rows
        ),
        destinations=tuple(connection.scalars(sent)),
    )
