"""One run of delivery: stored objects to one destination, each there once, with the ledger to prove it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine

from dicom_io.errors import RejectedError
from dicom_io.send.destination import Destination as Outlet
from dicom_io.send.destination import Reference, Refusal
from serving.alerts.notify import note_notified
from serving.errors import CaseNotFoundError
from serving.records import audit, fence, ledger
from serving.records.database import reading, writing
from serving.records.ledger import LedgerObject
from serving.records.work import Delivery
from serving.settings.destinations import AnyDestination, WebhookDestination
from serving.work.item import DeliveryState, ObjectState, Purpose

#: Gives what takes the objects of a destination.
OutletOf = Callable[[AnyDestination], Outlet]


@dataclass(frozen=True, kw_only=True)
class _Answers:
    """What a destination said of some objects."""

    #: Sent and taken, or found there.
    arrived: Collection[str]
    #: How many of them it held before anything was sent.
    held: int
    #: UID -> why it will not take it.
    refused: Mapping[str, str]


class Deliverer:
    """Sends claimed deliveries, one call each; safe to be called again for the same one after a crash."""

    def __init__(self, engine: Engine, destinations: Mapping[str, AnyDestination], outlet_of: OutletOf) -> None:
        """Keep the ledger on *engine*, reach *destinations* by *outlet_of*."""
        self._engine = engine
        self._destinations = destinations
        self._outlet_of = outlet_of

    def run(self, delivery: Delivery, *, first_try: bool) -> tuple[LedgerObject, ...]:
        """Send what the destination does not hold yet, and record that it does; the ledger's rows as they then stand.

        Where the destination refuses an object, what its fallback profile names is sent instead.

        Args:
            delivery: a claimed delivery.
            first_try: nobody can have begun to send it before; otherwise the archive is asked first.

        Raises:
            UnreachableError: the destination did not answer, or is short of resources now.
            RejectedError: it refused an object, and nothing of its fallback profile is there or is taken.
        """
        destination = self._destinations.get(delivery.destination)
        if destination is None:
            raise CaseNotFoundError(f"destination '{delivery.destination}' is not in the settings any more")
        answers = self._send(delivery, destination, ask_first=not first_try and destination.can_query)
        if answers.refused:
            self._fall_back(delivery, destination, answers)
            answers = self._send(delivery, destination, ask_first=False)
            if answers.refused:
                self._put_down(delivery, answers)
        return self._close(delivery, destination, answers)

    def _send(self, delivery: Delivery, destination: AnyDestination, *, ask_first: bool) -> _Answers:
        with reading(self._engine) as connection:
            # Whoever was believed dead sends nothing: another does it by now.
            fence.demand(connection)
            objects = ledger.objects_of(connection, delivery.id)
        waiting = [one for one in objects if one.state is ObjectState.QUEUED]
        outlet = self._outlet_of(destination)
        held = outlet.holds(_references(waiting)) if ask_first else frozenset()
        missing = [one.path for one in waiting if one.sop_instance_uid not in held]
        answers = outlet.send(missing) if missing else ()
        refused = {one.sop_instance_uid: one.reason for one in answers if isinstance(one, Refusal)}
        arrived = {one.sop_instance_uid for one in waiting} - refused.keys()
        return _Answers(arrived=arrived, held=len(waiting) - len(missing), refused=refused)

    def _fall_back(self, delivery: Delivery, destination: AnyDestination, answers: _Answers) -> None:
        """Queue what will do instead."""
        self._record(delivery, answers)
        with writing(self._engine) as connection:
            kinds = [kind.value for kind in destination.fallback]
            if not ledger.fall_back(connection, delivery.id, kinds):
                raise RejectedError(next(iter(answers.refused.values())))

    def _put_down(self, delivery: Delivery, answers: _Answers) -> None:
        self._record(delivery, answers)
        raise RejectedError(next(iter(answers.refused.values())))

    def _record(self, delivery: Delivery, answers: _Answers) -> None:
        with writing(self._engine) as connection:
            ledger.accept(connection, delivery.id, answers.arrived, datetime.now(UTC))
            ledger.refuse(connection, delivery.id, answers.refused)

    def _close(self, delivery: Delivery, destination: AnyDestination, answers: _Answers) -> tuple[LedgerObject, ...]:
        now = datetime.now(UTC)
        with writing(self._engine) as connection:
            ledger.accept(connection, delivery.id, answers.arrived, now)
            objects = ledger.objects_of(connection, delivery.id)
            values: dict[str, Any] = {
                "accepted_at": now,
                "reason": _instead(objects),
                "commit_at": now if destination.storage_commitment else None,
            }
            ledger.move(connection, delivery.id, DeliveryState.ACCEPTED, now, **values)
            if isinstance(destination, WebhookDestination):
                note_notified(connection, delivery.work_item_id, now)
            if delivery.purpose is Purpose.RESULT:
                ledger.finish_when_all_arrived(connection, delivery.work_item_id, now)
            # Last: from here to the commit nobody else appends to the chain.
            _audit(connection, delivery, objects, answers.held)
        return objects


def _instead(objects: Sequence[LedgerObject]) -> str:
    """What a person should know of an arrived delivery: empty when all went as the profile says."""
    refused = [one for one in objects if one.state is ObjectState.REFUSED]
    if not refused:
        return ""
    kinds = ", ".join(sorted({one.kind.upper() for one in refused}))
    others = ", ".join(sorted({one.kind.upper() for one in objects if one.has_arrived}))
    return f"{kinds} was refused, so {others} alone tells the result: {refused[0].reason}"


def _audit(connection: Connection, delivery: Delivery, objects: Sequence[LedgerObject], already_there: int) -> None:
    detail = {
        "work_item": delivery.work_item_id,
        "destination": delivery.destination,
        "purpose": delivery.purpose.value,
        "objects": [one.sop_instance_uid for one in objects if one.has_arrived],
        "refused": [one.sop_instance_uid for one in objects if one.state is ObjectState.REFUSED],
        "already_there": already_there,
    }
    audit.append(connection, "delivered", delivery.id, detail)


def _references(objects: Sequence[LedgerObject]) -> tuple[Reference, ...]:
    return tuple(
        Reference(
            study_instance_uid=one.study_instance_uid,
            series_instance_uid=one.series_instance_uid,
            sop_instance_uid=one.sop_instance_uid,
        )
        for one in objects
    )
