"""Worker nodes on one set of tables, moved step by step: crash, freeze, burial and waking up are calls of methods.

Everything but the outermost edge is the real thing: leases, fence, dispatcher, worker, retry policy, deliverer and
ledger. Scripted are the analysis itself, the archives, and the engine that keeps begun runs over a crash.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, auto
from functools import cache
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, select, update

from dicom_io.errors import UnreachableError
from dicom_io.findings import Outcome
from dicom_io.results.kinds import ResultKind, audience
from dicom_io.results.write import WrittenObject
from dicom_io.send.destination import Receipt, Reference, Refusal
from dicom_io.uids import derive_uid
from models.errors import RuntimeUnavailableError, UnfitInputError
from serving.analyse import Ending
from serving.deliver import Deliverer
from serving.dispatch import Outgoing
from serving.errors import FencedError
from serving.records import fence, leases, results, work
from serving.records.database import open_database, reading, writing
from serving.records.schema import DELIVERY, METADATA, RESULT, WORK_ITEM
from serving.records.work import WorkItem
from serving.settings.destinations import Destination
from serving.telemetry.metrics import WorkMetrics
from serving.work.dispatcher import Dispatcher
from serving.work.engine import Handler, RunKind
from serving.work.item import State
from serving.work.retry import RetryPolicy
from serving.work.slots import Slots
from serving.work.starter import Starter
from serving.worker import Bench, Worker

MAXIMUM_ATTEMPTS = 3
AT_ONCE = RetryPolicy(first_seconds=0, ceiling_seconds=0, maximum_attempts=MAXIMUM_ATTEMPTS)
#: As often as DBOS begins a run again that takes its process down.
MAXIMUM_RECOVERIES = 5


class Way(Enum):
    """What happens during one run."""

    WELL = auto()
    #: The model service, or the archive, does not answer.
    PASSING = auto()
    #: The case breaks the analysis; the archive refuses the object.
    BROKEN = auto()
    #: The model will not take the input; as BROKEN for an archive.
    REFUSED = auto()
    #: The archive stores all of it, or half of it, and then does not say so.
    SILENT = auto()
    HALF = auto()
    #: The process is killed before or after the effect that others see.
    KILLED_BEFORE = auto()
    KILLED_AFTER = auto()
    #: The process is frozen there; another node buries it and does its work; then it wakes up.
    FROZEN_BEFORE = auto()
    FROZEN_AFTER = auto()


class Killed(BaseException):
    """As kill -9: no handler for errors sees it."""


@dataclass(kw_only=True)
class Run:
    """A begun run, as the durable engine keeps it over a crash."""

    kind: RunKind
    subject_id: str
    recoveries: int = 0


class KeptRuns:
    """A WorkEngine that keeps what was begun until it is told to go on."""

    def __init__(self, runs: list[Run]) -> None:
        self.runs = runs

    def start(self, handlers: Mapping[RunKind, Handler]) -> None:
        """The node calls the handlers itself."""

    def unfinished(self) -> Collection[str]:
        return [run.subject_id for run in self.runs]

    def run(self, kind: RunKind, run_id: str, subject_id: str) -> None:
        self.runs.append(Run(kind=kind, subject_id=subject_id))

    def stop(self, timeout_seconds: float) -> None:
        """There is nothing to wait for."""


class NoIntake:
    """Cases are queued by the test."""

    def take_due(self) -> int:
        return 0


class ScriptedAnalyser:
    """Records what an analysis would, as the real one does: rows and deliveries in one transaction."""

    def __init__(self, site: "Site", node: "Node") -> None:
        self._site = site
        self._node = node

    def run(self, item: WorkItem) -> Ending | None:
        if item.state is not State.RUNNING:
            return None
        assert item.attempts <= self._site.retry.maximum_attempts
        way = self._site.ways.get(item.id, self._site.way)
        self._site.disturb(self._node, way, before=True)
        if way is Way.PASSING:
            raise RuntimeUnavailableError
        if way is Way.REFUSED:
            raise UnfitInputError("the model takes 1 channel, 3 were given")
        if way is Way.BROKEN:
            raise ValueError("the pixels are upside down")
        self._record(item)
        self._site.disturb(self._node, way, before=False)
        return Ending(outcome=Outcome.FINDING, timings={}, deliveries=len(self._site.destinations))

    def _record(self, item: WorkItem) -> None:
        now = datetime.now(UTC)
        outgoing = Outgoing(objects=[self._site.write(item, kind) for kind in self._site.kinds], messages=())
        with self._node.starter.recording(self._node.engine) as connection:
            results.keep_objects(connection, item.id, outgoing.all, now)
            results.queue_deliveries(connection, item, outgoing.dispatches(self._site.destinations), now)
            work.move_item(connection, item.id, State.DELIVERING, now, outcome=Outcome.FINDING.value)


class ScriptedArchive:
    """Takes stored objects and nothing else."""

    def __init__(self, site: "Site") -> None:
        self._site = site
        self.held: dict[str, bytes] = {}
        self.is_down = False

    def of(self, node: "Node") -> "Line":
        return Line(archive=self, site=self._site, node=node)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One node's way to an archive."""

    archive: ScriptedArchive
    site: "Site"
    node: "Node"

    def send(self, objects: Sequence[Path]) -> tuple[Receipt | Refusal, ...]:
        way = self.site.way
        self.site.disturb(self.node, way, before=True)
        if way is Way.PASSING or self.archive.is_down:
            raise UnreachableError("nobody answers")
        if way in {Way.BROKEN, Way.REFUSED}:
            return tuple(Refusal(sop_instance_uid=path.stem, reason="0110 processing failure") for path in objects)
        for path in objects[:1] if way is Way.HALF else objects:
            self._take(path)
        if way in {Way.SILENT, Way.HALF}:
            raise UnreachableError
        self.site.disturb(self.node, way, before=False)
        return tuple(Receipt(sop_instance_uid=path.stem, status=0, at=datetime.now(UTC)) for path in objects)

    def holds(self, references: Sequence[Reference]) -> AbstractSet[str]:
        if self.archive.is_down:
            raise UnreachableError("nobody answers")
        return {one.sop_instance_uid for one in references} & self.archive.held.keys()

    def close(self) -> None:
        """Nothing was opened."""

    def _take(self, path: Path) -> None:
        with reading(self.site.engine) as connection:
            stored = connection.scalar(select(RESULT.c.sha256).where(RESULT.c.sop_instance_uid == path.stem))
        content = path.read_bytes()
        assert stored == hashlib.sha256(content).hexdigest(), "an object left the house that the tables do not hold"
        assert self.archive.held.setdefault(path.stem, content) == content, "one identity, two contents"


@dataclass(kw_only=True)
class Site:
    """Tables, archives and nodes."""

    directory: Path
    engine: Engine
    destinations: Sequence[Destination]
    kinds: Sequence[ResultKind] = (ResultKind.SR, ResultKind.SC)
    archives: dict[str, ScriptedArchive] = field(default_factory=dict)
    nodes: list["Node"] = field(default_factory=list)
    way: Way = Way.WELL
    #: Work item -> how its analysis goes, where it is its own.
    ways: dict[str, Way] = field(default_factory=dict)
    retry: RetryPolicy = AT_ONCE

    def write(self, item: WorkItem, kind: ResultKind) -> WrittenObject:
        """One object of *item* on disk, the same each time."""
        uid = derive_uid("result", item.id, kind.value)
        content = f"{item.id} {kind.value}".encode()
        path = self.directory / f"{uid}.dcm"
        path.write_bytes(content)
        return WrittenObject(
            kind=kind,
            audience=audience(kind),
            sop_class_uid="1.2.3",
            sop_instance_uid=uid,
            series_instance_uid=derive_uid("series", item.id),
            path=path,
            sha256=hashlib.sha256(content).hexdigest(),
        )

    def disturb(self, node: "Node", way: Way, *, before: bool) -> None:
        """What *way* does to *node* at this point of its run."""
        if way is (Way.KILLED_BEFORE if before else Way.KILLED_AFTER):
            raise Killed
        if way is (Way.FROZEN_BEFORE if before else Way.FROZEN_AFTER):
            self._freeze(node)

    def _freeze(self, node: "Node") -> None:
        for other in self.nodes:
            if other is not node and other.is_up:
                other.bury(node)
                with self.going(Way.WELL):
                    other.work()
                return

    @contextmanager
    def going(self, way: Way) -> Iterator[None]:
        """While every run goes *way*."""
        before, self.way = self.way, way
        yield
        self.way = before

    def time_passes(self) -> None:
        """As if every wait were over."""
        now = datetime.now(UTC)
        with writing(self.engine) as connection:
            for table in (WORK_ITEM, DELIVERY):
                connection.execute(update(table).values(not_before=now))

    def queue(self, case: str, generation: int) -> str:
        """Close a generation of a case, as `Intake` does; the id of its work item."""
        now = datetime.now(UTC)
        item_id = derive_uid("work-item", case, str(generation))
        with writing(self.engine) as connection:
            work.supersede_older(connection, case, generation, now)
            work.add_item(connection, _columns(item_id, case, generation, now))
        return item_id


class Node:
    """One worker process at a time under one name."""

    def __init__(self, site: Site, name: str) -> None:
        self._site = site
        self.name = name
        self.runs: list[Run] = []
        self.is_up = False
        self.start()

    def start(self) -> None:
        """Begin a new process; what the last one had begun is taken up again."""
        with writing(self._site.engine) as connection:
            lease = leases.take(connection, self.name)
        self.engine = fence.under(self._site.engine, lease)
        self._slots = Slots({RunKind.ANALYSE.value: 2})
        metrics = WorkMetrics(CollectorRegistry())
        bench = Bench(engine=self.engine, node=self.name, retry=self._site.retry, slots=self._slots, metrics=metrics)
        destinations = {one.name: one for one in self._site.destinations}
        deliverer = Deliverer(self.engine, destinations, lambda one: self._site.archives[one.name].of(self))
        analyser: Any = ScriptedAnalyser(self._site, self)
        self._handlers = Worker(bench, analyser, deliverer).handlers
        intake: Any = NoIntake()
        runs = KeptRuns(self.runs)
        own: Any = {"node": self.name, "slots": self._slots}
        self.starter = Starter(self.engine, runs, **own, destinations=tuple(destinations))
        self._dispatcher = Dispatcher(self.engine, runs, intake, self.starter, **own)
        self._slots.expect(runs.unfinished())
        self.is_up = True
        self._guarded(self._dispatcher._sweep)

    def stop(self) -> None:
        """Give the lease back, as on SIGTERM; begun runs stay with the engine."""
        self._guarded(self._leave)
        self.is_up = False

    def kill(self) -> None:
        """kill -9."""
        self.is_up = False

    def bury(self, other: "Node") -> None:
        """Take *other* for dead."""
        with reading(self.engine) as connection:
            pulses = {one.node: one for one in leases.pulses(connection, besides=self.name)}
        if other.name in pulses:
            with writing(self.engine) as connection:
                leases.bury(connection, pulses[other.name], datetime.now(UTC))

    def claim(self) -> None:
        """Begin whatever waits and finds a place."""
        self._guarded(self._dispatcher.turn)

    def sweep(self) -> None:
        """Put back what nobody works on."""
        self._guarded(self._dispatcher._sweep)

    def go_on(self, run: Run) -> None:
        """Do one begun *run*."""
        try:
            self._handlers[run.kind](run.subject_id)
        except Killed:
            self.is_up = False
            run.recoveries += 1
            if run.recoveries > MAXIMUM_RECOVERIES:
                self.runs.remove(run)
        except FencedError:
            self.is_up = False
            self.runs.remove(run)
        else:
            self.runs.remove(run)

    def work(self) -> None:
        """Do all there is until nothing is left, or this process ends."""
        for _ in range(50):
            self.sweep()
            self.claim()
            if not self.runs:
                return
            for run in list(self.runs):
                if self.is_up and run in self.runs:
                    self.go_on(run)
        assert not self.is_up, "a node works for ever"

    @property
    def epoch(self) -> int:
        lease: fence.Lease = self.engine.get_execution_options()["lease"]
        return lease.epoch

    def _leave(self) -> None:
        with writing(self.engine) as connection:
            leases.leave(connection, fence.Lease(node=self.name, epoch=self.epoch), datetime.now(UTC))

    def _guarded(self, step: Callable[[], None]) -> None:
        """*step*, unless this process was buried: then it ends."""
        if self.is_up:
            try:
                step()
            except FencedError:
                self.is_up = False


def open_site(directory: Path, names: Sequence[str] = ("node-1", "node-2"), engine: Engine | None = None) -> Site:
    """A site on *engine*, else on tables in memory; two archives, one of which can be asked; a node for each name."""
    common: dict[str, Any] = {"host": "127.0.0.1", "port": 104, "ae_title": "PACS", "fallback": ()}
    destinations = (
        Destination(name="pacs", storage_commitment=True, **common),
        Destination(name="blind", can_query=False, **common),
    )
    site = Site(directory=directory, engine=engine or _in_memory(), destinations=destinations)
    site.archives = {one.name: ScriptedArchive(site) for one in destinations}
    site.nodes = [Node(site, name) for name in names]
    return site


def _in_memory() -> Engine:
    engine = open_database("sqlite://")
    connection: Any = engine.raw_connection()
    connection.driver_connection.deserialize(_empty_tables())
    connection.close()
    return engine


@cache
def _empty_tables() -> bytes:
    """All tables as SQLite keeps them; to make them anew for each site takes a tenth of a second."""
    engine = open_database("sqlite://")
    METADATA.create_all(engine)
    connection = engine.raw_connection()
    content: bytes = connection.driver_connection.serialize()
    connection.close()
    engine.dispose()
    return content


def _columns(item_id: str, case: str, generation: int, now: datetime) -> dict[str, Any]:
    return {
        "id": item_id,
        "kind": "imaging",
        "case_id": case,
        "generation": generation,
        "rule": "chest",
        "model": "chest_xray_opacity",
        "model_version": "0.1.0",
        "release_digest": "a" * 64,
        "priority": 2,
        "state": State.QUEUED.value,
        "not_before": now,
        "created_at": now,
        "input_at": now,
    }
