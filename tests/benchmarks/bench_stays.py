"""Times the patient record's feeds and the case definitions: ``make bench-stays``.

``varsel feed serve`` and ``varsel web`` run as processes of their own on a fresh database; the messages and resources
are those of an invented region, sent over several connections. A message or resource counts once its answer says that
it is durable. What is printed is Markdown; docs/benchmarks.md says how to read it.
"""

import argparse
import contextlib
import http.client
import itertools
import json
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
from meds_tools import time_extraction
from pandas_definitions import urinary_cases
from peers import free_ports
from postgresql_server import postgresql

from ehr_io.definitions.catalogue import ALL, cases
from ehr_io.definitions.history import history_of
from ehr_io.definitions.urinary import URINARY_2019
from ehr_io.hl7.framing import frame
from training.phantoms.region.fhir import observation_lines, stay_lines
from training.phantoms.region.hl7 import Hl7Writer
from training.phantoms.region.region import Region, synthesize_region
from training.phantoms.region.told import region_stays
from varsel.programs import Program, accepts_connections, answers
from varsel.site import own_command
from varsel.supervisor import Supervisor


def main() -> None:
    options = _options()
    region = synthesize_region(60, 30, 1)
    load = psutil.getloadavg()[0]
    print(f"\n{psutil.cpu_count()} cores; load of the last minute before: {load:.1f}; database: {options.database}\n")
    print("| what | how many | seconds | a second |\n|---|---|---|---|")
    with _database(options.database) as url, tempfile.TemporaryDirectory() as scratch:
        _time_feeds(region, Path(scratch), url, options)
    if not options.feeds_only:
        _time_definitions(options.days)
    if options.meds and options.tables:
        for who, count, seconds in time_extraction(options.tables, options.meds, options.copies):
            print_row(f"events out of {options.copies} copies of the tables, {who}", count, seconds)


def _time_feeds(region: Region, scratch: Path, url: str, options: argparse.Namespace) -> None:
    with _site(scratch, url) as (feed, web):
        _time_feed(region, feed, options)
        _time_fhir(region, web, options)


@contextmanager
def _database(wanted: str) -> Iterator[str]:
    """The URL of *wanted*; empty for a fresh file of SQLite."""
    if wanted != "PostgreSQL":
        yield "" if wanted == "SQLite" else wanted
        return
    with postgresql() as url:
        yield url


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=6000, help="HL7 messages to send (default 6000)")
    parser.add_argument("--resources", type=int, default=4000, help="FHIR resources to send (default 4000)")
    parser.add_argument("--connections", type=int, default=16, help="connections at once (default 16)")
    parser.add_argument("--days", type=int, default=365, help="days of the region of 600 beds (default 365)")
    parser.add_argument("--database", default="SQLite", help="SQLite or PostgreSQL = a fresh one; or a URL")
    parser.add_argument("--feeds-only", action="store_true", help="leave the definitions out")
    parser.add_argument("--meds", type=Path, help="bin directory of an environment with MEDS-extract")
    parser.add_argument("--tables", type=Path, help="directory of MIMIC-III tables, to read beside MEDS-extract")
    parser.add_argument("--copies", type=int, default=10, help="times that the tables are read (default 10)")
    return parser.parse_args()


@contextmanager
def _site(directory: Path, url: str) -> Iterator[tuple[int, str]]:
    feed, web, metrics = free_ports(3)
    settings = directory / "varsel.toml"
    settings.write_text(
        f'[site]\ndata_dir = {json.dumps(str(directory / "data"))}\ndatabase_url = "{url}"\n'
        f"[feed]\nport = {feed}\nmetrics_port = {metrics}\n[web]\nport = {web}\n"
    )
    ready = {"feed serve": accepts_connections("127.0.0.1", feed), "web": answers(f"http://127.0.0.1:{web}/readyz")}
    programs = [
        Program(
            name=name.split(" ", maxsplit=1)[0],
            command=own_command(settings, *name.split(" ")),
            log=directory / f"{name}.log",
            is_ready=is_ready,
        )
        for name, is_ready in ready.items()
    ]
    supervisor = Supervisor(programs, print)
    supervisor.start()
    try:
        yield feed, f"http://127.0.0.1:{web}/fhir"
    finally:
        supervisor.stop()


def _time_feed(region: Region, port: int, options: argparse.Namespace) -> None:
    bodies = [one.body for one in itertools.islice(Hl7Writer(region).messages(), options.messages)]
    for connections in (1, options.connections):
        share = bodies[: len(bodies) // 4] if connections == 1 else bodies[len(bodies) // 4 :]
        seconds = _at_once(share, connections, lambda part: _send(port, part))
        print_row(f"HL7 messages, {connections} connection(s), each waits for its answer", len(share), seconds)


def _send(port: int, bodies: Sequence[bytes]) -> None:
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for body in bodies:
            peer.sendall(frame(body))
            answer = b""
            while not answer.endswith(b"\x1c\r"):
                answer += peer.recv(4096)
            if b"MSA|AA|" not in answer:
                raise SystemExit(f"not accepted: {answer!r}")


def _time_fhir(region: Region, url: str, options: argparse.Namespace) -> None:
    slow = (line for who, stays in region_stays(replace(region, rounds=())) for _, line in stay_lines(who, stays))
    lines = [*itertools.islice(slow, options.resources // 4), *observation_lines(region)][: options.resources]
    resources = [json.loads(line) for line in lines]
    singles, rest = resources[: len(resources) // 4], resources[len(resources) // 4 :]
    seconds = _at_once(singles, options.connections, lambda part: _put(url, part))
    print_row(f"FHIR resources, one a PUT, {options.connections} connections", len(singles), seconds)
    for size, share in ((100, rest),):
        bundles = [share[start : start + size] for start in range(0, len(share), size)]
        seconds = _at_once(bundles, 2, lambda part: _post(url, part))
        print_row(f"FHIR resources, {size} a transaction, 2 connections", len(share), seconds)


def _put(url: str, resources: Sequence[dict[str, str]]) -> None:
    # httpx takes 1.6 ms of the shared cores for a request, eight times as long: the sender would be what is measured.
    address = urlsplit(url)
    with contextlib.closing(http.client.HTTPConnection(address.netloc, timeout=60)) as connection:
        for one in resources:
            path = f"{address.path}/{one['resourceType']}/{one['id']}"
            connection.request("PUT", path, json.dumps(one), {"Content-Type": "application/fhir+json"})
            answer = connection.getresponse()
            told = answer.read()
            if answer.status != 200:
                raise SystemExit(f"not accepted: {answer.status} {told!r}")


def _post(url: str, bundles: Sequence[Sequence[dict[str, str]]]) -> None:
    with httpx.Client(trust_env=False, timeout=60) as client:
        for one in bundles:
            entries = [{"resource": resource} for resource in one]
            bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
            client.post(url, json=bundle).raise_for_status()


def _at_once(items, connections, send) -> float:
    """Seconds until *send* has sent every share of *items*, on threads of their own."""
    threads = [threading.Thread(target=send, args=(items[n::connections],)) for n in range(connections)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began


def _time_definitions(days: int) -> None:
    began = time.perf_counter()
    region = synthesize_region(600, days, 1, with_measurements=False)
    print_row(f"stays of 600 beds over {days} days, drawn", sum(1 for _ in region.encounters()), _since(began))
    people = list(region_stays(region))
    began = time.perf_counter()
    histories = [history_of(person.patient_id, stays) for person, stays in people]
    print_row("histories from events", len(histories), _since(began))
    began = time.perf_counter()
    found = cases(histories, ALL)
    print_row("cases by all definitions and editions", len(found), _since(began))
    began = time.perf_counter()
    mine = [case.source for case in cases(histories, [URINARY_2019])]
    print_row("cases of urinary tract infection, 2019", len(mine), _since(began))
    seconds, theirs = urinary_cases(people)
    print_row("the same by a plain pandas script", len(theirs), seconds)
    print(f"\ntrue cases: {len(region.truth())}; both agree on urinary tract infection: {set(mine) == theirs}")


def print_row(what: str, count: int, seconds: float) -> None:
    print(f"| {what} | {count} | {seconds:.2f} | {count / seconds:.0f} |", flush=True)


def _since(began: float) -> float:
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
