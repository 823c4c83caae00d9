"""A ledger with deliveries of small objects, and the worker's half that sends them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from sqlalchemy import Engine, select, update

from dicom_io.codes import Code
from dicom_io.findings import AlgorithmIdentity, Finding, Outcome, Report
from dicom_io.results.kinds import ResultKind, audience
from dicom_io.results.write import WrittenObject
from dicom_io.send.destination import Destination as Outlet
from dicom_io.study import Study
from serving.deliver import Deliverer
from serving.dispatch import Outgoing
from serving.messages import MessageComposer
from serving.outlets import Outlets
from serving.pipeline import Analysis
from serving.records import ledger, results, work
from serving.records.database import reading, writing
from serving.records.delivery_schema import DELIVERY_HISTORY
from serving.records.ledger import LedgerObject
from serving.records.schema import DELIVERY, WORK_ITEM
from serving.records.work import WorkItem
from serving.settings.destinations import AnyDestination
from serving.work.item import DeliveryState, State
from serving.work.retry import RetryPolicy
from tests.factories.dicom import cr_image, structured_report, write

NODE = "node-1"


def report_and_picture(study: str) -> dict[ResultKind, Dataset]:
    """An SR and something with pixels, as one study's results."""
    return {ResultKind.SR: structured_report(study=study, name=f"{study}-sr"), ResultKind.SC: cr_image(study=study)}


@dataclass(kw_only=True)
class Sending:
    """One site that has results to send."""

    engine: Engine
    directory: Path
    destinations: Sequence[AnyDestination]
    outlet_of: Callable[[AnyDestination], Outlet]

    def queue(self, study: str, objects: Mapping[ResultKind, Dataset] | None = None, generation: int = 1) -> str:
        """A case of *study* whose analysis has just ended; the id of its work item."""
        objects = report_and_picture(study) if objects is None else objects
        paths = write(objects.values(), self.directory / f"{study}-{generation}")
        written = [
            WrittenObject(
                kind=kind,
                audience=audience(kind),
                sop_class_uid=str(one.SOPClassUID),
                sop_instance_uid=str(one.SOPInstanceUID),
                series_instance_uid=str(one.SeriesInstanceUID),
                path=path,
                sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            )
            for (kind, one), path in zip(objects.items(), paths, strict=True)
        ]
        name = study if generation == 1 else f"{study}-{generation}"
        return self.queue_written(name, str(next(iter(objects.values())).StudyInstanceUID), written, generation)

    def queue_written(self, name: str, study_uid: str, written: Sequence[WrittenObject], generation: int = 1) -> str:
        """A case whose analysis has *written* these; the id of its work item."""
        return self._queue(self._item(name, study_uid, generation), Outgoing(objects=written, messages=()))

    def tell(self, study: str, generation: int = 1) -> str:
        """A case of *study* with one opacity, told to those that take messages; the id of its work item."""
        item = self._item(f"{study}-{generation}", study, generation)

        def told_before(item: WorkItem, destination: str) -> bool:
            with reading(self.engine) as connection:
                return ledger.was_told_before(connection, item, destination)

        composer = MessageComposer(self.directory / "results", self.destinations, told_before)
        messages = composer.compose(item, an_empty_study(study), an_opacity(study, generation), ())
        return self._queue(item, Outgoing(objects=(), messages=messages))

    def waiting_item(self, study: str) -> str:
        """A case of *study* that nobody has begun to analyse; the id of its work item."""
        with writing(self.engine) as connection:
            work.add_item(connection, _columns(f"item-{study}", study, 1, datetime.now(UTC)))
        return f"item-{study}"

    def _item(self, name: str, study_uid: str, generation: int = 1) -> WorkItem:
        now = datetime.now(UTC)
        with writing(self.engine) as connection:
            work.add_item(connection, _columns(f"item-{name}", study_uid, generation, now))
            (item,) = work.claim_items(connection, NODE, 1, now)
        return item

    def _queue(self, item: WorkItem, outgoing: Outgoing) -> str:
        now = datetime.now(UTC)
        with writing(self.engine) as connection:
            results.keep_objects(connection, item.id, outgoing.all, now)
            results.queue_deliveries(connection, item, outgoing.dispatches(self.destinations), now)
            work.move_item(connection, item.id, State.DELIVERING, now)
        return item.id

    def send(self, name: str) -> tuple[LedgerObject, ...]:
        """One try of the next delivery to *name*, whenever it is due; its error comes through after it was settled."""
        with writing(self.engine) as connection:
            connection.execute(update(DELIVERY).values(not_before=datetime.now(UTC)))
            delivery = work.claim_delivery(connection, name, NODE, datetime.now(UTC))
        assert delivery is not None, f"nothing waits for {name}"
        deliverer = Deliverer(self.engine, {one.name: one for one in self.destinations}, self.outlet_of)
        try:
            return deliverer.run(delivery, first_try=delivery.attempts == 1)
        except Exception as error:
            now = datetime.now(UTC)
            decision = RetryPolicy(first_seconds=60, ceiling_seconds=60, maximum_attempts=5).decide(
                error, delivery.attempts, now
            )
            with writing(self.engine) as connection:
                ledger.settle_failure(connection, delivery, decision, str(error), now)
            raise

    def send_again(self, name: str) -> tuple[LedgerObject, ...]:
        """Another try of a delivery to *name* whose arrival was not heard of, though it did arrive."""
        delivery = self.delivery(name)
        with writing(self.engine) as connection:
            ledger.reopen(
                connection, delivery.id, [one.sop_instance_uid for one in ledger.objects_of(connection, delivery.id)]
            )
            ledger.move(connection, delivery.id, DeliveryState.WAITING, datetime.now(UTC))
        return self.send(name)

    def delivery(self, name: str) -> Any:
        """The newest delivery to *name*."""
        with reading(self.engine) as connection:
            mine = select(DELIVERY).where(DELIVERY.c.destination == name).order_by(DELIVERY.c.created_at.desc())
            return connection.execute(mine).first()

    def states(self, name: str) -> dict[str, str]:
        """Kind -> where the object stands at *name*."""
        with reading(self.engine) as connection:
            return {one.kind: one.state.value for one in ledger.objects_of(connection, self.delivery(name).id)}

    def history(self, name: str) -> list[tuple[str, str]]:
        """(state, kind of failure) of the newest delivery to *name*, in order."""
        with reading(self.engine) as connection:
            mine = select(DELIVERY_HISTORY).where(DELIVERY_HISTORY.c.delivery_id == self.delivery(name).id)
            return [(row.state, row.failure) for row in connection.execute(mine.order_by(DELIVERY_HISTORY.c.id))]

    def item(self, item_id: str) -> Any:
        """A work item as it stands."""
        with reading(self.engine) as connection:
            return connection.execute(select(WORK_ITEM).where(WORK_ITEM.c.id == item_id)).one()

    def to(self, **changes: Any) -> "Sending":
        """The same site with its first destination changed."""
        first, *rest = self.destinations
        return replace(self, destinations=[first.model_copy(update=changes), *rest], outlet_of=Outlets().of)


def an_empty_study(uid: str) -> Study:
    """A study without images."""
    return Study(
        study_instance_uid=uid,
        patient_id="2512484916",
        patient_name="Test^Tea",
        patient_age_years=54.0,
        accession_number="ACC1",
        study_date="20260302",
        description="Thorax",
        series=(),
    )


def an_opacity(study_uid: str, generation: int) -> Analysis:
    """What a model that found one opacity says."""
    finding = Finding(
        key="opacity-1",
        label="opacity",
        concept=Code(value="125146", scheme="DCM", meaning="Opacity"),
        site=None,
        text="Opacity",
        tracking_uid="2.25.7",
        probability=0.9,
        threshold=0.5,
    )
    report = Report(
        study_instance_uid=study_uid,
        generation=generation,
        outcome=Outcome.FINDING,
        algorithm=AlgorithmIdentity(name="chest_xray_opacity", version="0.1.0", digest="a" * 64),
        findings=(finding,),
        source_uids=(),
        scores={},
    )
    return Analysis(report=report, sources=(), pixels=None)


def _columns(item_id: str, study_uid: str, generation: int, now: datetime) -> dict[str, Any]:
    return {
        "id": item_id,
        "kind": "imaging",
        "case_id": study_uid,
        "generation": generation,
        "rule": "chest",
        "model": "chest_xray_opacity",
        "model_version": "0.1.0",
        "release_digest": "a" * 64,
        "priority": 2,
        "state": State.QUEUED.value,
        "outcome": "finding",
        "not_before": now,
        "created_at": now,
        "input_at": now,
    }
