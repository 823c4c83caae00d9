"""Many instances through reception, work and archive: ``make soak``, or ``make soak ARGS='--instances 5000'``.

Memory and open files of every process are looked at after each round of studies; growth is counted from the end of the
first tenth, when everything has been loaded, to the end. It fails when memory grew by 2 % or more, when more files are
open, or when a study did not come to its end with its results at the archive.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from factories.dicom import write
from peers import start_orthanc
from pydicom.dataset import Dataset
from running_site import RunningSite, running_site
from sqlalchemy import func, select
from tables import print_row
from test_imaging_line import nodule_series

from dicom_io.send.association import DicomAddress
from dicom_io.send.store_scu import StoreScu
from serving.records.database import reading
from serving.records.schema import INSTANCE, WORK_ITEM

_PROCESSES = ("api", "receive", "work")
#: Studies sent before it is waited for them.
_ROUND = 8
_WAIT_SECONDS = 300
_AIM_PERCENT = 2.0
#: Files that come and go with connections.
_FILES_SLACK = 8


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
    with tempfile.TemporaryDirectory() as scratch:
        orthanc = start_orthanc(Path(scratch) / "orthanc")
        try:
            environment = {"VARSEL_RECEIVE__QUIET_AFTER_RELEASE_SECONDS": "0"}
            with running_site(
                Path(scratch) / "site", pacs_port=orthanc.dicom_port, start=_PROCESSES, environment=environment
            ) as site:
                began = time.monotonic()
                readings = _soak(site, Path(scratch), options.instances, began + options.seconds)
                seconds = time.monotonic() - began
                held = len(orthanc.get("/instances"))
                is_clean = _judge(site, held)
        finally:
            orthanc.stop()
    sys.exit(0 if _print(readings, seconds) and is_clean else 1)


def _soak(site: RunningSite, scratch: Path, instances: int, until: float) -> list[Reading]:
    address = DicomAddress(
        host="127.0.0.1",
        port=site.ports["receive"],
        ae_title="VARSEL",
        calling_ae_title="SOAK",
        dimse_timeout_seconds=60,
    )
    sender = StoreScu(address)
    readings: list[Reading] = []
    sent = number = 0
    while sent < instances and time.monotonic() < until:
        studies = set()
        for _ in range(_ROUND):
            study: list[Dataset] = nodule_series(f"soak-{number}")
            paths = write(study, scratch / "sent")
            sender.send(paths)
            for path in paths:
                path.unlink()
            studies.add(str(study[0].StudyInstanceUID))
            sent, number = sent + len(paths), number + 1
        site.wait(lambda wanted=studies: _done(site, wanted) == len(wanted), "a round is done", _WAIT_SECONDS)
        readings.append(_look(site, sent))
    sender.close()
    return readings


def _done(site: RunningSite, studies: set[str]) -> int:
    over = WORK_ITEM.c.state.in_(("done", "failed"))
    with reading(site.engine) as connection:
        return connection.scalar(select(func.count()).where(WORK_ITEM.c.case_id.in_(studies), over)) or 0


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


def _judge(site: RunningSite, held: int) -> bool:
    with reading(site.engine) as connection:
        kept = connection.scalar(select(func.count()).select_from(INSTANCE))
        states = dict(connection.execute(select(WORK_ITEM.c.state, func.count()).group_by(WORK_ITEM.c.state)).all())
    studies = sum(states.values())
    print(f"{kept} instances kept, {studies} studies: {states}; {held} result objects at the archive")
    return set(states) == {"done"} and held >= 2 * studies


def _print(readings: list[Reading], seconds: float) -> bool:
    last = readings[-1]
    print(f"{last.instances} instances in {seconds:.0f} s: {last.instances / seconds:.1f} a second\n")
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
    print(f"\naim: memory grows by less than {_AIM_PERCENT} %, no more files: {'met' if is_met else 'missed'}")
    return is_met


if __name__ == "__main__":
    main()
