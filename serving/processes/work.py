"""``varsel work``: the worker."""

import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from dicom_io.commitment import CommitmentItem, CommitmentReport
from dicom_io.results.rehearsal import rehearse
from dicom_io.send.commitment import request_commitment
from models.folder_store import FolderStore
from serving.allocator import keep_freed_for_reuse
from serving.analyse import Analyser, Site
from serving.api.runtimes import RemoteRuntimes
from serving.commitment import CommitmentKeeper
from serving.deliver import Deliverer
from serving.intake import Intake
from serving.outlets import Outlets, dicom_address
from serving.processes.lifecycle import (
    demand_database,
    end_at_once,
    open_own_database,
    run_until_told,
    stop_this_process,
)
from serving.processes.retention import build_retention
from serving.processes.workitems import build_performer
from serving.records import leases
from serving.records.database import writing
from serving.records.fence import under
from serving.retention.clock import RetentionClock
from serving.settings.destinations import Destination
from serving.settings.file import Settings
from serving.settings.queues import Limits
from serving.stay_clock import StayClock
from serving.telemetry.health import Health, serve_health
from serving.telemetry.logs import configure_logging
from serving.telemetry.metric_table import Stage
from serving.telemetry.metrics import CommitmentMetrics, StayMetrics, WorkMetrics, new_registry
from serving.work.dbos_engine import DbosEngine
from serving.work.dispatcher import Dispatcher
from serving.work.engine import RunKind, WorkEngine
from serving.work.heartbeat import Heartbeat
from serving.work.retry import RetryPolicy
from serving.work.slots import Slots
from serving.work.starter import Starter
from serving.work.step_watch import StepWatch
from serving.work.turns import Patience
from serving.worker import Bench, Worker
from serving.workitems.loop import PerformerLoop

#: EX_TEMPFAIL of sysexits.h: a failure that passes; systemd and Kubernetes start the process anew.
_START_ANEW = 75
#: How often it is looked at whether begun work has ended.
_LOOK_SECONDS = 0.05


def run_work(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT, or until a step does not end; then this process ends with code 75."""
    keep_freed_for_reuse()
    configure_logging("work")
    health = Health()
    process = build_worker(settings, health)
    run_until_told(process, health)
    if process.slots.count():
        end_at_once(_START_ANEW if process.steps.overdue() else 0)


@dataclass(frozen=True, kw_only=True)
class WorkerProcess:
    """Dispatcher, engine and handlers."""

    #: Begins and finishes runs.
    work_engine: WorkEngine
    #: Hands waiting work to it.
    dispatcher: Dispatcher
    #: Keeps this node's right to work, and takes over from nodes that fall silent.
    heartbeat: Heartbeat
    #: Does the work.
    worker: Worker
    #: Connections to the model service.
    runtimes: RemoteRuntimes
    #: Connections to the destinations.
    outlets: Outlets
    #: Asks archives for storage commitment.
    commitments: CommitmentKeeper
    #: Performs UPS work items.
    performer: PerformerLoop
    #: Scores stays anew whose score has grown old.
    stay_clock: StayClock
    #: Clears away what has come to its end.
    retention: RetentionClock
    #: Told to stop, it lets begun work go on for so long.
    drain_seconds: float
    #: Places that begun work holds.
    slots: Slots
    #: Knows what every run is at.
    steps: StepWatch

    def start(self) -> None:
        """Rehearse, for the first case's sake; take up what a crash cut off, then whatever waits."""
        rehearse()
        # What is loaded by now stays: left out of Python's garbage collection, which would look through all of it, 0.1
        # to 0.2 s, in the midst of some case.
        gc.collect()
        gc.freeze()
        self.heartbeat.start()
        self.steps.start()
        self.work_engine.start(self.worker.handlers)
        self.dispatcher.start()
        self.commitments.start()
        self.performer.start()
        self.stay_clock.start()
        self.retention.start()

    def stop(self) -> None:
        """Claim nothing more, let running work finish; what does not end within its limit is settled and left."""
        self.dispatcher.stop()
        self.commitments.stop()
        self.performer.stop()
        self.stay_clock.stop()
        self.retention.stop()
        self._drain()
        self.work_engine.stop(0)
        self.steps.stop()
        for step in self.steps.overdue():
            self.worker.end_try(step, self.steps.limit_of(step.stage))
        self.heartbeat.stop()
        if not self.slots.count():
            # Whoever is stuck may hold a connection, and closing it would wait for that.
            self.runtimes.close()
            self.outlets.close()

    def _drain(self) -> None:
        deadline = time.monotonic() + self.drain_seconds
        while len(self.steps.overdue()) < self.slots.count() and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)


def build_worker(settings: Settings, health: Health | None = None) -> WorkerProcess:
    """The worker of *settings*, not started; its metrics and its *health* are served from now on."""
    health = health or Health()
    database = open_own_database(settings)
    with writing(database) as connection:
        lease = leases.take(connection, settings.work.node)
    engine = under(database, lease)
    registry = new_registry("work")
    serve_health(registry, health, settings.receive.host, settings.work.metrics_port)
    demand_database(health, database)
    steps = StepWatch(_limits(settings.limits), stop_this_process)
    destinations = {destination.name: destination for destination in settings.all_destinations}
    slots = _slots(settings)
    bench = Bench(
        engine=engine,
        node=lease.node,
        retry=_retry_policy(settings),
        slots=slots,
        metrics=WorkMetrics(registry),
        watch=steps.step,
    )
    store = FolderStore(settings.store_dir)
    runtimes = RemoteRuntimes(settings.api_url, settings.api.timeout_seconds)
    work_engine = DbosEngine(settings.database_url, settings.work.node)
    starter = Starter(engine, work_engine, node=lease.node, slots=slots, destinations=tuple(destinations))
    outlets = Outlets()
    site = _site(settings, outlets)
    analyser = Analyser(engine, store, runtimes.of, site, steps.step, starter.recording)
    intake = Intake(engine, store, settings.rules, starter.taking_in)
    dispatcher = Dispatcher(engine, work_engine, intake, starter, node=lease.node, slots=slots)
    health.demand_alive(dispatcher.why_not_alive)
    worker = Worker(bench, analyser, Deliverer(engine, destinations, outlets.of))
    keeper = CommitmentKeeper(engine, settings.destinations, _ask_commitment, CommitmentMetrics(registry))
    return WorkerProcess(
        work_engine=work_engine,
        dispatcher=dispatcher,
        heartbeat=Heartbeat(engine, lease, silence_seconds=settings.work.silence_seconds, on_lost=stop_this_process),
        worker=worker,
        runtimes=runtimes,
        outlets=outlets,
        commitments=keeper,
        performer=build_performer(settings, engine, intake),
        stay_clock=StayClock(engine, intake, settings.stays, settings.rules, StayMetrics(registry)),
        retention=build_retention(settings, engine, registry),
        drain_seconds=settings.work.drain_seconds,
        slots=slots,
        steps=steps,
    )


def _site(settings: Settings, outlets: Outlets) -> Site:
    return Site(
        destinations=settings.all_destinations,
        language=settings.site.language,
        results_dir=settings.results_dir,
        alert_policies=settings.alert_policies,
        public_url=settings.public_url,
        images=settings.images,
        before_sending=outlets.prepare,
    )


def _slots(settings: Settings) -> Slots:
    patience = Patience(
        ageing=timedelta(minutes=settings.queues.ageing_minutes),
        longest_wait=timedelta(seconds=settings.work.retry_ceiling_seconds),
    )
    lanes = {one.name: one.concurrency for one in settings.all_destinations}
    limits = {RunKind.ANALYSE.value: settings.work.concurrency} | lanes
    return Slots(limits, settings.queues.per_model, patience, settings.queues.acute_places)


def _limits(limits: Limits) -> dict[Stage, float]:
    return {
        Stage.DECODE: limits.decode_seconds,
        Stage.GUARD: limits.infer_seconds,
        Stage.PREPROCESS: limits.preprocess_seconds,
        Stage.INFER: limits.infer_seconds,
        Stage.INTERPRET: limits.interpret_seconds,
        Stage.COMPOSE: limits.compose_seconds,
        Stage.DELIVER: limits.deliver_seconds,
    }


def _retry_policy(settings: Settings) -> RetryPolicy:
    return RetryPolicy(
        first_seconds=settings.work.retry_seconds,
        ceiling_seconds=settings.work.retry_ceiling_seconds,
        maximum_attempts=settings.work.maximum_attempts,
        maximum_unended=settings.work.maximum_unended,
    )


def _ask_commitment(
    destination: Destination, transaction_uid: str, items: Sequence[CommitmentItem]
) -> CommitmentReport | None:
    return request_commitment(dicom_address(destination), transaction_uid, items)
