"""Three workers on one PostgreSQL: one is killed, one frozen; the rest do their work, and nothing comes twice."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from factories.dicom import write
from peers import OrthancPeer, free_ports, run_dcmtk, start_orthanc
from postgresql_server import postgresql
from running_site import RunningSite, running_site
from sqlalchemy import select
from test_imaging_line import chest, in_orthanc

from serving.records.database import reading
from serving.records.node_schema import NODE_LEASE
from serving.records.schema import WORK_ITEM

STUDIES = 8
#: A node that is silent for so long is taken for dead.
SILENCE = {"VARSEL_WORK__SILENCE_SECONDS": "4"}


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[OrthancPeer]:
    peer = start_orthanc(tmp_path / "orthanc")
    yield peer
    peer.stop()


def busy_nodes(site: RunningSite) -> set[str]:
    with reading(site.engine) as connection:
        return set(connection.scalars(select(WORK_ITEM.c.node).where(WORK_ITEM.c.state == "running")))


def live_nodes(site: RunningSite) -> set[str]:
    with reading(site.engine) as connection:
        return set(connection.scalars(select(NODE_LEASE.c.node)))


def test_one_killed_and_one_frozen_node_lose_and_double_nothing(orthanc: OrthancPeer, tmp_path: Path):
    images = [chest(f"nodes-{number}") for number in range(STUDIES)]
    studies = {str(image.StudyInstanceUID) for image in images}
    with (
        postgresql() as url,
        running_site(
            tmp_path / "site",
            pacs_port=orthanc.dicom_port,
            start=("api", "receive"),
            maximum_attempts=30,
            environment=SILENCE,
            database_url=url,
        ) as site,
    ):
        for number, port in zip((2, 3, 4), free_ports(3), strict=True):
            site.start_node(number, str(port))
        arguments = ["-R", "-aec", "VARSEL", "127.0.0.1", site.ports["receive"]]
        for path in write(images, tmp_path / "sent"):
            assert run_dcmtk("storescu", [*arguments, path]).returncode == 0
        site.wait(lambda: len(busy_nodes(site)) >= 2, "two nodes work", 60)
        frozen, killed = sorted(busy_nodes(site))[:2]
        zombie = site.processes[frozen.replace("node", "work")]
        os.kill(zombie.pid, signal.SIGSTOP)
        site.kill(killed.replace("node", "work"))

        site.wait_for(studies, 120)
        site.wait(lambda: live_nodes(site).isdisjoint({frozen, killed}), "the lost nodes are buried", 30)
        os.kill(zombie.pid, signal.SIGCONT)
        zombie.wait(60)
        states = [item.state for item in site.items()]
        log = site.log(frozen.replace("node", "work")).read_text()

    held = [one.SOPInstanceUID for study in studies for one in in_orthanc(orthanc, study)]
    assert states == ["done"] * STUDIES
    assert len(held) == len(set(held)) == 2 * STUDIES
    assert "node_fenced" in log
