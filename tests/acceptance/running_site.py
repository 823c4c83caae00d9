"""A whole site in one directory: four real processes, tiny releases, and a real PACS beside it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from factories.releases import make_release
from peers import free_ports
from sqlalchemy import Engine, select

from models.manifest import Task
from serving.records.database import open_database, reading
from serving.records.schema import DELIVERY, STUDY, WORK_ITEM

#: Order of start.
PROCESSES = ("api", "web", "receive", "work")
_TERMINAL = ("done", "failed", "superseded")

_SETTINGS = """
[site]
data_dir = "{data_dir}"
language = "en"

[receive]
port = {receive}
metrics_port = {receive_metrics}
minimum_free_mib = 1
quiet_seconds = 2.0
quiet_after_release_seconds = 0.2

[work]
retry_seconds = 0.2
retry_ceiling_seconds = 1.0
maximum_attempts = {maximum_attempts}
maximum_unended = {maximum_attempts}
metrics_port = {work_metrics}

[api]
port = {api}
threads = 1
timeout_seconds = 20

[web]
port = {web}

[cds]
allow_without_token = true

[[destinations]]
name = "pacs"
host = "127.0.0.1"
port = {pacs}
ae_title = "TESTPACS"

[[rules]]
name = "chest"
model = "chest_xray_opacity"
modalities = ["CR", "DX"]
body_parts = ["CHEST"]
priority = 1

[[rules]]
name = "nodules"
model = "ct_lung_nodule"
modalities = ["CT"]

[[rules]]
name = "urinary"
model = "infection_urinary"
kind = "stay"

[[alert_policies]]
name = "all-wards"
model = "infection_urinary"
threshold = 0.0001
"""


class Running(Protocol):
    """A process, as far as a site needs it."""

    pid: int

    @property
    def returncode(self) -> int | None: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def terminate(self) -> None: ...


#: Runs ``varsel`` with arguments, an environment on top of ours, and its output at the end of a file.
Launch = Callable[[Sequence[str], Mapping[str, str], Path], Running]


def launch(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Running:
    """A process of its own from the start."""
    command = [sys.executable, "-m", "varsel", *arguments]
    with log.open("ab") as output:
        return subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **environment}, process_group=0
        )


@dataclass(kw_only=True)
class RunningSite:
    """The processes and what they keep."""

    directory: Path
    ports: Mapping[str, int]
    engine: Engine
    environment: Mapping[str, str]
    #: How processes other than the model service are started.
    launch: Launch = launch
    processes: dict[str, Running] = field(default_factory=dict)

    @property
    def settings_path(self) -> Path:
        return self.directory / "varsel.toml"

    @property
    def web_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['web']}"

    def start(self, name: str, environment: Mapping[str, str] | None = None) -> None:
        """Start one process, with an *environment* of its own on top, and wait until it is ready."""
        self.wait_until_ready(name, self.launch_only(name, environment))

    def wait_until_ready(self, name: str, said_before: int) -> None:
        """Wait for a process that was launched when its log held so much."""
        self.wait(lambda: self._is_ready(name, said_before), f"{name} is ready", 180)

    def start_node(self, number: int, metrics_port: str) -> None:
        """Start another worker on the same database, under a name of its own."""
        own = {"VARSEL_WORK__NODE": f"node-{number}", "VARSEL_WORK__METRICS_PORT": metrics_port}
        self.start(f"work-{number}", own)

    def launch_only(self, name: str, environment: Mapping[str, str] | None = None) -> int:
        """Start one process without waiting for it; how much its log held before."""
        command = name.split("-", maxsplit=1)[0]
        arguments = ["--settings", str(self.settings_path), command]
        said_before = self.log(name).stat().st_size if self.log(name).exists() else 0
        # The model service becomes a program of its own, so nothing is won by forking it.
        run = launch if command == "api" else self.launch
        self.processes[name] = run(arguments, {**self.environment, **(environment or {})}, self.log(name))
        return said_before

    def kill(self, name: str) -> None:
        """kill -9, workers of the process included."""
        process = self.processes.pop(name)
        # It may have died by itself, and its number be another's by now.
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to the process, when it lives."""
        process = self.processes[name]
        if process.poll() is None:
            os.kill(process.pid, number)

    def stop(self) -> None:
        """SIGTERM to all, then wait; a process that does not end is killed and fails the test."""
        for process in self.processes.values():
            process.terminate()
        stubborn = [name for name, process in self.processes.items() if not _ended(process)]
        self.engine.dispose()
        if stubborn:
            pytest.fail(f"did not stop on SIGTERM: {stubborn}")

    def log(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    def items(self) -> Sequence[Any]:
        """Every work item as it stands."""
        with reading(self.engine) as connection:
            return connection.execute(select(WORK_ITEM).order_by(WORK_ITEM.c.created_at)).all()

    def item_of(self, case_id: str) -> Any:
        """The one work item of a case, once it has come to its end."""
        self.wait(lambda: self._settled({case_id}), "the case has come to its end", 60)
        (item,) = [item for item in self.items() if item.case_id == case_id]
        return item

    def wait_for(self, case_ids: set[str], timeout_seconds: float = 90) -> None:
        """Wait until each case has come to its end."""
        self.wait(lambda: self._settled(case_ids), f"{len(case_ids)} cases have come to their end", timeout_seconds)

    def deliveries(self) -> Sequence[Any]:
        with reading(self.engine) as connection:
            return connection.execute(select(DELIVERY)).all()

    def open_studies(self) -> int:
        with reading(self.engine) as connection:
            return len(connection.execute(select(STUDY).where(STUDY.c.due_at.is_not(None))).all())

    def wait(self, condition: Callable[[], bool], what: str, timeout_seconds: float) -> None:
        """Poll *condition*; on time-out fail with the ends of the logs."""
        deadline = time.monotonic() + timeout_seconds
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"waited {timeout_seconds} s in vain until {what}\n{self._log_ends()}")
            time.sleep(0.02)

    def _settled(self, case_ids: set[str]) -> bool:
        states = {item.case_id: item.state for item in self.items()}
        return all(states.get(case_id) in _TERMINAL for case_id in case_ids)

    def _is_ready(self, name: str, said_before: int) -> bool:
        if self.processes[name].poll() is not None:
            pytest.fail(f"{name} ended with code {self.processes[name].returncode}\n{self._log_ends()}")
        if name == "api":
            return _answers(f"http://127.0.0.1:{self.ports['api']}/v2/health/ready")
        if name == "web":
            return _answers(f"{self.web_url}/readyz")
        return b'"ready"' in self.log(name).read_bytes()[said_before:]

    def _log_ends(self) -> str:
        return "\n".join(f"--- {name}\n{self.log(name).read_text()[-1500:]}" for name in self.processes)


@contextmanager
def running_site(
    directory: Path,
    *,
    pacs_port: int,
    start: Sequence[str] = PROCESSES,
    maximum_attempts: int = 8,
    environment: Mapping[str, str] | None = None,
    database_url: str = "",
    launch: Launch = launch,
) -> Iterator[RunningSite]:
    """A site whose results go to the archive at *pacs_port*; processes not in *start* are left to the test."""
    directory.mkdir(parents=True, exist_ok=True)
    names = ("receive", "receive_metrics", "work_metrics", "api", "web")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    data_dir = directory / "data"
    (directory / "varsel.toml").write_text(
        _SETTINGS.format(data_dir=data_dir, pacs=pacs_port, maximum_attempts=maximum_attempts, **ports)
    )
    for task in Task:
        make_release(data_dir / "releases", task)
    engine = open_database(database_url or f"sqlite:///{data_dir / 'varsel.db'}")
    told = {"VARSEL_SITE__DATABASE_URL": database_url} if database_url else {}
    told |= dict(environment or {})
    site = RunningSite(directory=directory, ports=ports, engine=engine, environment=told, launch=launch)
    try:
        # All at once: each waits for its own imports, none for another.
        for name, said_before in [(name, site.launch_only(name)) for name in start]:
            site.wait_until_ready(name, said_before)
        yield site
    finally:
        site.stop()


def _ended(process: Running) -> bool:
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return False
    return True


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False
