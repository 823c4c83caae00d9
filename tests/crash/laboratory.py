"""One kill -9 at a time, at every boundary between durable effects, judged by what others know.

The judge never asks Varsel whether all is well: it compares what the sender was told (C-STORE) with what the archive
holds (Orthanc), and asks only whether the case has come to an end.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from factories.dicom import write
from peers import OrthancPeer, free_ports, run_dcmtk, start_orthanc
from postgresql_server import postgresql
from running_site import RunningSite, running_site
from test_imaging_line import chest, in_orthanc

_HERE = Path(__file__).parent
#: What one radiograph with a finding becomes: an SR and an SC.
_OBJECTS_A_STUDY = 2
_PATIENCE_SECONDS = 90.0
#: Nodes besides the one that is killed take over after this.
_SILENCE = {"VARSEL_WORK__SILENCE_SECONDS": "3"}


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Where the kills are made."""

    #: ``sqlite`` or ``postgresql``.
    database: str
    #: Workers on it.
    nodes: int


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one kill did."""

    #: Process that was killed: ``receive`` or ``work``.
    process: str
    #: Where: ``before`` or ``after``, the effect, and the function that asked for it.
    place: str
    #: Whether the process came there, and died.
    killed: bool
    #: The sender was told that the study is safe, and the archive lacks a result of it.
    lost: bool
    #: The case has no end.
    stuck: bool
    #: The archive holds more than one set of results.
    doubled: bool
    #: From the kill to the end of the case, the start of the process included.
    seconds: float

    @property
    def is_clean(self) -> bool:
        """Nothing was lost, stuck or doubled."""
        return not (self.lost or self.stuck or self.doubled)


class Laboratory:
    """A running site in which one process at a time is made to die."""

    def __init__(self, site: RunningSite, orthanc: OrthancPeer, nodes: int) -> None:
        """Work on *site*, whose results go to *orthanc*, and which has *nodes* workers."""
        self._site = site
        self._orthanc = orthanc
        self._nodes = nodes
        self._armed = site.directory / "armed"
        self._count = 0

    def find_places(self, process: str) -> tuple[str, ...]:
        """Every place that one study passes in *process*, in the order of first passing."""
        record = self._site.directory / f"{process}.places"
        self._restart(process, {"CRASH_RECORD": str(record)})
        image, study = self._new_study()
        with self._looking():
            assert self._send(image), f"a study was refused without any crash: {process}"
            assert self._ends(study), "a study did not end without any crash"
        self._restart(process, {})
        return tuple(dict.fromkeys(record.read_text().splitlines()))

    def kill_at(self, process: str, place: str) -> Verdict:
        """Send a study while *process* dies at *place*; start it again; see what became of the study."""
        self._restart(process, {"CRASH_AT": place})
        image, study = self._new_study()
        with self._looking():
            told = self._send(image)
            killed = self._dies(process, study)
        began = time.monotonic()
        if self._nodes == 1 or process == "receive":
            self._restart(process, {})
        # A sender that was not told that its image is safe sends it again, as any modality does.
        told = told or self._send(image)
        ended = self._ends(study)
        held = {one.SOPInstanceUID for one in in_orthanc(self._orthanc, study)}
        seconds = time.monotonic() - began
        self._restart(process, {})
        return Verdict(
            process=process,
            place=place,
            killed=killed,
            lost=not told or len(held) < _OBJECTS_A_STUDY,
            stuck=not ended,
            doubled=len(held) > _OBJECTS_A_STUDY,
            seconds=round(seconds, 2),
        )

    @contextmanager
    def _looking(self) -> Iterator[None]:
        self._armed.touch()
        yield
        self._armed.unlink()

    def _new_study(self) -> tuple[Path, str]:
        self._count += 1
        image = chest(f"crash-{self._count}")
        (path,) = write([image], self._site.directory / f"sent-{self._count}")
        return path, str(image.StudyInstanceUID)

    def _send(self, path: Path) -> bool:
        """Whether the sender was told that its image is safe."""
        arguments = ["-R", "-aec", "VARSEL", "127.0.0.1", self._site.ports["receive"], path]
        return run_dcmtk("storescu", arguments).returncode == 0

    def _restart(self, process: str, crash: dict[str, str]) -> None:
        if process in self._site.processes:
            self._site.kill(process)
        watched = {"CRASH_ARMED": str(self._armed), "PYTHONPATH": f"{_HERE / 'at_start'}:{_HERE}:{_HERE.parents[1]}"}
        self._site.start(process, watched | crash if crash else {})

    def _dies(self, process: str, study: str) -> bool:
        """Whether *process* dies before the case of *study* ends."""
        running = self._site.processes[process]
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if running.poll() is not None:
                return True
            if self._has_ended(study):
                # The last effects of a case come after its end.
                time.sleep(0.2)
                return running.poll() is not None
            time.sleep(0.01)
        return False

    def _ends(self, study: str) -> bool:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if self._has_ended(study):
                return True
            time.sleep(0.01)
        return False

    def _has_ended(self, study: str) -> bool:
        states = [item.state for item in self._site.items() if item.case_id == study]
        return states != [] and set(states) <= {"done", "failed"}


@contextmanager
def laboratory(surroundings: Surroundings, directory: Path) -> Iterator[Laboratory]:
    """A laboratory in *directory*, with a real archive beside it."""
    orthanc = start_orthanc(directory / "orthanc")
    with postgresql() if surroundings.database == "postgresql" else nullcontext("") as url:
        try:
            with running_site(
                directory / "site",
                pacs_port=orthanc.dicom_port,
                start=("api", "receive", "work"),
                maximum_attempts=30,
                environment=_SILENCE,
                database_url=url,
            ) as site:
                for number, port in enumerate(free_ports(surroundings.nodes - 1), start=2):
                    site.start_node(number, str(port))
                yield Laboratory(site, orthanc, surroundings.nodes)
        finally:
            orthanc.stop()
