"""One work item with all that happened to it, as one value; shown by ``varsel work show`` and by its page."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, select

from serving.errors import CaseNotFoundError
from serving.records import ledger
from serving.records.database import reading
from serving.records.delivery_schema import COMMITMENT, DELIVERY_HISTORY
from serving.records.schema import DELIVERY, HISTORY, WORK_ITEM
from serving.work.item import DeliveryState, ObjectState, Purpose, State


@dataclass(frozen=True, kw_only=True)
class Happening:
    """One line of a history."""

    #: ISO 8601 UTC.
    at: str
    #: ``work``, or the name of a destination.
    of: str
    #: State reached.
    state: str
    #: Kind of failure; empty when nothing failed.
    failure: str
    #: More about it.
    detail: str


@dataclass(frozen=True, kw_only=True)
class ObjectPlace:
    """One object at one destination."""

    #: ``sr``, ``seg``, ..., ``oru`` or ``fhir``.
    kind: str
    #: SOP Instance UID, or a message's identity.
    sop_instance_uid: str
    #: serving.work.item.ObjectState.
    state: str
    #: Why it was refused or is sent again; empty otherwise.
    reason: str

    @property
    def has_arrived(self) -> bool:
        """Whether the destination said that it has it."""
        return self.state in {ObjectState.ACCEPTED.value, ObjectState.COMMITTED.value}


@dataclass(frozen=True, kw_only=True)
class DeliveryPlace:
    """One delivery with its objects."""

    #: Name in the settings.
    destination: str
    #: ``result`` or ``withdrawal``.
    purpose: str
    #: serving.work.item.DeliveryState.
    state: str
    #: How often it was tried, and how often denied after it was accepted.
    attempts: int
    denials: int
    #: ISO 8601 UTC; not tried again before.
    not_before: str
    #: What a person should know of it; empty when all is well.
    reason: str
    #: Requests for storage commitment: kept, denied, ... in order.
    commitments: tuple[str, ...]
    #: Its objects in the order they are sent.
    objects: tuple[ObjectPlace, ...]


@dataclass(frozen=True, kw_only=True)
class WorkDetail:
    """One work item; without anything of the patient."""

    #: Its id.
    work_item_id: str
    #: Study Instance UID or stay id, and which generation of it.
    case_id: str
    generation: int
    #: Empty where no rule matched.
    model: str
    model_version: str
    release_digest: str
    #: serving.work.item.State.
    state: str
    #: dicom_io.findings.Outcome; empty until known.
    outcome: str
    #: Why not analysed, failed, waiting or withdrawn; empty otherwise.
    reason_code: str
    reason: str
    #: How often its analysis was tried.
    attempts: int
    #: By destination.
    deliveries: tuple[DeliveryPlace, ...]
    #: Oldest first.
    history: tuple[Happening, ...]

    @property
    def can_be_retried(self) -> bool:
        """Whether something of it has failed; what `serving.records.retry.retry` asks."""
        return self.state == State.FAILED.value or self._any(DeliveryState.DEAD)

    @property
    def can_be_cancelled(self) -> bool:
        """Whether something of it waits; what `serving.records.cancel.cancel` asks."""
        waits = self.state in {State.QUEUED.value, State.WAITING.value, State.FAILED.value}
        return waits or self._any(DeliveryState.QUEUED, DeliveryState.WAITING, DeliveryState.DEAD)

    @property
    def can_be_withdrawn(self) -> bool:
        """Whether some destination has it, nothing is being sent, and it was not taken back; what `Withdrawer` asks."""
        is_taken_back = any(one.purpose == Purpose.WITHDRAWAL.value for one in self.deliveries)
        has_arrived = any(placed.has_arrived for one in self.deliveries for placed in one.objects)
        return has_arrived and not is_taken_back and not self._any(DeliveryState.INTENT)

    def _any(self, *states: DeliveryState) -> bool:
        return any(one.state == state.value for one in self.deliveries for state in states)


def read_work(engine: Engine, work_item_id: str) -> WorkDetail:
    """The work item *work_item_id* with its deliveries and its history.

    Raises:
        CaseNotFoundError: there is none.
        DatabaseDownError: the database cannot be read, or has no tables yet.
    """
    with reading(engine) as connection:
        item = connection.execute(select(WORK_ITEM).where(WORK_ITEM.c.id == work_item_id)).mappings().one_or_none()
        if item is None:
            raise CaseNotFoundError(f"there is no work item '{work_item_id}'; see `varsel work list`")
        sent = connection.execute(
            select(DELIVERY).where(DELIVERY.c.work_item_id == work_item_id).order_by(DELIVERY.c.created_at)
        ).all()
        # `in` of SQLAlchemy's own rows also says yes to table-qualified names such as work_item_id.
        columns = dict(item)
        plain = {name: columns[name] for name in WorkDetail.__dataclass_fields__ if name in columns}
        return WorkDetail(
            **plain,
            work_item_id=work_item_id,
            deliveries=tuple(_place(connection, row) for row in sent),
            history=_history(connection, work_item_id, sent),
        )


def _place(connection: Connection, row: Any) -> DeliveryPlace:
    asked = select(COMMITMENT.c.state).where(COMMITMENT.c.delivery_id == row.id).order_by(COMMITMENT.c.asked_at)
    return DeliveryPlace(
        destination=row.destination,
        purpose=row.purpose,
        state=row.state,
        attempts=row.attempts,
        denials=row.denials,
        not_before=row.not_before.isoformat(timespec="seconds"),
        reason=row.reason,
        commitments=tuple(connection.scalars(asked)),
        objects=tuple(
            ObjectPlace(kind=one.kind, sop_instance_uid=one.sop_instance_uid, state=one.state.value, reason=one.reason)
            for one in ledger.objects_of(connection, row.id)
        ),
    )


def _history(connection: Connection, work_item_id: str, sent: Any) -> tuple[Happening, ...]:
    names = {row.id: row.destination for row in sent}
    found = [
        Happening(at=row.at.isoformat(), of="work", state=row.state, failure="", detail=row.detail)
        for row in connection.execute(select(HISTORY).where(HISTORY.c.work_item_id == work_item_id))
    ]
    for row in connection.execute(select(DELIVERY_HISTORY).where(DELIVERY_HISTORY.c.delivery_id.in_(names))):
        told = {"state": row.state, "failure": row.failure, "detail": row.detail}
        found.append(Happening(at=row.at.isoformat(), of=names[row.delivery_id], **told))
    return tuple(sorted(found, key=lambda one: one.at))
