"""kill -9 in mid-work: what was acknowledged ends, each result once in the archive."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from factories.dicom import write
from peers import OrthancPeer, run_dcmtk, start_orthanc
from running_site import RunningSite, running_site
from sqlalchemy import select
from test_imaging_line import chest, in_orthanc

from serving.records.database import reading
from serving.records.schema import RESULT

STUDIES = 10


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[OrthancPeer]:
    peer = start_orthanc(tmp_path / "orthanc")
    yield peer
    peer.stop()


@pytest.fixture
def site(orthanc: OrthancPeer, tmp_path: Path) -> Iterator[RunningSite]:
    with running_site(tmp_path / "site", pacs_port=orthanc.dicom_port, maximum_attempts=30) as running:
        yield running


def send_one(site: RunningSite, path: Path) -> bool:
    """Whether the sender was told that the image is safe."""
    arguments = ["-R", "-aec", "VARSEL", "127.0.0.1", site.ports["receive"], path]
    return run_dcmtk("storescu", arguments).returncode == 0


def results_of(site: RunningSite) -> set[str]:
    with reading(site.engine) as connection:
        return set(connection.scalars(select(RESULT.c.sop_instance_uid)))


def assert_each_once(site: RunningSite, orthanc: OrthancPeer, studies: set[str]) -> None:
    site.wait_for(studies)
    items = [item for item in site.items() if item.case_id in studies]
    assert {item.state for item in items} == {"done"}
    assert len(items) == len(studies)
    held = [one.SOPInstanceUID for study in studies for one in in_orthanc(orthanc, study)]
    # Orthanc counts each UID once; two objects that say the same under two UIDs would be too many.
    assert len(held) == 2 * len(studies)
    assert set(held) == results_of(site)


def test_a_killed_worker_loses_and_doubles_nothing(site: RunningSite, orthanc: OrthancPeer, tmp_path: Path):
    images = [chest(f"kill-{number}") for number in range(STUDIES)]
    studies = {str(image.StudyInstanceUID) for image in images}
    for path in write(images, tmp_path / "sent"):
        assert send_one(site, path)
    site.wait(lambda: any(item.state != "queued" for item in site.items()), "the worker has begun", 30)

    for _ in range(3):
        site.kill("work")
        site.log("work").unlink()
        site.start("work")

    assert_each_once(site, orthanc, studies)


def test_a_killed_receiver_keeps_what_it_acknowledged(site: RunningSite, orthanc: OrthancPeer, tmp_path: Path):
    images = [chest(f"cut-{number}") for number in range(STUDIES)]
    paths = write(images, tmp_path / "sent")
    with ThreadPoolExecutor(3) as senders:
        answers = [senders.submit(send_one, site, path) for path in paths]
        site.wait(answers[1].done, "some images were sent", 30)
        site.kill("receive")
        told = [answer.result() for answer in answers]
    site.log("receive").unlink()
    site.start("receive")
    for path, was_taken in zip(paths, told, strict=True):
        # A sender that was not told "stored" sends again.
        assert was_taken or send_one(site, path)

    assert_each_once(site, orthanc, {str(image.StudyInstanceUID) for image in images})
