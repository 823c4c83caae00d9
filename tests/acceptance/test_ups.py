"""A UPS-RS round at our own door by a plain HTTP client: created, claimed, input fetched, completed, outputs there."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from factories.dicom import write
from factories.workitems import workitem
from peers import OrthancPeer, start_orthanc
from running_site import RunningSite, running_site
from test_imaging_line import chest, nodule_series, send

from dicom_io.uids import derive_uid

_JSON = {"Content-Type": "application/dicom+json"}


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancPeer]:
    peer = start_orthanc(tmp_path_factory.mktemp("orthanc"))
    yield peer
    peer.stop()


@pytest.fixture(scope="module")
def site(orthanc: OrthancPeer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    environment = {
        "VARSEL_ARCHIVES": json.dumps([{"name": "old", "by": "dicomweb", "url": orthanc.dicomweb_url}]),
        "VARSEL_UPS__ARCHIVE": "old",
        "VARSEL_UPS__POLL_SECONDS": "0.1",
    }
    directory = tmp_path_factory.mktemp("site")
    with running_site(directory, pacs_port=orthanc.dicom_port, environment=environment) as running:
        yield running


@pytest.fixture
def door(site: RunningSite) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{site.web_url}/dicomweb", timeout=10) as client:
        yield client


def state(door: httpx.Client, uid: str) -> str:
    return str(door.get(f"workitems/{uid}").raise_for_status().json()[0]["00741000"]["Value"][0])


def wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.05)


def outputs(item: dict[str, Any]) -> set[str]:
    (performed,) = item["00741216"]["Value"]
    return {
        reference["00081155"]["Value"][0]
        for output in performed["00404033"]["Value"]
        for reference in output["00081199"]["Value"]
    }


def test_a_plain_client_asks_for_a_study_that_is_in_the_archive_and_gets_the_outputs_there(
    site: RunningSite, door: httpx.Client, orthanc: OrthancPeer, tmp_path: Path
):
    series = nodule_series("asked")
    for path in write(series, tmp_path / "archived"):
        orthanc.rest.post("/instances", content=path.read_bytes()).raise_for_status()
    uid = derive_uid("work item of a plain client")

    created = door.post(f"workitems?{uid}", content=json.dumps([workitem(study="asked")]), headers=_JSON)
    assert created.status_code == 201
    wait(lambda: state(door, uid) in {"COMPLETED", "CANCELED"}, "the work item has ended")

    (item,) = door.get(f"workitems/{uid}").json()
    assert item["00741000"]["Value"] == ["COMPLETED"], item
    # One output series each for report, segmentation and picture; all lie in the archive.
    assert len(outputs(item)) == 3
    assert outputs(item) <= orthanc.sop_instance_uids()
    assert item["0040A370"] == workitem()["0040A370"]
    ours = site.item_of(derive_uid("asked"))
    assert (ours.state, ours.outcome, ours.rule) == ("done", "finding", "nodules")


def test_a_study_that_is_sent_after_it_was_asked_for_is_worked_on_too(
    site: RunningSite, door: httpx.Client, tmp_path: Path
):
    image = chest("sent-later")
    uid = derive_uid("work item of a study that is to come")
    asked = workitem(study="sent-later", rule="chest", priority="HIGH")
    door.post(f"workitems?{uid}", content=json.dumps([asked]), headers=_JSON).raise_for_status()
    wait(lambda: state(door, uid) == "IN PROGRESS", "it was claimed")

    send(site, [image], tmp_path / "sent")
    wait(lambda: state(door, uid) == "COMPLETED", "the work item is done")

    assert len(outputs(door.get(f"workitems/{uid}").json()[0])) == 2


def test_a_study_sent_by_stow_is_read_like_any_other(site: RunningSite, door: httpx.Client, tmp_path: Path):
    image = chest("by-stow")
    (path,) = write([image], tmp_path / "sent")
    body = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + path.read_bytes() + b"\r\n--x--\r\n"
    media_type = 'multipart/related; type="application/dicom"; boundary=x'

    answer = door.post("studies", content=body, headers={"Content-Type": media_type})

    assert answer.status_code == 200
    assert answer.json()["00081199"]["Value"][0]["00081155"]["Value"] == [image.SOPInstanceUID]
    item = site.item_of(image.StudyInstanceUID)
    assert (item.state, item.outcome) == ("done", "finding")
