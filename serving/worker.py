"""What a worker does with a begun run: the work, and what follows when it fails. The house's one catch-all is here."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import structlog
from sqlalchemy import Engine

from dicom_io.errors import DicomIoError
from dicom_io.findings import Outcome
from ehr_io.errors import EhrIoError
from models.errors import ModelError
from serving.analyse import Analyser
from serving.deliver import Deliverer
from serving.errors import ServingError, SettledError, StepOverrunError, WornOutError
from serving.records import audit, ledger, work
from serving.records.database import reading, writing
from serving.records.work import Delivery, WorkItem
from serving.stopwatch import Watch, unwatched
from serving.telemetry.logs import about_work_item
from serving.telemetry.metric_table import Stage
from serving.telemetry.metrics import WorkMetrics
from serving.work.engine import Handler, RunKind
from serving.work.item import DeliveryState, Purpose, State
from serving.work.retry import RetryPolicy
from serving.work.slots import Begun, Slots
from serving.work.step_watch import Step

_LOG = structlog.get_logger(__name__)
_Result = TypeVar("_Result")
_Work = TypeVar("_Work", WorkItem, Delivery)
#: Our own errors, whose texts never hold patient data; of any other only the class is told.
_OURS = (DicomIoError, EhrIoError, ModelError, ServingError)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What a worker works with."""

    #: Our tables, written under this node's lease.
    engine: Engine
    #: Name of this node.
    node: str
    #: Whether and when to try again.
    retry: RetryPolicy
    #: Places that begun work holds.
    slots: Slots
    #: What is counted.
    metrics: WorkMetrics
    #: Sees each stage.
    watch: Watch = unwatched


class Worker:
    """Handlers for the engine's runs."""

    def __init__(self, bench: Bench, analyser: Analyser, deliverer: Deliverer) -> None:
        """Work with *bench*; *analyser* and *deliverer* do the work itself."""
        self._bench = bench
        self._analyser = analyser
        self._deliverer = deliverer

    @property
    def handlers(self) -> Mapping[RunKind, Handler]:
        """The verbs for ``WorkEngine.start``."""
        return {RunKind.ANALYSE: self.analyse, RunKind.DELIVER: self.deliver}

    def analyse(self, item_id: str) -> None:
        """Run one work item to its end, to its next try, or to its reason."""
        if self._bench.slots.begin(RunKind.ANALYSE.value, item_id) is Begun.BUSY:
            return
        try:
            with reading(self._bench.engine) as connection:
                item = work.get_item(connection, item_id)
            self._bench.slots.works_on(item_id, item.model)
            if item.node == self._bench.node:
                with about_work_item(item.id, item.model, item.model_version):
                    self._analyse_or_settle(item)
        finally:
            self._bench.slots.end(RunKind.ANALYSE.value, item_id)

    def deliver(self, delivery_id: str) -> None:
        """Run one delivery to its end, to its next try, or to its reason."""
        with reading(self._bench.engine) as connection:
            delivery = work.get_delivery(connection, delivery_id)
        begun = self._bench.slots.begin(delivery.destination, delivery_id)
        if begun is Begun.BUSY:
            return
        try:
            if delivery.state is DeliveryState.INTENT and delivery.node == self._bench.node:
                self._deliver_or_settle(delivery, first_try=begun is Begun.CLAIMED and delivery.attempts == 1)
        finally:
            self._bench.slots.end(delivery.destination, delivery_id)

    def end_try(self, step: Step, limit_seconds: float) -> None:
        """Record that *step* did not end within its limit, before its process is ended."""
        error = StepOverrunError(
            f"'{step.stage.value}' did not end within {limit_seconds:g} seconds; its worker was started anew. "
            "If it does so again with this case alone, the case is at fault: see limits in the settings"
        )
        with reading(self._bench.engine) as connection:
            claimed_items, claimed_deliveries = work.claimed(connection, self._bench.node)
            item = work.get_item(connection, step.subject_id) if step.subject_id in claimed_items else None
            sent = work.get_delivery(connection, step.subject_id) if step.subject_id in claimed_deliveries else None
        if item is not None:
            self._settle_item(item, error)
        elif sent is not None:
            self._settle_delivery(sent, error)

    def _analyse_or_settle(self, item: WorkItem) -> None:
        ending, error = _attempt(lambda: self._analyser.run(self._fit(item)))
        if isinstance(error, SettledError):
            _LOG.warning("A try ended after it was given up.", action="try_given_up")
        elif error is not None:
            self._settle_item(item, error)
        elif ending is not None:
            self._bench.metrics.finished(item.model, item.model_version, ending.outcome.value)
            for stage, seconds in ending.timings.items():
                self._bench.metrics.stage(Stage(stage), item.model, seconds)
            _LOG.info("A case was analysed.", action="analysed", outcome=ending.outcome.value)

    def _deliver_or_settle(self, delivery: Delivery, *, first_try: bool) -> None:
        begun_at = time.perf_counter()
        with self._bench.watch(delivery.id, Stage.DELIVER):
            objects, error = _attempt(lambda: self._deliverer.run(self._fit(delivery), first_try=first_try))
        if error is not None:
            self._settle_delivery(delivery, error)
            return
        self._bench.metrics.delivery(delivery.destination, DeliveryState.ACCEPTED.value)
        for one in objects or ():
            self._bench.metrics.answered(delivery.destination, one.kind, one.state.value)
        self._time(delivery, time.perf_counter() - begun_at)
        _LOG.info("Results were delivered.", action="delivered", destination=delivery.destination)

    def _time(self, delivery: Delivery, seconds: float) -> None:
        """The stages that end with a delivery; the whole way is over when nothing of the result is to be sent."""
        with reading(self._bench.engine) as connection:
            model, stored = work.way_of(connection, delivery.work_item_id)
        self._bench.metrics.stage(Stage.DELIVER, model, seconds)
        if stored is not None and delivery.purpose is Purpose.RESULT:
            self._bench.metrics.stage(Stage.RECEIVED_TO_STORED, model, stored)

    def _fit(self, work: _Work) -> _Work:
        """*work*, unless it was claimed more often than any failure that was caught would have let it be."""
        if self._bench.retry.is_worn_out(work.attempts, work.unended):
            raise WornOutError
        return work

    def _settle_item(self, item: WorkItem, error: Exception) -> None:
        now = datetime.now(UTC)
        decision = self._bench.retry.decide(error, item.attempts, now)
        reason, code = _told(error), type(error).__name__
        _LOG.error("An analysis failed.", action="analysis_failed", attempt=item.attempts, exc_info=error)
        with writing(self._bench.engine) as connection:
            if decision.again_at is not None:
                again = {"not_before": decision.again_at, "reason_code": code, "reason": reason, "unended": 0}
                work.move_item(connection, item.id, State.WAITING, now, **again)
            else:
                failed = {"outcome": Outcome.FAILED.value, "reason_code": code, "reason": reason, "finished_at": now}
                work.move_item(connection, item.id, State.FAILED, now, **failed)
                audit.append(connection, "failed", item.id, {"case": item.case_id, "reason_code": code})
        if decision.again_at is None:
            self._bench.metrics.finished(item.model, item.model_version, Outcome.FAILED.value)
        else:
            self._bench.metrics.retried("work", code)

    def _settle_delivery(self, delivery: Delivery, error: Exception) -> None:
        now = datetime.now(UTC)
        decision = self._bench.retry.decide(error, delivery.attempts, now)
        _LOG.error("A delivery failed.", action="delivery_failed", attempt=delivery.attempts, exc_info=error)
        with writing(self._bench.engine) as connection:
            state = ledger.settle_failure(connection, delivery, decision, _told(error), now)
        self._bench.metrics.delivery(delivery.destination, state.value)
        if state is DeliveryState.WAITING:
            self._bench.metrics.retried("delivery", type(error).__name__)


def _attempt(work: Callable[[], _Result]) -> tuple[_Result | None, Exception | None]:
    """What *work* gave, or what it broke with: the worker's boundary, where every fault becomes a recorded reason."""
    try:
        return work(), None
    except Exception as error:  # noqa: BLE001  One bad case, or one bad destination, must not stop another.
        return None, error


def _told(error: Exception) -> str:
    """The reason as kept: our own words, or the class alone of an error whose text we do not control."""
    if isinstance(error, _OURS):
        return str(error)
    return f"an unexpected {type(error).__name__} stopped the work; see the worker's log at this time"
