"""Many instances through reception, work and archive: ``make soak``, or ``make soak ARGS='--instances 5000'``.

CT studies of 40 small slices follow one another, some under way at a time. Memory and open files of every process are
looked at all the while, and at rest: after each tenth the senders pause until every case is done and freed memory was
given back, since what cases in hand take goes up and down by more than the growth that is looked for. Growth is counted
at rest from the end of the first tenth, when everything has been loaded, to the end. It fails when memory grew by 2 %
or more, when more files are open, or when a study did not come to its end with its results at the archive.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from many_studies import ManyStudies, send
from peers import OrthancPeer, running_orthanc
from running_site import RunningSite, running_site
from sqlalchemy import func, select
from tables import print_row

from serving.records.database import reading
from serving.records.schema import INSTANCE, WORK_ITEM

_PROCESSES = ("api", "receive", "work")
_SLICES, _SIZE = 40, (64, 64)
#: Associations at once, and studies that have no end yet at most.
_SENDERS, _UNDER_WAY = 2, 8
#: Studies between two looks.
_LOOK_EVERY = 5
_WAIT_SECONDS = 300
#: Looks at rest, and how long a rest lasts: longer than the processes keep freed memory (`serving.allocator`).
_RESTS, _REST_SECONDS = 10, 8.0
_AIM_PERCENT = 2.0
#: Files that come and go with connections.
_FILES_SLACK = 8
_SETTINGS = {
    "VARSEL_RECEIVE__QUIET_AFTER_RELEASE_SECONDS": "0",
    # A sender that has to wait for the processor must not have its study closed under its hands.
    "VARSEL_RECEIVE__QUIET_SECONDS": "60",
}


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One look at the processes, children included."""

    instances: int
    #: Nothing was under way.
    at_rest: bool
    #: Process -> resident memory in MiB, and open files.
    mib: Mapping[str, float]
    files: Mapping[str, int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=50_000, help="how many to send (default 50000)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop sending after so long")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as scratch,
        running_orthanc(Path(scratch) / "orthanc") as orthanc,
        running_site(
            Path(scratch) / "site", pacs_port=orthanc.dicom_port, start=_PROCESSES, environment=_SETTINGS
        ) as site,
    ):
        began = time.monotonic()
        readings = _soak(site, Path(scratch) / "sent", options.instances, began + options.seconds)
        seconds = time.monotonic() - began
        is_clean = _judge(site, orthanc)
    sys.exit(0 if _print(readings, seconds) and is_clean else 1)


def _soak(site: RunningSite, scratch: Path, instances: int, until: float) -> list[Reading]:
    studies = ManyStudies(scratch, _SLICES, _SIZE)
    readings: list[Reading] = []
    sendings: list[Future[None]] = []
    with ThreadPoolExecutor(_SENDERS) as senders:
        while len(sendings) * _SLICES < instances and time.monotonic() < until:
            _wait_for(site, sendings, len(sendings) - _UNDER_WAY + 1)
            _, directory = studies.pour()
            sendings.append(senders.submit(send, site.ports["receive"], directory))
            sent = len(sendings) * _SLICES
            if sent * _RESTS // instances > (sent - _SLICES) * _RESTS // instances:
                readings.append(_rest(site, sendings))
            elif len(sendings) % _LOOK_EVERY == 0:
                readings.append(_look(site, sent, at_rest=False))
        if not readings[-1].at_rest:
            readings.append(_rest(site, sendings))
    return readings


def _rest(site: RunningSite, sendings: list[Future[None]]) -> Reading:
    _wait_for(site, sendings, len(sendings))
    time.sleep(_REST_SECONDS)
    return _look(site, len(sendings) * _SLICES, at_rest=True)


def _wait_for(site: RunningSite, sendings: list[Future[None]], studies: int) -> None:
    site.wait(lambda: _done(site) >= studies, f"{studies} studies are done", _WAIT_SECONDS)
    for sending in sendings:
        if sending.done():
            sending.result()


def _done(site: RunningSite) -> int:
    over = WORK_ITEM.c.state.in_(("done", "failed"))
    with reading(site.engine) as connection:
        return connection.scalar(select(func.count(WORK_ITEM.c.case_id.distinct())).where(over)) or 0


def _look(site: RunningSite, instances: int, *, at_rest: bool) -> Reading:
    families = {
        name: [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        for name, process in site.processes.items()
    }
    return Reading(
        instances=instances,
        at_rest=at_rest,
        mib={name: sum(one.memory_info().rss for one in family) / 2**20 for name, family in families.items()},
        files={name: sum(one.num_fds() for one in family) for name, family in families.items()},
    )


def _judge(site: RunningSite, orthanc: OrthancPeer) -> bool:
    with reading(site.engine) as connection:
        kept = connection.scalar(select(func.count()).select_from(INSTANCE))
        states = dict(connection.execute(select(WORK_ITEM.c.state, func.count()).group_by(WORK_ITEM.c.state)).all())
        reasons = connection.execute(select(WORK_ITEM.c.reason, WORK_ITEM.c.attempts).where(WORK_ITEM.c.reason != ""))
        for reason, attempts in reasons.all():
            print(f"after {attempts} attempts: {reason}")
    studies = sum(states.values())
    held = len(orthanc.get("/instances"))
    print(f"{kept} instances kept, {studies} studies: {states}; {held} result objects at the archive")
    return set(states) == {"done"} and held >= 2 * studies


def _print(readings: list[Reading], seconds: float) -> bool:
    rests = [one for one in readings if one.at_rest]
    first, last = rests[0], rests[-1]
    rate = last.instances / (seconds - len(rests) * _REST_SECONDS)
    print(f"{last.instances} instances in {seconds:.0f} s, rests included; {rate:.1f} a second without them\n")
    print_row("process", *(f"{one.instances:,}" for one in rests), "growth", "files", "with cases in hand")
    print_row(*["---"] * (len(rests) + 4))
    is_met = True
    for name in last.mib:
        growth = (last.mib[name] / first.mib[name] - 1) * 100
        files = (first.files[name], last.files[name])
        is_met &= growth < _AIM_PERCENT and files[1] <= files[0] + _FILES_SLACK
        at_rest = (f"{one.mib[name]:.1f}" for one in rests)
        print_row(name, *at_rest, f"{growth:+.1f} %", f"{files[0]}, {files[1]}", _in_hand(readings, name))
    print(f"\naim: memory grows by less than {_AIM_PERCENT} %, no more files: {'met' if is_met else 'missed'}")
    return is_met


def _in_hand(readings: list[Reading], name: str) -> str:
    """Medians of the second tenth and of the last while there was work: one look tells little."""
    working = [one.mib[name] for one in readings if not one.at_rest]
    tenth = max(1, len(working) // _RESTS)
    then, now = np.median(working[tenth : 2 * tenth]), np.median(working[-tenth:])
    return f"{then:.1f}, {now:.1f} ({(now / then - 1) * 100:+.1f} %)"


if __name__ == "__main__":
    main()
