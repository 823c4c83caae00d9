"""What was said and written of a work item: findings, result objects, and the deliveries they wait for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, insert, select

from dicom_io.findings import Finding
from dicom_io.results.write import WrittenObject
from dicom_io.uids import derive_uid
from serving.destinations import Destination
from serving.records.schema import DELIVERY, FINDING, RESULT, WORK_ITEM
from serving.records.work import WorkItem
from serving.work.item import DeliveryState


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """A result object on disk."""

    #: Where it belongs.
    study_instance_uid: str
    series_instance_uid: str
    #: Its identity.
    sop_instance_uid: str
    #: Where its bytes lie.
    path: Path


def keep_findings(connection: Connection, item_id: str, findings: Iterable[Finding]) -> None:
    """Record what was said."""
    for finding in findings:
        region = finding.region
        connection.execute(
            insert(FINDING).values(
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
        )


def keep_objects(connection: Connection, item_id: str, written: Iterable[WrittenObject], now: datetime) -> None:
    """Record the objects that lie on disk."""
    for one in written:
        connection.execute(
            insert(RESULT).values(
                sop_instance_uid=one.sop_instance_uid,
                work_item_id=item_id,
                kind=one.kind.value,
                sop_class_uid=one.sop_class_uid,
                series_instance_uid=one.series_instance_uid,
                path=str(one.path),
                sha256=one.sha256,
                created_at=now,
            )
        )


def queue_deliveries(
    connection: Connection,
    item: WorkItem,
    written: Sequence[WrittenObject],
    destinations: Iterable[Destination],
    now: datetime,
) -> int:
    """Queue to each destination the objects its profile takes: how many deliveries were queued."""
    queued = 0
    for destination in destinations:
        objects = [one.sop_instance_uid for one in written if one.kind in destination.profile]
        if objects:
            connection.execute(
                insert(DELIVERY).values(
                    id=derive_uid("delivery", item.id, destination.name),
                    work_item_id=item.id,
                    destination=destination.name,
                    objects=objects,
                    state=DeliveryState.QUEUED.value,
                    attempts=0,
                    not_before=now,
                    priority=item.priority,
                    created_at=now,
                )
            )
            queued += 1
    return queued


def stored_objects(connection: Connection, uids: Sequence[str]) -> tuple[StoredObject, ...]:
    """The objects named *uids*, in that order."""
    wanted = select(RESULT, WORK_ITEM.c.case_id).join(WORK_ITEM).where(RESULT.c.sop_instance_uid.in_(uids))
    known = {
        row.sop_instance_uid: StoredObject(
            study_instance_uid=row.case_id,
            series_instance_uid=row.series_instance_uid,
            sop_instance_uid=row.sop_instance_uid,
            path=Path(row.path),
        )
        for row in connection.execute(wanted)
    }
    return tuple(known[uid] for uid in uids)
