"""A running site in which one process at a time is made to die, at every boundary between durable effects."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cases import PATIENCE_SECONDS, Case, Judge, Judgement, Modality, until
from nursery import ORDERS, Nursery
from peers import OrthancPeer, free_ports, start_orthanc
from postgresql_server import PostgresqlPeer, running_postgresql
from running_site import RunningSite, running_site

_SETTINGS = {
    # Nodes besides the one that is killed take over after this.
    "VARSEL_WORK__SILENCE_SECONDS": "2",
    "OMP_NUM_THREADS": "1",
}
#: The last effects of a case come after its end.
_AFTERMATH_SECONDS = 0.4


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Where the kills are made."""

    #: ``sqlite`` or ``postgresql``.
    database: str
    #: Workers on it.
    nodes: int


@dataclass(frozen=True, kw_only=True)
class Place:
    """A boundary between durable effects."""

    #: Process that comes by: ``receive`` or ``work``.
    process: str
    #: ``before`` or ``after``, the effect, and the function that asked for it.
    name: str
    #: The kill after which it was first passed, in mending what that left; empty on the straight way.
    mending: str = ""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one kill did."""

    #: Where it was.
    place: Place
    #: Whether the process came there, and died.
    killed: bool
    #: What became of the study that was under way.
    judgement: Judgement
    #: From the kill to the end of the case, the start of the process or the takeover included.
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What serves many laboratories."""

    #: The archive.
    orthanc: OrthancPeer
    #: Where processes come from.
    nursery: Nursery


class Laboratory:
    """A site whose processes obey orders to die."""

    def __init__(self, site: RunningSite, orthanc: OrthancPeer, nodes: int, database: PostgresqlPeer | None) -> None:
        """Work on *site*, whose results go to *orthanc*, and which has *nodes* workers on *database*."""
        self.site = site
        self.database = database
        self.modality = Modality(site, site.directory.name)
        self.judge = Judge(site, orthanc)
        self.nodes = nodes
        self.orders = site.directory / "orders"
        self._further_nodes = {
            f"work-{number}": {"VARSEL_WORK__NODE": f"node-{number}", "VARSEL_WORK__METRICS_PORT": str(port)}
            for number, port in zip(range(2, nodes + 1), free_ports(nodes - 1), strict=True)
        }
        self._known: set[tuple[str, str]] = set()

    @property
    def workers(self) -> tuple[str, ...]:
        """Names of the workers' processes."""
        return ("work", *self._further_nodes)

    def start(self) -> None:
        """Start whatever does not run, as a supervisor does, and wait until it is ready."""
        for name, own in self._missing():
            self.site.start(name, own)

    def _missing(self) -> Iterator[tuple[str, dict[str, str]]]:
        wanted = {"receive": {}, "work": {}} | self._further_nodes
        return ((name, own) for name, own in wanted.items() if not self.is_running(name))

    def is_running(self, name: str) -> bool:
        """Whether the process lives."""
        process = self.site.processes.get(name)
        return process is not None and process.poll() is None

    def find_places(self) -> tuple[Place, ...]:
        """Every place that one study passes, in the order of first passing."""
        (self.orders / "record").touch()
        case = self.modality.new_case()
        self.modality.send(case)
        judgement = self.judge.judge(case)
        assert judgement.is_clean, f"a study did not come through without any crash: {judgement}"
        time.sleep(_AFTERMATH_SECONDS)
        return self.new_places()

    def new_places(self, mending: str = "") -> tuple[Place, ...]:
        """Places that were passed for the first time since this was last asked, after a kill at *mending*."""
        passed = dict.fromkeys(pair for process in ("receive", "work") for pair in self._recorded(process))
        found = [pair for pair in passed if pair not in self._known]
        self._known.update(found)
        return tuple(Place(process=process, name=name, mending=mending) for process, name in found)

    def kill_at(self, place: Place) -> Verdict:
        """Send a study while a process dies at *place*; let others take over, or start it again; judge the study."""
        case = self.modality.new_case()
        first = place.mending or place.name
        self._order(place.process, first)
        self.modality.send(case)
        killed = self._dies(place.process, case)
        began = time.monotonic()
        if place.mending and killed:
            killed = self._dies_mending(place, case)
        if self.nodes == 1 or place.process == "receive":
            self.start()
        # A sender that was not told that its image is safe sends it again, as any modality does.
        self.modality.insist(case)
        judgement = self.judge.judge(case)
        seconds = time.monotonic() - began
        self.start()
        return Verdict(place=place, killed=killed, judgement=judgement, seconds=round(seconds, 2))

    def _recorded(self, process: str) -> Iterator[tuple[str, str]]:
        record = self.orders / f"places-{process}"
        names = record.read_text(encoding="utf-8").splitlines() if record.exists() else ()
        return ((process, name) for name in names)

    def _order(self, process: str, name: str) -> None:
        draft = self.orders / "draft"
        draft.write_text(f"{process}\t{name}", encoding="utf-8")
        draft.rename(self.orders / "kill")

    def _dies(self, process: str, case: Case) -> bool:
        """Whether a process dies as ordered before *case* ends, or soon after."""
        order = self.orders / "kill"
        until(lambda: not order.exists() or self.judge.has_ended(case), PATIENCE_SECONDS)
        killed = until(lambda: not order.exists(), _AFTERMATH_SECONDS)
        order.unlink(missing_ok=True)
        return killed and until(lambda: not all(map(self.is_running, self._running_as(process))), 5)

    def _dies_mending(self, place: Place, case: Case) -> bool:
        """Whether whoever mends what the first kill left dies too."""
        self._order(place.process, place.name)
        for name, own in self._missing():
            self.site.launch_only(name, own)
        self.modality.send(case)
        return self._dies(place.process, case)

    def _running_as(self, process: str) -> tuple[str, ...]:
        return tuple(name for name in self.site.processes if name.split("-")[0] == process)


@contextmanager
def bench(directory: Path) -> Iterator[Bench]:
    """An archive in *directory*, and a nursery."""
    with ExitStack() as stack:
        nursery = Nursery()
        stack.callback(nursery.close)
        orthanc = start_orthanc(directory / "orthanc")
        stack.callback(orthanc.stop)
        yield Bench(orthanc=orthanc, nursery=nursery)


@contextmanager
def laboratory(bench: Bench, surroundings: Surroundings, directory: Path) -> Iterator[Laboratory]:
    """A laboratory in *directory*, whose name nobody else at the *bench* uses."""
    with ExitStack() as stack:
        orders = directory / "orders"
        orders.mkdir(parents=True)
        database = stack.enter_context(running_postgresql()) if surroundings.database == "postgresql" else None
        site = stack.enter_context(
            running_site(
                directory,
                pacs_port=bench.orthanc.dicom_port,
                start=("api",),
                maximum_attempts=30,
                environment=_SETTINGS | {ORDERS: str(orders)},
                database_url=database.url if database else "",
                launch=bench.nursery.launch,
            )
        )
        lab = Laboratory(site, bench.orthanc, surroundings.nodes, database)
        lab.start()
        yield lab
