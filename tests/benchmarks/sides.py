"""The two sides of the benchmark, each a running thing that a study is sent to and that tells its times."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import psutil
from peers import free_ports
from running_site import RunningSite, running_site
from sqlalchemy import select

from dicom_io.send.association import DicomAddress
from dicom_io.send.store_scu import StoreScu
from serving.records.database import reading
from serving.records.schema import HISTORY

_HERE = Path(__file__).parent
_TIMEOUT_SECONDS = 120
_TORCH = re.compile(r"/torch/|libtorch|libc10")


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One study on one side, in seconds."""

    #: Last instance received to result stored at the archive.
    total: float
    #: In the model.
    infer: float
    #: What else is known of where the time went.
    stages: Mapping[str, float]

    @property
    def rest(self) -> float:
        """What is not the model's."""
        return self.total - self.infer


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What one process, its children included, has used since it started."""

    cpu_seconds: float
    #: Highest resident memory, summed over the process and its children.
    peak_mib: float
    #: Whether a library of torch is mapped into any of them.
    has_torch: bool


class Side(Protocol):
    """Something that a study can be sent to."""

    def analyse(self, study_uid: str, files: Sequence[Path]) -> Timing:
        """Send the study and wait until its results are at the archive."""

    def usage(self) -> Mapping[str, Usage]:
        """By name of process."""


class VarselSide:
    """A running site."""

    def __init__(self, site: RunningSite, started_seconds: Mapping[str, float]) -> None:
        self._site = site
        self._archive = _door(site.ports["receive"], "VARSEL")
        #: From the start of each process until it was ready.
        self.started_seconds = started_seconds

    def analyse(self, study_uid: str, files: Sequence[Path]) -> Timing:
        self._archive.send(files)
        item = self._site.item_of(study_uid)
        if (item.state, item.outcome) != ("done", "finding"):
            sys.exit(f"a study ended {item.state}, {item.outcome}: {item.reason}")
        total = (item.finished_at - item.input_at).total_seconds()
        return Timing(total=total, infer=item.timings["infer"], stages=self._stages(item))

    def usage(self) -> Mapping[str, Usage]:
        return {name: _usage(process.pid) for name, process in self._site.processes.items()}

    def _stages(self, item) -> dict[str, float]:
        query = select(HISTORY.c.at, HISTORY.c.state).where(HISTORY.c.work_item_id == item.id).order_by(HISTORY.c.at)
        with reading(self._site.engine) as connection:
            steps = [(item.input_at, "received"), *connection.execute(query).all()]
        moves = {
            f"{before[1]} -> {after[1]}": (after[0] - before[0]).total_seconds() for before, after in pairwise(steps)
        }
        return moves | {key: value for key, value in item.timings.items() if key != "received_to_stored"}


class ScriptSide:
    """The straight script."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self._process = process
        self._archive = _door(port, "SCRIPT")

    def analyse(self, study_uid: str, files: Sequence[Path]) -> Timing:
        self._archive.send(files)
        line = json.loads(_line(self._process))
        if line["study"] != study_uid or line["objects"] < 2:
            sys.exit(f"the script answered {line}")
        return Timing(total=line["total"], infer=line["infer"], stages={})

    def usage(self) -> Mapping[str, Usage]:
        return {"script": _usage(self._process.pid)}


@contextmanager
def varsel_side(directory: Path, *, store: Path, archive_port: int, threads: int) -> Iterator[VarselSide]:
    """A site that closes a study when its sender releases the association, as the script does."""
    environment = {
        "VARSEL_RECEIVE__QUIET_AFTER_RELEASE_SECONDS": "0",
        "VARSEL_RECEIVE__QUIET_SECONDS": "60",
        "VARSEL_MODELS__STORE_DIR": str(store),
        "VARSEL_API__THREADS": str(threads),
    }
    with running_site(directory, pacs_port=archive_port, start=(), environment=environment) as site:
        started = {}
        for name in ("api", "receive", "work"):
            began = time.perf_counter()
            site.start(name)
            started[name] = time.perf_counter() - began
        yield VarselSide(site, started)


@contextmanager
def script_side(directory: Path, *, store: Path, archive_port: int, threads: int) -> Iterator[ScriptSide]:
    """The script, ready."""
    (port,) = free_ports(1)
    options = {"store": store, "port": port, "archive-port": archive_port, "threads": threads}
    arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    with (directory / "script.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", _HERE / "straight_script.py", *arguments],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        _line(process)
        yield ScriptSide(process, port)
    finally:
        process.terminate()
        process.wait(30)


def _line(process: "subprocess.Popen[str]") -> str:
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        sys.exit("the script ended; see script.log")
    return line


def _door(port: int, ae_title: str) -> StoreScu:
    address = DicomAddress(
        host="127.0.0.1", port=port, ae_title=ae_title, calling_ae_title="BENCH", dimse_timeout_seconds=_TIMEOUT_SECONDS
    )
    return StoreScu(address)


def _usage(pid: int) -> Usage:
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    times = [one.cpu_times() for one in family]
    return Usage(
        cpu_seconds=sum(one.user + one.system for one in times),
        peak_mib=sum(_peak_mib(one) for one in family),
        has_torch=any(_TORCH.search(mapped.path) for one in family for mapped in _mapped(one)),
    )


def _peak_mib(process: psutil.Process) -> float:
    status = Path(f"/proc/{process.pid}/status")
    if os.access(status, os.R_OK):
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        if found:
            return int(found[1]) / 1024
    return process.memory_info().rss / 2**20


def _mapped(process: psutil.Process) -> list:
    return process.memory_maps() if hasattr(process, "memory_maps") else []
