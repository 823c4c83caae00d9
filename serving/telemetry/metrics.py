"""What each process counts: verbs for the code that does the work, over the metrics of ``metric_table``."""

import shutil
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

from serving.telemetry import metric_table as table
from serving.telemetry.metric_table import Spec, Stage
from serving.work.item import CommitmentState

_Made = TypeVar("_Made", Counter, Gauge)


class StoreMetrics:
    """What every door that takes DICOM objects counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the door's metrics in *registry*."""
        self._instances = _made(Counter, table.RECEIVED_INSTANCES, registry)
        self._bytes = _made(Counter, table.RECEIVED_BYTES, registry)
        self._seconds = _histogram(table.RECEIVE_SECONDS, registry)
        # The statuses are few, and finding the children of one takes longer than counting.
        self._of_status = cache(self._find)

    def received(self, status: int, size_bytes: int, seconds: float) -> None:
        """One instance of *size_bytes* was answered with DIMSE *status* after *seconds*."""
        instances, total, times = self._of_status(status)
        instances.inc()
        total.inc(size_bytes)
        times.observe(seconds)

    def _find(self, status: int) -> tuple[Counter, Counter, Histogram]:
        label = f"{status:04X}"
        return self._instances.labels(label), self._bytes.labels(label), self._seconds.labels(label)


class ReceiveMetrics(StoreMetrics):
    """What the DICOM node counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the node's metrics in *registry*."""
        super().__init__(registry)
        self._refusals = _made(Counter, table.REFUSALS, registry)

    def refused(self, door: str, reason_code: str) -> None:
        """Input was refused at *door* for *reason_code*."""
        self._refusals.labels(door, reason_code).inc()


class FeedMetrics:
    """What the HL7 feed counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the feed's metrics in *registry*."""
        self._messages = _made(Counter, table.FEED_MESSAGES, registry)
        self._seconds = _histogram(table.FEED_SECONDS, registry)
        self._refusals = _made(Counter, table.REFUSALS, registry)

    def answered(self, kind: str, code: str, seconds: float) -> None:
        """A message of *kind* (of those that are read, else ``other``) was answered with MSA-1 *code*."""
        self._messages.labels(kind, code).inc()
        self._seconds.observe(seconds)

    def refused(self, door: str, reason_code: str) -> None:
        """A part of a message was refused at *door* for *reason_code*."""
        self._refusals.labels(door, reason_code).inc()


class WorkMetrics:
    """What a worker counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the worker's metrics in *registry*."""
        self._finished = _made(Counter, table.WORK_ITEMS_FINISHED, registry)
        self._stages = _histogram(table.STAGE_SECONDS, registry)
        self._retries = _made(Counter, table.RETRIES, registry)
        self._deliveries = _made(Counter, table.DELIVERIES, registry)
        self._objects = _made(Counter, table.DELIVERED_OBJECTS, registry)

    def finished(self, model: str, model_version: str, outcome: str) -> None:
        """A work item of *model* reached *outcome* (``dicom_io.findings.Outcome`` value)."""
        self._finished.labels(model, model_version, outcome).inc()

    def stage(self, stage: Stage, model: str, seconds: float) -> None:
        """One *stage* of a work item of *model* took *seconds*."""
        self._stages.labels(stage.value, model).observe(seconds)

    def delivery(self, destination: str, state: str) -> None:
        """A delivery to *destination* reached *state* (``serving.work.item.DeliveryState`` value)."""
        self._deliveries.labels(destination, state).inc()

    def answered(self, destination: str, kind: str, state: str) -> None:
        """An object of *kind* stands at *destination* in *state* (``serving.work.item.ObjectState`` value)."""
        self._objects.labels(destination, kind, state).inc()

    def retried(self, kind: str, reason_code: str) -> None:
        """Another try was put off for *reason_code*; *kind* is ``work`` or ``delivery``."""
        self._retries.labels(kind, reason_code).inc()


class CommitmentMetrics:
    """What is counted of storage commitments, where they are asked for and where reports come in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register in *registry*."""
        self._commitments = _made(Counter, table.COMMITMENTS, registry)

    def commitment(self, destination: str, state: CommitmentState) -> None:
        """A request to *destination* reached *state*."""
        self._commitments.labels(destination, state.value).inc()


class StayMetrics:
    """What the clock of the stays counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register in *registry*."""
        self._running = _made(Gauge, table.STAYS_RUNNING, registry)
        self._stale = _made(Gauge, table.STAYS_STALE, registry)
        self._silent = _made(Gauge, table.STAYS_SILENT, registry)
        self._rescored = _made(Counter, table.STAYS_RESCORED, registry)

    def fresh(self, running: int, stale: int, silent: int) -> None:
        """Of *running* stays, the scores of *stale* are old, and *silent* told nothing for long."""
        self._running.set(running)
        self._stale.set(stale)
        self._silent.set(silent)

    def rescored(self, count: int) -> None:
        """*count* stays were scored anew because time had passed."""
        self._rescored.inc(count)


class RetentionMetrics:
    """What is counted of clearing away."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register in *registry*."""
        self._cleared = _made(Counter, table.CLEARED, registry)
        self._bytes = _made(Counter, table.CLEARED_BYTES, registry)
        self._failures = _made(Counter, table.CLEAN_FAILURES, registry)
        self._cleaned_at = _made(Gauge, table.CLEANED_AT, registry)

    def cleared(self, kind: str, size_bytes: int) -> None:
        """One thing of *kind* (``serving.retention.broom.Kind`` value) was cleared away, and *size_bytes* with it."""
        self._cleared.labels(kind).inc()
        self._bytes.labels(kind).inc(size_bytes)

    def failed(self, kind: str) -> None:
        """A thing of *kind* could not be cleared away."""
        self._failures.labels(kind).inc()

    def cleaned_at(self, timestamp: float) -> None:
        """A round ended at *timestamp*, Unix time."""
        self._cleaned_at.set(timestamp)


def show_admission(registry: CollectorRegistry, is_held: Callable[[], bool]) -> None:
    """Show whether senders are asked to come later, asked at each scrape."""
    _made(Gauge, table.ADMISSION_HELD, registry).set_function(lambda: float(is_held()))


def measure_disk(registry: CollectorRegistry, directory: Path, minimum_free_bytes: int) -> None:
    """Show how full the disk of *directory* is, asked at each scrape, beside what must stay free on it."""
    _made(Gauge, table.DISK_FREE, registry).set_function(lambda: shutil.disk_usage(directory).free)
    _made(Gauge, table.DISK_REQUIRED, registry).set(minimum_free_bytes)


class WebMetrics:
    """What the pages and the FHIR and CDS Hooks doors count."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the web process's metrics in *registry*."""
        #: Where they are, for whoever serves ``/metrics``.
        self.registry = registry
        self._seconds = _histogram(table.HTTP_SECONDS, registry)
        self._refusals = _made(Counter, table.REFUSALS, registry)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """A request to *route* (its pattern, never its path) was answered with HTTP *status* after *seconds*."""
        self._seconds.labels(route, str(status)).observe(seconds)

    def refused(self, door: str, reason_code: str) -> None:
        """Input was refused at *door* for *reason_code*."""
        self._refusals.labels(door, reason_code).inc()


def new_registry(process: str) -> CollectorRegistry:
    """A registry that knows *process* (``receive``, ``work``, ``web``): its build, memory and CPU."""
    registry = CollectorRegistry(auto_describe=True)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    _made(Gauge, table.BUILD_INFO, registry).labels(installed_version(), process).set(1)
    return registry


def installed_version() -> str:
    """The installed version of Varsel, ``0`` in a tree that was never installed."""
    try:
        return version("varsel")
    except PackageNotFoundError:
        return "0"


def _made(kind: type[_Made], spec: Spec, registry: CollectorRegistry) -> _Made:
    return kind(spec.name, spec.text, spec.labels, registry=registry)


def _histogram(spec: Spec, registry: CollectorRegistry) -> Histogram:
    return Histogram(spec.name, spec.text, spec.labels, registry=registry, buckets=spec.buckets)
