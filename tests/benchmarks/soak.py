"""Many instances through reception, work and archive: ``make soak``, or ``make soak ARGS='--instances 5000'``.

CT studies of 40 small slices follow one another without a pause, some under way at a time. Memory and open files of
every process are looked at all the while; growth is counted from the end of the first tenth, when everything has been
loaded, to the end. It fails when memory grew by 2 % or more, when more files are open, or when a study did not come to
its end with its results at the archive.
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
            if len(sendings) % _LOOK_EVERY == 0:
                readings.append(_look(site, len(sendings) * _SLICES))
        _wait_for(site, sendings, len(sendings))
    return readings


def _wait_for(site: RunningSite, sendings: list[Future[None]], studies: int) -> None:
    site.wait(lambda: _done(site) >= studies, f"{studies} studies are done", _WAIT_SECONDS)
    for sending in sendings:
        if sending.done():
            sending.result()


def _done(site: RunningSite) -> int:
    over = WORK_ITEM.c.state.in_(("done", "failed"))
    with reading(site.engine) as connection:
        return connection.scalar(select(func.count(WORK_ITEM.c.case_id.distinct())).where(over)) or 0


def _look(site: RunningSite, instances: int) -> Reading:
    families = {
        name: [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        for name, process in site.processes.items()
    }
    return Reading(
        instances=instances,
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
    last = readings[-1]
    rate = last.instances / seconds
    print(f"{last.instances} instances in {seconds:.0f} s: {rate:.1f} a second, {rate / _SLICES:.2f} studies\n")
    print_row("process", "MiB after the first tenth", "MiB at the end", "growth", "files then", "files at the end")
    print_row(*["---"] * 6)
    is_met = True
    for name in last.mib:
        tenth = max(1, len(readings) // 10)
        # Medians of a tenth at either end: one look sees a collection of garbage or misses it.
        first = float(np.median([one.mib[name] for one in readings[tenth : 2 * tenth + 1]]))
        end = float(np.median([one.mib[name] for one in readings[-tenth:]]))
        growth = (end / first - 1) * 100
        files = (readings[min(tenth, len(readings) - 1)].files[name], last.files[name])
        is_met &= growth < _AIM_PERCENT and files[1] <= files[0] + _FILES_SLACK
        print_row(name, f"{first:.1f}", f"{end:.1f}", f"{growth:+.1f} %", str(files[0]), str(files[1]))
    print()
    _print_curve(readings)
    print(f"\naim: memory grows by less than {_AIM_PERCENT} %, no more files: {'met' if is_met else 'missed'}")
    return is_met


def _print_curve(readings: list[Reading]) -> None:
    """Memory at every tenth of the way."""
    tenths = [readings[(len(readings) - 1) * tenth // 10] for tenth in range(11)]
    print_row("instances", *(f"{one.instances:,}" for one in tenths))
    print_row(*["---"] * (len(tenths) + 1))
    for name in readings[-1].mib:
        print_row(f"{name}, MiB", *(f"{one.mib[name]:.1f}" for one in tenths))


if __name__ == "__main__":
    main()
