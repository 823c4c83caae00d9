"""One run of delivery: stored objects to one destination, each there once, with the ledger to prove it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, select, update

from dicom_io.send.destination import Destination as Archive
from dicom_io.send.destination import Reference
from serving.errors import CaseNotFoundError
from serving.records import audit, results, work
from serving.records.database import reading, writing
from serving.records.results import StoredObject
from serving.records.schema import DELIVERY, WORK_ITEM
from serving.records.work import Delivery
from serving.destinations import Destination
from serving.work.item import DeliveryState, State

#: Gives the archive behind a destination.
ArchiveOf = Callable[[Destination], Archive]

#: States in which a delivery has arrived.
_ARRIVED = (DeliveryState.ACCEPTED.value, DeliveryState.COMMITTED.value)


class Deliverer:
    """Sends claimed deliveries, one call each; safe to be called again for the same one after a crash."""

    def __init__(self, engine: Engine, destinations: Mapping[str, Destination], archive_of: ArchiveOf) -> None:
        """Keep the ledger on *engine*, reach *destinations* by *archive_of*."""
        self._engine = engine
        self._destinations = destinations
        self._archive_of = archive_of

    def run(self, delivery: Delivery, *, first_try: bool) -> None:
        """Send what the destination does not hold yet, and record that it does.

        Args:
            delivery: a claimed delivery.
            first_try: nobody can have begun to send it before; otherwise the archive is asked first.

        Raises:
            UnreachableError, RejectedError: as the destination answered.
        """
        destination = self._destinations.get(delivery.destination)
        if destination is None:
            raise CaseNotFoundError(f"destination '{delivery.destination}' is not in the settings any more")
        with reading(self._engine) as connection:
            objects = results.stored_objects(connection, delivery.objects)
        archive = self._archive_of(destination)
        held = set() if first_try or not destination.can_query else archive.holds(_references(objects))
        missing = [one.path for one in objects if one.sop_instance_uid not in held]
        if missing:
            archive.send(missing)
        with writing(self._engine) as connection:
            self._record(connection, delivery, already_there=len(objects) - len(missing))

    def _record(self, connection: Connection, delivery: Delivery, already_there: int) -> None:
        now = datetime.now(UTC)
        accepted = {"state": DeliveryState.ACCEPTED.value, "accepted_at": now, "reason": ""}
        connection.execute(update(DELIVERY).where(DELIVERY.c.id == delivery.id).values(**accepted))
        detail = {
            "work_item": delivery.work_item_id,
            "destination": delivery.destination,
            "objects": [*delivery.objects],
        }
        audit.append(connection, "delivered", delivery.id, detail | {"already_there": already_there})
        finish_when_all_arrived(connection, delivery.work_item_id, now)


def finish_when_all_arrived(connection: Connection, item_id: str, now: datetime) -> None:
    """Close the work item once its last delivery has arrived."""
    waits = select(DELIVERY.c.id).where(DELIVERY.c.work_item_id == item_id, DELIVERY.c.state.not_in(_ARRIVED))
    if connection.execute(waits.limit(1)).one_or_none() is not None:
        return
    row = connection.execute(select(WORK_ITEM.c.input_at, WORK_ITEM.c.timings).where(WORK_ITEM.c.id == item_id)).one()
    timings = row.timings | {"received_to_stored": round((now - row.input_at).total_seconds(), 4)}
    work.move_item(connection, item_id, State.DONE, now, finished_at=now, timings=timings)


def _references(objects: tuple[StoredObject, ...]) -> tuple[Reference, ...]:
    return tuple(
        Reference(
            study_instance_uid=one.study_instance_uid,
            series_instance_uid=one.series_instance_uid,
            sop_instance_uid=one.sop_instance_uid,
        )
        for one in objects
    )
