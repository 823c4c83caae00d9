"""``varsel work``: the worker."""

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from dicom_io.commitment import CommitmentItem, CommitmentReport
from dicom_io.results.rehearsal import rehearse
from dicom_io.send.commitment import request_commitment
from models.folder_store import FolderStore
from serving.analyse import Analyser, Site
from serving.api.runtimes import RemoteRuntimes
from serving.commitment import CommitmentKeeper
from serving.deliver import Deliverer
from serving.intake import Intake
from serving.outlets import Outlets, dicom_address
from serving.processes.lifecycle import open_own_database, run_until_told, stop_this_process
from serving.processes.retention import build_retention
from serving.processes.workitems import build_performer
from serving.records import leases
from serving.records.database import writing
from serving.records.fence import under
from serving.retention.clock import RetentionClock
from serving.settings.destinations import Destination
from serving.settings.file import Settings
from serving.stay_clock import StayClock
from serving.telemetry.logs import configure_logging
from serving.telemetry.metrics import CommitmentMetrics, StayMetrics, WorkMetrics, new_registry, serve_metrics
from serving.work.dbos_engine import DbosEngine
from serving.work.dispatcher import Dispatcher
from serving.work.engine import RunKind, WorkEngine
from serving.work.heartbeat import Heartbeat
from serving.work.retry import RetryPolicy
from serving.work.slots import Slots
from serving.work.turns import Patience
from serving.worker import Bench, Worker
from serving.workitems.loop import PerformerLoop


def run_work(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT."""
    configure_logging("work")
    run_until_told(build_worker(settings))


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

    def start(self) -> None:
        """Rehearse, for the first case's sake; take up what a crash cut off, then whatever waits."""
        rehearse()
        # What is loaded by now stays: left out of Python's garbage collection, which would look through all of it, 0.1
        # to 0.2 s, in the midst of some case.
        gc.collect()
        gc.freeze()
        self.heartbeat.start()
        self.work_engine.start(self.worker.handlers)
        self.dispatcher.start()
        self.commitments.start()
        self.performer.start()
        self.stay_clock.start()
        self.retention.start()

    def stop(self) -> None:
        """Claim nothing more, let running work finish."""
        self.dispatcher.stop()
        self.commitments.stop()
        self.performer.stop()
        self.stay_clock.stop()
        self.retention.stop()
        self.work_engine.stop(self.drain_seconds)
        self.heartbeat.stop()
        self.runtimes.close()
        self.outlets.close()


def build_worker(settings: Settings) -> WorkerProcess:
    """The worker of *settings*, not started; its metrics are served from now on."""
    database = open_own_database(settings)
    with writing(database) as connection:
        lease = leases.take(connection, settings.work.node)
    engine = under(database, lease)
    registry = new_registry("work")
    serve_metrics(registry, settings.receive.host, settings.work.metrics_port)
    destinations = {destination.name: destination for destination in settings.all_destinations}
    slots = _slots(settings)
    bench = Bench(
        engine=engine,
        node=lease.node,
        retry=_retry_policy(settings),
        slots=slots,
        metrics=WorkMetrics(registry),
    )
    store = FolderStore(settings.store_dir)
    runtimes = RemoteRuntimes(settings.api_url, settings.api.timeout_seconds)
    analyser = Analyser(engine, store, runtimes.of, _site(settings))
    work_engine = DbosEngine(settings.database_url, settings.work.node)
    intake = Intake(engine, store, settings.rules)
    dispatcher = Dispatcher(
        engine,
        work_engine,
        intake,
        node=settings.work.node,
        slots=slots,
        destinations=tuple(destinations),
    )
    outlets = Outlets()
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
    )


def _site(settings: Settings) -> Site:
    return Site(
        destinations=settings.all_destinations,
        language=settings.site.language,
        results_dir=settings.results_dir,
        alert_policies=settings.alert_policies,
        public_url=settings.public_url,
        images=settings.images,
    )


def _slots(settings: Settings) -> Slots:
    patience = Patience(
        ageing=timedelta(minutes=settings.queues.ageing_minutes),
        longest_wait=timedelta(seconds=settings.work.retry_ceiling_seconds),
    )
    lanes = {one.name: one.concurrency for one in settings.all_destinations}
    return Slots({RunKind.ANALYSE.value: settings.work.concurrency} | lanes, settings.queues.per_model, patience)


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
