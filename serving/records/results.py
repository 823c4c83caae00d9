"""What was said and written of a work item: findings, result objects, and the deliveries they wait for."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

from dicom_io.findings import Finding
from dicom_io.uids import derive_uid
from serving.dispatch import Dispatch, Stored
from serving.records import ledger
from serving.records.cancel import call_off_older
from serving.records.schema import DELIVERY, FINDING, RESULT
from serving.records.statements import Insertion
from serving.records.work import WorkItem
from serving.work.item import DeliveryState, Purpose

_KEEP_FINDING = Insertion(FINDING)
_KEEP_RESULT = Insertion(RESULT)
_QUEUE_DELIVERY = Insertion(DELIVERY)


def keep_findings(connection: Connection, item_id: str, findings: Iterable[Finding]) -> None:
    """Record what was said."""
    for finding in findings:
        region = finding.region
        _KEEP_FINDING.add(
            connection,
            work_item_id=item_id,
            tracking_uid=finding.tracking_uid,
            key=finding.key,
            label=finding.label,
            text=finding.text,
            probability=finding.probability,
            threshold=finding.threshold,
            region=region and {"sop_instance_uid": region.sop_instance_uid, "polygon": [*region.polygon]},
            measurements=[
                {"concept": one.concept.meaning, "value": one.value, "unit": one.unit.value}
                for one in finding.measurements
            ],
        )


def keep_objects(
    connection: Connection, item_id: str, written: Iterable[Stored], now: datetime, *, kind: str = ""
) -> None:
    """Record the objects that lie on disk, each as its own kind unless *kind* is given."""
    for one in written:
        _KEEP_RESULT.add(
            connection,
            sop_instance_uid=one.sop_instance_uid,
            work_item_id=item_id,
            kind=kind or one.kind.value,
            sop_class_uid=one.sop_class_uid,
            series_instance_uid=one.series_instance_uid,
            path=str(one.path),
            sha256=one.sha256,
            created_at=now,
            part=one.part,
        )


def queue_deliveries(connection: Connection, item: WorkItem, dispatches: Iterable[Dispatch], now: datetime) -> int:
    """Queue each of *dispatches*: how many deliveries were queued.

    What earlier generations of an imaging case still have to send to the same destinations is called off. A stay's is
    not: each of its scores stands for its own moment.
    """
    queued = 0
    for one in dispatches:
        delivery_id = derive_uid(*_identity(item, one))
        _QUEUE_DELIVERY.add(
            connection,
            id=delivery_id,
            work_item_id=item.id,
            destination=one.destination,
            objects=[*one.objects],
            state=DeliveryState.QUEUED.value,
            not_before=now,
            priority=item.priority,
            created_at=now,
            purpose=one.purpose.value,
        )
        ledger.enter(connection, delivery_id, one.objects, one.reserve)
        if item.kind == "imaging" and one.purpose is Purpose.RESULT and item.generation > 1:
            call_off_older(connection, item, one.destination, now)
        queued += 1
    return queued


def _identity(item: WorkItem, dispatch: Dispatch) -> tuple[str, ...]:
    result = ("delivery", item.id, dispatch.destination)
    return result if dispatch.purpose is Purpose.RESULT else (*result, dispatch.purpose.value)
