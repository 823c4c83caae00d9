"""The feeds on SQLite and on PostgreSQL, there with one node and with two, in alternating rounds: ``make bench-feeds``.

What else the machine does falls on both alike, so the ratio holds on a loaded machine too. Processor time is that of
our process and, on PostgreSQL, of its server; the sender's is not in it. What is printed is Markdown.
"""

import argparse
import itertools
import json
import statistics
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import psutil
from bench_stays import _at_once, _put, _send, _site
from postgresql_server import postgresql
from sqlalchemy import make_url

from training.phantoms.region.fhir import observation_lines, stay_lines
from training.phantoms.region.hl7 import Hl7Writer
from training.phantoms.region.region import Region, synthesize_region
from training.phantoms.region.told import region_stays

CONNECTIONS = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8, help="rounds on each database (default 8)")
    parser.add_argument("--messages", type=int, default=700, help="HL7 messages a round (default 700)")
    parser.add_argument("--resources", type=int, default=180, help="FHIR resources a round (default 180)")
    options = parser.parse_args()
    region = synthesize_region(60, 30, 1)
    messages = [one.body for one in itertools.islice(Hl7Writer(region).messages(), options.messages * options.rounds)]
    resources = _resources(region, options.resources * options.rounds)
    load = psutil.getloadavg()[0]
    found: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    with ExitStack() as stack:
        sites = _sites(stack)
        for number in range(options.rounds):
            for database, doors, marks in sites:
                # The connections go to the nodes in turn.
                feeds, webs = (itertools.cycle(addresses) for addresses in zip(*doors, strict=True))
                share = messages[number * options.messages :][: options.messages]
                spent = _time(share, marks, lambda part, to=feeds: _send(next(to), part))
                found["HL7 messages", database].append(spent)
                share = resources[number * options.resources :][: options.resources]
                found["FHIR PUT", database].append(_time(share, marks, lambda part, to=webs: _put(next(to), part)))
    print(f"\n{psutil.cpu_count()} cores; load before {load:.1f}; {options.rounds} rounds, {CONNECTIONS} connections\n")
    print("| what | database | a second, median (range) | processor time, ms, median |\n|---|---|---|---|")
    for (what, database), rounds in sorted(found.items()):
        rates, spent = zip(*rounds, strict=True)
        shown = f"{statistics.median(rates):.0f} ({min(rates):.0f} to {max(rates):.0f})"
        print(f"| {what} | {database} | {shown} | {statistics.median(spent):.2f} |")


def _resources(region: Region, count: int) -> list[dict[str, str]]:
    slow = (line for who, stays in region_stays(replace(region, rounds=())) for _, line in stay_lines(who, stays))
    lines = [*itertools.islice(slow, count // 5), *observation_lines(region)][:count]
    return [json.loads(line) for line in lines]


def _sites(stack: ExitStack) -> list[tuple[str, list[tuple[int, str]], list[str]]]:
    """Each database with where the feeds of its nodes listen, and what its processes have in their command lines."""
    sites = []
    for database, nodes in (("SQLite", 1), ("PostgreSQL", 1), ("PostgreSQL, two nodes", 2)):
        url = "" if database == "SQLite" else stack.enter_context(postgresql())
        directories = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(nodes)]
        doors = [stack.enter_context(_site(directory, url)) for directory in directories]
        marks = [str(directory) for directory in directories] + ([f"-p {make_url(url).port} "] if url else [])
        sites.append((database, doors, marks))
    return sites


def _time(items, marks, send) -> tuple[float, float]:
    """Items a second, and milliseconds of processor time an item of the processes that bear one of *marks*."""
    before = _processor_seconds(marks)
    seconds = _at_once(items, CONNECTIONS, send)
    return len(items) / seconds, (_processor_seconds(marks) - before) / len(items) * 1e3


def _processor_seconds(marks) -> float:
    marked = [
        one
        for one in psutil.process_iter(["cmdline"])
        if any(mark in " ".join(one.info["cmdline"] or ()) for mark in marks)
    ]
    # A server of PostgreSQL works in processes below the one that was started.
    chosen = {*marked, *(child for one in marked for child in one.children(recursive=True))}
    return sum(one.cpu_times().user + one.cpu_times().system for one in chosen)


if __name__ == "__main__":
    main()
