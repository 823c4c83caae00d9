"""Studies a second through every process: storescu, ``varsel receive``, a worker whose model does nothing, Orthanc."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import psutil
from many_studies import ManyStudies, send
from peers import free_ports, running_orthanc
from running_site import RunningSite, running_site
from sqlalchemy import func, select
from tables import print_row
from worker_process import wait_until, worker

from serving.records.database import reading
from serving.records.schema import WORK_ITEM

_SLICES, _SIZE = 40, (512, 512)
#: Associations at once, and studies that have no end yet at most.
_SENDERS, _UNDER_WAY = 2, 6
#: Studies that are sent before it is counted.
_WARM_UP = 4
_AIM_STUDIES = 2.0
_SETTINGS = {"VARSEL_RECEIVE__QUIET_AFTER_RELEASE_SECONDS": "0", "VARSEL_RECEIVE__QUIET_SECONDS": "60"}


def print_whole_line(name: str, url: str, scratch: Path, studies: int) -> None:
    """A row: studies a second on the database at *url*, from the first that was sent to the last at the archive."""
    (port,) = free_ports(1)
    with (
        running_orthanc(scratch / "orthanc") as orthanc,
        running_site(
            scratch / "site", pacs_port=orthanc.dicom_port, start=("receive",), environment=_SETTINGS, database_url=url
        ) as site,
        worker(site.directory / "data", "node-1", {"url": url, "port": port, "pacs": orthanc.dicom_port}),
    ):
        moulded = ManyStudies(scratch / "sent", _SLICES, _SIZE)
        _send(site, moulded, 0, _WARM_UP)
        began, busy = time.monotonic(), _busy_seconds()
        _send(site, moulded, _WARM_UP, studies)
        seconds = time.monotonic() - began
        held = len(orthanc.get("/instances"))
    rate, used = studies / seconds, (_busy_seconds() - busy) / seconds
    verdict = "met" if rate >= _AIM_STUDIES and held == studies + _WARM_UP else "missed"
    print_row(name, str(studies), f"{held}", f"{seconds:.1f}", f"{rate:.2f}", f"{used:.2f}", verdict)


def print_heads() -> None:
    """Of the rows."""
    told = ("studies of 40 slices of 526 kB", "results at the archive", "s", "studies/s", "cores in use", "aim of 2")
    print_row("", *told)
    print_row(*["---"] * (len(told) + 1))


def _send(site: RunningSite, moulded: ManyStudies, before: int, studies: int) -> None:
    """Send so many *studies* after those *before*, and wait until all are done."""
    sendings: list[Future[None]] = []
    with ThreadPoolExecutor(_SENDERS) as senders:
        for number in range(studies):
            wanted = before + number - _UNDER_WAY + 1
            wait_until(lambda wanted=wanted: _done(site) >= wanted, f"{wanted} studies are done")
            _, directory = moulded.pour()
            sendings.append(senders.submit(send, site.ports["receive"], directory))
    for sending in sendings:
        sending.result()
    wait_until(lambda: _done(site) >= before + studies, "all studies are done")


def _done(site: RunningSite) -> int:
    with reading(site.engine) as connection:
        return connection.scalar(select(func.count()).where(WORK_ITEM.c.state == "done")) or 0


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.softirq)
