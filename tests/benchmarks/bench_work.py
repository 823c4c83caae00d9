"""What durable work costs: ``make bench-work``, or with ``ARGS='--studies 40 --celery path/to/python'``.

A node is a process of its own with everything of ``varsel work`` in it but the model, which waits, and the archive,
which takes at once. Studies of 40 instances are landed by this process, as the receiver does. Beside them, in the same
run, Celery with Redis does the same three steps without durability between them, where an interpreter that has Celery
is named and redis-server is installed.
"""

import argparse
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import psutil
import structlog
from factories.dicom import ct_series
from factories.releases import make_release
from long_queue import print_queues
from peers import free_ports
from postgresql_server import postgresql
from sqlalchemy import Engine, func, select
from tables import print_row
from whole_line import print_heads, print_whole_line
from worker_process import PATIENCE_SECONDS, worker

from dicom_io.headers import Header, read_header
from dicom_io.receive.completion import CompletionPolicy
from dicom_io.receive.inbox import Arrival
from dicom_io.uids import derive_uid
from models.manifest import Task
from serving.records.database import open_database, reading
from serving.records.inbox import DatabaseInbox
from serving.records.migrate import migrate
from serving.records.schema import HISTORY, WORK_ITEM

_HERE = Path(__file__).parent
_SLICES = 40
_MODEL_MS = 200
#: Studies of each node before those that are counted.
_WARM_UP = 12
_STEPS = (("received", "queued"), ("queued", "running"), ("running", "delivering"), ("delivering", "done"))
_AIM_SPEED_UP = 2.5
_PARTS = ("steps", "nodes", "queues", "line")


class Bench:
    """One database with nodes on it."""

    def __init__(self, directory: Path, url: str) -> None:
        """Work in *directory*, on the database at *url*, an SQLite file in it when empty."""
        self._directory = directory
        self._url = url
        self.engine: Engine = open_database(url or f"sqlite:///{directory / 'varsel.db'}")
        migrate(self.engine)
        make_release(directory / "releases", Task.VOLUME_SEGMENTATION)
        self._inbox = DatabaseInbox(self.engine, CompletionPolicy(quiet_seconds=3600, quiet_after_release_seconds=0))
        self._headers = _headers(directory)
        self._numbers = count()

    @contextmanager
    def nodes(self, number: int, model_ms: float = 0) -> Iterator[None]:
        """So many workers, ready."""
        with ExitStack() as stack:
            for node, port in enumerate(free_ports(number), 1):
                options = {"url": self._url, "port": port, "model-ms": model_ms}
                stack.enter_context(worker(self._directory, f"node-{node}", options))
            yield

    def land(self, studies: int) -> list[str]:
        """Land so many studies and let their senders end; their Study Instance UIDs."""
        uids = self.land_open(studies)
        self.release(uids)
        return uids

    def release(self, studies: Sequence[str]) -> None:
        """Let the senders of *studies* end, all at once."""
        self._inbox.association_ended("BENCH", set(studies), aborted=False)

    def land_open(self, studies: int) -> list[str]:
        """Land so many studies whose senders have not ended yet."""
        uids = [derive_uid("bench", str(os.getpid()), str(next(self._numbers))) for _ in range(studies)]
        for uid in uids:
            *others, last = (_arrival(header, uid) for header in self._headers)
            self._inbox.land_all(others)
            self._inbox.land_all([last])
        return uids

    def wait(self, studies: Sequence[str]) -> float:
        """Until each of *studies* is done: when the last one was, in seconds since the epoch."""
        wanted = WORK_ITEM.c.case_id.in_(studies)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with reading(self.engine) as connection:
                done, newest = connection.execute(
                    select(func.count(), func.max(WORK_ITEM.c.finished_at)).where(wanted, WORK_ITEM.c.state == "done")
                ).one()
            if done == len(studies):
                return newest.timestamp()
            # Asked more often, this would itself take a part of the processor that the nodes share.
            time.sleep(0.05)
        sys.exit(f"{done} of {len(studies)} studies were done after {PATIENCE_SECONDS} s")

    def steps(self, study: str) -> Mapping[str, float]:
        """When the work item of *study* came into each state."""
        with reading(self.engine) as connection:
            item = connection.execute(select(WORK_ITEM).where(WORK_ITEM.c.case_id == study)).one()
            rows = connection.execute(select(HISTORY).where(HISTORY.c.work_item_id == item.id)).all()
        return {row.state: row.at.timestamp() for row in rows} | {"received": item.input_at.timestamp()}


def main() -> None:
    options = _options()
    # What the work in this process says of itself stands in nobody's way.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    print(f"{psutil.cpu_count()} cores, load {psutil.getloadavg()[0]:.1f}; {_SLICES} instances a study\n")
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        directory = Path(scratch)
        databases = {"SQLite": ""}
        if Path("/usr/lib/postgresql/15/bin/initdb").exists():
            databases["PostgreSQL"] = stack.enter_context(postgresql())
        if "steps" in options.only or "nodes" in options.only:
            _print_workers(directory, databases, options)
        if "queues" in options.only:
            print_queues(directory, databases, options.waiting)
        if "line" in options.only:
            _print_lines(directory, databases, options.studies)
    print(f"\nload of the last minute after it: {psutil.getloadavg()[0]:.1f}, the benchmark's own included")


def _print_workers(directory: Path, databases: Mapping[str, str], options: argparse.Namespace) -> None:
    benches = {}
    for name, url in databases.items():
        (directory / name).mkdir()
        benches[name] = Bench(directory / name, url)
    if "steps" in options.only:
        print_row("", *(f"{a} -> {b}, p50 (p95) ms" for a, b in _STEPS), "all", "studies/s, no-op model")
        print_row(*["---"] * (len(_STEPS) + 3))
        for name, bench in benches.items():
            _print_one_node(name, bench, options.studies)
        if options.celery:
            _print_celery(options.celery, directory, options.studies)
    if "nodes" in options.only and "PostgreSQL" in benches:
        _print_nodes(benches["PostgreSQL"], options.studies)


def _print_lines(directory: Path, databases: Mapping[str, str], studies: int) -> None:
    print("\nThrough every process, two associations at once, a model that does nothing\n")
    print_heads()
    for name, url in databases.items():
        # What waits or is done elsewhere would count here.
        with postgresql() if url else nullcontext("") as own:
            print_whole_line(name, own, directory / f"line-{name}", studies)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=60, help="studies of each measurement (default 60)")
    parser.add_argument("--waiting", type=int, default=100_000, help="items of the long queue (default 100000)")
    parser.add_argument("--only", nargs="+", choices=_PARTS, default=list(_PARTS), help="what to measure")
    parser.add_argument("--celery", type=Path, help="an interpreter that has celery[redis]; without it there is no row")
    return parser.parse_args()


def _print_one_node(name: str, bench: Bench, studies: int) -> None:
    with bench.nodes(1):
        bench.wait(bench.land(3))
        alone = []
        for _ in range(studies):
            (study,) = bench.land(1)
            bench.wait([study])
            alone.append(bench.steps(study))
        # Landed beforehand: the receiver's own time has its benchmark elsewhere.
        many = bench.land_open(studies)
        bench.release(many)
        ended = bench.wait(many)
        began = min(bench.steps(study)["queued"] for study in many)
    gaps = [[one[after] - one[before] for one in alone] for before, after in _STEPS]
    whole = [one["done"] - one["received"] for one in alone]
    print_row(name, *(_figures(gap) for gap in [*gaps, whole]), f"{len(many) / (ended - began):.1f}")


def _print_celery(python: Path, directory: Path, studies: int) -> None:
    if shutil.which("redis-server") is None:
        print_row("Celery with Redis", "not measured: redis-server is not installed", "", "", "", "", "")
        return
    (port,) = free_ports(1)
    environment = os.environ | {"BENCH_REDIS": f"redis://127.0.0.1:{port}/0", "PYTHONPATH": str(_HERE)}
    # Redis as it is installed: snapshots now and then, no append-only file.
    redis = subprocess.Popen(["redis-server", "--port", str(port), "--dir", directory], stdout=subprocess.DEVNULL)
    worker = subprocess.Popen(
        [python, "-m", "celery", "-A", "celery_steps", "worker", "-c", "2", "--loglevel", "ERROR"],
        env=environment,
        cwd=directory,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        told = subprocess.run(
            [python, _HERE / "celery_steps.py", str(studies), str(studies), "0"],
            env=environment,
            capture_output=True,
            check=True,
            timeout=PATIENCE_SECONDS,
        )
    finally:
        for process in (worker, redis):
            process.terminate()
            process.wait(30)
    answer = json.loads(told.stdout)
    gaps = np.diff(np.array(answer["alone"]), axis=1)
    whole = gaps.sum(axis=1)
    print_row("Celery with Redis", *(_figures(gap) for gap in [*gaps.T, whole]), f"{answer['studies_a_second']:.1f}")


def _print_nodes(bench: Bench, studies: int) -> None:
    """As many studies for each node; a few before, since a database plans what it is asked the first times anew."""
    rates = {}
    for nodes in (1, 3):
        with bench.nodes(nodes, _MODEL_MS):
            bench.wait(bench.land(_WARM_UP * nodes))
            many = bench.land_open(studies * nodes)
            bench.release(many)
            ended = bench.wait(many)
            rates[nodes] = len(many) / (ended - min(bench.steps(study)["running"] for study in many))
    gain = rates[3] / rates[1]
    verdict = f"aim {_AIM_SPEED_UP}: {'met' if gain >= _AIM_SPEED_UP else 'missed'}"
    print(f"\nA model that waits {_MODEL_MS} ms, two cases at once a node, PostgreSQL: ", end="")
    print(f"{rates[1]:.1f} studies/s on 1 node, {rates[3]:.1f} on 3: {gain:.2f} times ({verdict})\n")


def _headers(directory: Path) -> list[Header]:
    path = directory / "slice.dcm"
    headers = []
    for dataset in ct_series(_SLICES):
        dataset.save_as(path, enforce_file_format=True)
        headers.append(read_header(path).at(path))
    return headers


def _arrival(header: Header, study: str) -> Arrival:
    uid = derive_uid(study, header.instance.sop_instance_uid)
    own = replace(
        header,
        study_instance_uid=study,
        series_instance_uid=derive_uid(study, header.series_instance_uid),
        instance=replace(header.instance, sop_instance_uid=uid),
    )
    return Arrival(path=own.instance.path, header=own, digest=uid, size_bytes=1000, source_ae="BENCH")


def _figures(seconds: Sequence[float]) -> str:
    p50, p95 = np.percentile(np.array(seconds) * 1e3, (50, 95))
    return f"{p50:.0f} ({p95:.0f})"


if __name__ == "__main__":
    main()
