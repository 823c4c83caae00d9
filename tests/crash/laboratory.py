"""A running site in which one process at a time is made to die, at every boundary between durable effects."""

import json
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from cases import PATIENCE_SECONDS, Case, Judge, Modality, until
from disk import SmallDisk, small_disk
from experiment import Place, Surroundings, Verdict
from line import Line, Mode
from nursery import ORDERS, Nursery
from peers import OrthancPeer, free_ports, start_orthanc
from postgresql_server import PostgresqlPeer, running_postgresql
from running_site import RunningSite, running_site

#: Nodes besides the one that is killed take over after this.
SILENCE_SECONDS = 2
#: Processes, as their crash points call them.
_WATCHED = ("receive", "work")
#: The last effects of a case come after its end.
_AFTERMATH_SECONDS = 2.5
#: Of a worker whose steps are to overrun.
_SHORT_LIMITS = {"VARSEL_LIMITS__COMPOSE_SECONDS": "10", "VARSEL_LIMITS__DELIVER_SECONDS": "10"}
#: A place that is not come to within this is not come to at all: the first start of all passes some that no later does.
_OBEDIENCE_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Lines:
    """The network between Varsel's processes and others."""

    #: To the archive.
    pacs: Line
    #: From the workers to the model service.
    api: Line


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What serves many laboratories."""

    #: The archive.
    orthanc: OrthancPeer
    #: Where processes come from.
    nursery: Nursery


class Laboratory:
    """A site whose processes obey orders to die."""

    def __init__(
        self, site: RunningSite, orthanc: OrthancPeer, lines: Lines, nodes: int, database: PostgresqlPeer | None
    ) -> None:
        """Work on *site*, which speaks to *orthanc* over *lines*, and has *nodes* workers on *database*."""
        self.site = site
        self.lines = lines
        self.database = database
        #: The disk that its files lie on, where that may be filled.
        self.disk: SmallDisk | None = None
        self.modality = Modality(site, site.directory.name)
        self.judge = Judge(site, orthanc)
        self.nodes = nodes
        self.orders = site.directory / "orders"
        ports = free_ports(nodes - 1)
        api = {"VARSEL_API__PORT": str(lines.api.port)}
        self._workers = {"work": api} | {
            f"work-{number}": api | {"VARSEL_WORK__NODE": f"node-{number}", "VARSEL_WORK__METRICS_PORT": str(port)}
            for number, port in enumerate(ports, start=2)
        }
        self._known: set[tuple[str, str]] = set()
        self._passed_at_start: set[str] = set()
        #: Processes of which one is to die.
        self._watched: set[str] = set()

    @property
    def workers(self) -> tuple[str, ...]:
        """Names of the workers' processes."""
        return tuple(self._workers)

    def start(self) -> None:
        """Start whatever does not run, as a supervisor does, and wait until it is ready."""
        for name, own in self._missing():
            self.site.start(name, own)

    def _missing(self) -> Iterator[tuple[str, dict[str, str]]]:
        wanted: dict[str, dict[str, str]] = {"api": {}, "receive": {}} | self._workers
        return ((name, own) for name, own in wanted.items() if not self.is_running(name))

    def is_running(self, name: str) -> bool:
        """Whether the process lives."""
        process = self.site.processes.get(name)
        return process is not None and process.poll() is None

    def find_places(self) -> tuple[Place, ...]:
        """Every place that one study passes, and those of a start, which follows a kill, in the order of passing."""
        (self.orders / "record").touch()
        for process in _WATCHED:
            self.site.kill(process)
        self.start()
        at_start = self.new_places()
        self._forget()
        case = self.modality.new_case()
        self.modality.send(case)
        judgement = self.judge.judge(case)
        assert judgement.is_clean, f"a study did not come through without any crash: {judgement}"
        time.sleep(_AFTERMATH_SECONDS)
        straight = self.new_places()
        only_at_start = [place for place in at_start if place not in straight]
        self._passed_at_start = {place.name for place in only_at_start}
        self._known.update((place.process, place.name) for place in only_at_start)
        return (*straight, *(replace(place, mending=_midway(straight, place.process)) for place in only_at_start))

    def new_places(self, mending: str = "") -> tuple[Place, ...]:
        """Places that were passed for the first time since this was last asked, after a kill at *mending*."""
        passed = dict.fromkeys(pair for process in _WATCHED for pair in self._recorded(process))
        found = [pair for pair in passed if pair not in self._known]
        self._known.update(found)
        return tuple(Place(process=process, name=name, mending=mending) for process, name in found)

    def kill_at(self, place: Place) -> Verdict:
        """Send a study while a process dies at *place*; let others take over, or start it again; judge the study."""
        case = self.modality.new_case()
        first = place.mending or place.name
        self._order(signal.SIGKILL, place.process, first)
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

    def freeze_at(self, place: Place) -> Verdict:
        """Send a study while a worker is frozen at *place*; let others take over; thaw it; judge the study."""
        # On a machine that is too busy to let a node beat in time, one may have ended by itself.
        self.start()
        case = self.modality.new_case()
        self._order(signal.SIGSTOP, place.process, place.name)
        self.modality.send(case)
        frozen = self._is_obeyed(case)
        began = time.monotonic()
        # Alone, nobody takes over; on a file, whoever is frozen in the midst of a transaction holds up everybody.
        can_end = bool(self.database) and self.nodes > 1
        until(lambda: self.judge.has_ended(case), PATIENCE_SECONDS if can_end else 2 * SILENCE_SECONDS)
        for name in self._workers:
            self.site.signal(name, signal.SIGCONT)
        # A sender that was held up so long that it was told nothing sends again, as any modality does.
        self.modality.insist(case)
        judgement = self.judge.judge(case)
        seconds = time.monotonic() - began
        self.settle()
        return Verdict(place=place, killed=frozen, judgement=judgement, seconds=round(seconds, 2))

    def hang_at(self, effect: str) -> None:
        """Let a worker that looks closely at its limits come to a stop before an *effect* that is named like this.

        Nothing else would end it: a limit must.
        """
        for name, own in self._workers.items():
            self.site.kill(name)
            self.site.start(name, own | _SHORT_LIMITS)
        draft = self.orders / "draft"
        draft.write_text(f"work\tbefore {effect}", encoding="utf-8")
        draft.rename(self.orders / "hang")

    def has_ended_a_worker(self) -> bool:
        """Whether a worker has ended by itself."""
        return not all(self.is_running(name) for name in self._workers)

    def reasons(self) -> list[str]:
        """What Varsel says of the cases that it gave up, for whoever looks for the fault."""
        return [f"{item.case_id}: {item.attempts} tries, {item.reason}" for item in self.site.items() if item.reason]

    def hold_models(self) -> None:
        """No model answers until `release_models`."""
        self.lines.api.set(Mode.STALLED)

    def release_models(self) -> None:
        """Answers come again, those that were held among them."""
        self.lines.api.set(Mode.OPEN)

    def settle(self) -> None:
        """Wait until whoever was believed dead has noticed, and start anew whoever then ends."""
        time.sleep(SILENCE_SECONDS / 2)
        self.start()

    def _forget(self) -> None:
        """Take nothing for passed before."""
        self._known.clear()
        for process in _WATCHED:
            (self.orders / f"places-{process}").unlink()

    def _recorded(self, process: str) -> Iterator[tuple[str, str]]:
        record = self.orders / f"places-{process}"
        names = record.read_text(encoding="utf-8").splitlines() if record.exists() else ()
        return ((process, name) for name in names)

    def _order(self, number: signal.Signals, process: str, name: str) -> None:
        self._watched = self._alive(process)
        draft = self.orders / "draft"
        draft.write_text(f"{number.value}\t{process}\t{name}", encoding="utf-8")
        draft.rename(self.orders / "signal")

    def _dies(self, process: str, case: Case) -> bool:
        """Whether a process dies as ordered before *case* ends, or soon after."""
        return self._is_obeyed(case) and until(lambda: not self._watched <= self._alive(process), 5)

    def _is_obeyed(self, case: Case) -> bool:
        order = self.orders / "signal"
        until(lambda: not order.exists() or self.judge.has_ended(case), _OBEDIENCE_SECONDS)
        obeyed = until(lambda: not order.exists(), _AFTERMATH_SECONDS)
        order.unlink(missing_ok=True)
        return obeyed

    def _dies_mending(self, place: Place, case: Case) -> bool:
        """Whether whoever mends what the first kill left dies too: another node, or the same when it starts again."""
        taken_over = self.nodes > 1 and place.process == "work" and place.name not in self._passed_at_start
        self._order(signal.SIGKILL, place.process, place.name)
        if taken_over and self._dies(place.process, case):
            return True
        self._order(signal.SIGKILL, place.process, place.name)
        for name, own in self._missing():
            self.site.launch_only(name, own)
            self._watched |= {name}
        self.modality.send(case)
        return self._dies(place.process, case)

    def _alive(self, process: str) -> set[str]:
        return {name for name in self.site.processes if name.split("-")[0] == process and self.is_running(name)}


def _midway(places: Sequence[Place], process: str) -> str:
    """A place of *process* at which there is something to mend."""
    names = [place.name for place in places if place.process == process]
    return names[len(names) // 2]


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
def laboratory(
    bench: Bench, surroundings: Surroundings, directory: Path, *, on_a_small_disk: bool = False
) -> Iterator[Laboratory]:
    """A laboratory in *directory*, whose name nobody else at the *bench* uses."""
    with ExitStack() as stack:
        image = directory.with_suffix(".ext4")
        disk = stack.enter_context(small_disk(image, directory / "data")) if on_a_small_disk else None
        orders = directory / "orders"
        orders.mkdir(parents=True)
        database = stack.enter_context(running_postgresql()) if surroundings.database == "postgresql" else None
        pacs = Line(bench.orthanc.dicom_port)
        stack.callback(pacs.close)
        site = stack.enter_context(
            running_site(
                directory,
                pacs_port=pacs.port,
                start=(),
                # A model service or an archive that is slow to start again is no reason to give up.
                maximum_attempts=1000,
                environment=_settings(pacs) | {ORDERS: str(orders)},
                database_url=database.url if database else "",
                launch=bench.nursery.launch,
            )
        )
        said_before = site.launch_only("api")
        api = Line(site.ports["api"])
        stack.callback(api.close)
        _introduce(bench.orthanc, site)
        lab = Laboratory(site, bench.orthanc, Lines(pacs=pacs, api=api), surroundings.nodes, database)
        lab.disk = disk
        # Beside the slow start of the model service.
        lab.start()
        site.wait_until_ready("api", said_before)
        yield lab


def _settings(pacs: Line) -> dict[str, str]:
    archive = {
        "name": "pacs",
        "host": "127.0.0.1",
        "port": pacs.port,
        "ae_title": "TESTPACS",
        "timeout_seconds": 3,
        "storage_commitment": True,
        "commitment_seconds": 5,
    }
    return {
        "VARSEL_WORK__SILENCE_SECONDS": str(SILENCE_SECONDS),
        "VARSEL_API__TIMEOUT_SECONDS": "3",
        "VARSEL_DESTINATIONS": json.dumps([archive]),
        "OMP_NUM_THREADS": "1",
    }


def _introduce(orthanc: OrthancPeer, site: RunningSite) -> None:
    """Tell the archive where its reports on storage commitment go."""
    ours = {"AET": "VARSEL", "Host": "127.0.0.1", "Port": site.ports["receive"], "AllowStorageCommitment": True}
    orthanc.rest.put("/modalities/varsel", json=ours).raise_for_status()
