"""The STOW-RS door over a real socket: dicomweb-client, raw bodies, and what goes wrong."""

import socket
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from dicomweb_client.api import DICOMwebClient
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
from starlette.applications import Starlette
from ups_server import serving_app

from dicom_io.errors import SpoolFullError
from dicom_io.native_xml import read_native_xml
from dicom_io.receive.inbox import Landing, MemoryInbox, RefusalCode
from dicom_io.receive.multipart import MultipartError, MultipartLimits, MultipartReader
from dicom_io.receive.neck import Neck, SilentObserver
from dicom_io.receive.spool import Draft, Spool
from dicom_io.receive.stow import StowDoor
from dicom_io.uids import derive_uid
from serving.web.dicomweb import StowLimits, stow_routes
from tests.factories.dicom import ct_series, write

LIMITS = StowLimits(body=MultipartLimits(part_bytes=200_000, parts=20), stall_seconds=0.5)
BOUNDARY = "cut-here"
TYPE = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'


class Door:
    """A door with its books, and its address."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.inbox = MemoryInbox()
        self.spool = Spool(directory / "spool")
        neck = Neck(self.inbox, self.spool, SilentObserver())
        self.app = Starlette(routes=stow_routes(StowDoor(neck, self.inbox), directory / "parts", LIMITS))
        self.url = ""

    def post(self, body: Any, path: str = "studies", **headers: str) -> httpx.Response:
        given = {"Content-Type": TYPE, "Accept": "application/dicom+json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return httpx.post(f"{self.url}/{path}", content=body, headers=given, timeout=10)

    def left_behind(self) -> list[Path]:
        return list((self.directory / "parts").iterdir())


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    made = Door(tmp_path)
    with serving_app(made.app) as url:
        made.url = f"{url}/dicomweb"
        yield made


def files(tmp_path: Path, datasets: list[Dataset]) -> list[bytes]:
    return [path.read_bytes() for path in write(datasets, tmp_path / "files")]


def multipart(*objects: bytes, media_type: str = "application/dicom", end: bool = True) -> bytes:
    parts = [f"--{BOUNDARY}\r\nContent-Type: {media_type}\r\n\r\n".encode() + one + b"\r\n" for one in objects]
    return b"".join(parts) + (f"--{BOUNDARY}--\r\n".encode() if end else b"")


def names(answer: httpx.Response, tag: str) -> list[str]:
    return [item["00081155"]["Value"][0] for item in answer.json().get(tag, {}).get("Value", [])]


def test_dicomweb_client_stores_a_series(door: Door, tmp_path: Path) -> None:
    series = [dcmread(path) for path in write(ct_series(3), tmp_path / "files")]
    client = DICOMwebClient(url=door.url)
    response = client.store_instances(series)
    assert {item.ReferencedSOPInstanceUID for item in response.ReferencedSOPSequence} == set(door.inbox.arrivals)
    assert set(door.inbox.arrivals) == {dataset.SOPInstanceUID for dataset in series}
    assert door.inbox.ended == [("127.0.0.1", frozenset({derive_uid("study-1")}), False)]
    assert all(arrival.path.is_file() for arrival in door.inbox.arrivals.values())
    assert door.left_behind() == []


def test_the_pixels_that_came_are_the_pixels_that_lie_on_disk(door: Door, tmp_path: Path) -> None:
    (sent,) = files(tmp_path, ct_series(1))
    assert door.post(multipart(sent)).status_code == 200
    (arrival,) = door.inbox.arrivals.values()
    kept = arrival.path.read_bytes()
    # Our own File Meta Information stands before the same dataset.
    assert kept[-600:] == sent[-600:]


def test_the_same_object_twice_is_one(door: Door, tmp_path: Path) -> None:
    (one,) = files(tmp_path, ct_series(1))
    assert door.post(multipart(one, one)).status_code == 200
    assert door.inbox.landings == [Landing.NEW, Landing.SAME]


def test_some_bad_parts_leave_the_good_ones_stored(door: Door, tmp_path: Path) -> None:
    good, other = files(tmp_path, ct_series(2))
    answer = door.post(multipart(good, b"no object", other[:200]))
    assert answer.status_code == 202
    assert names(answer, "00081199") == list(door.inbox.arrivals)
    assert [one["00081197"]["Value"] for one in answer.json()["0008119A"]["Value"]] == [[0xC000], [0xC000]]
    assert {refusal.reason_code for refusal in door.inbox.refusals} == {RefusalCode.NOT_DICOM}
    assert all(refusal.path is not None and refusal.path.is_file() for refusal in door.inbox.refusals)


def test_nothing_usable_is_a_conflict(door: Door) -> None:
    assert door.post(multipart(b"no object")).status_code == 409


def test_objects_of_another_study_than_the_path_names_are_not_stored(door: Door, tmp_path: Path) -> None:
    one = files(tmp_path, ct_series(1))[0]
    answer = door.post(multipart(one), f"studies/{derive_uid('another')}")
    assert answer.status_code == 409
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA900]
    assert door.inbox.arrivals == {}
    assert door.post(multipart(one), f"studies/{derive_uid('study-1')}").status_code == 200


@pytest.mark.parametrize("uid", ["..%2F..%2Fetc", "1.2.x", "1." * 40 + "1", "a", "1%00"])
def test_a_path_that_is_no_uid_is_refused(door: Door, tmp_path: Path, uid: str) -> None:
    answer = door.post(multipart(*files(tmp_path, ct_series(1))), f"studies/{uid}")
    assert answer.status_code in {400, 404}
    assert door.inbox.arrivals == {}


def test_uids_that_are_paths_never_become_one(door: Door, tmp_path: Path) -> None:
    dataset = ct_series(1)[0]
    (sent,) = files(tmp_path, [dataset])
    uid = dataset.StudyInstanceUID.encode()
    trick = (b"../" * 40)[: len(uid)]
    assert door.post(multipart(sent.replace(uid, trick))).status_code == 409
    assert {path.parent.name for path in door.directory.rglob("*.bin")} == {"refused"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Type": "application/dicom"}, 415),
        ({"Content_Type": 'multipart/related; type="application/dicom+json"; boundary=x'}, 415),
        ({"Content_Type": 'multipart/related; type="application/dicom"'}, 400),
        ({"Content_Type": 'multipart/related; type="application/dicom"; boundary=' + "x" * 71}, 400),
        ({"Content_Type": 'multipart/related; type="application/dicom"; boundary=other'}, 400),
        ({"Content_Encoding": "gzip"}, 415),
        ({"Accept": "text/html, application/dicom+json;q=0"}, 406),
    ],
)
def test_what_is_not_spoken_here_is_told_so(door: Door, tmp_path: Path, headers: dict[str, str], status: int) -> None:
    assert door.post(multipart(*files(tmp_path, ct_series(1))), **headers).status_code == status
    assert door.inbox.arrivals == {}


@pytest.mark.parametrize("accept", ["application/dicom+xml", "application/dicom+json;q=0.5, application/dicom+xml"])
def test_what_became_of_each_object_is_told_as_xml_too(door: Door, tmp_path: Path, accept: str) -> None:
    body = multipart(*files(tmp_path, ct_series(1)), b"no object")
    answer = door.post(body, Accept=accept)
    assert (answer.status_code, answer.headers["Content-Type"]) == (202, "application/dicom+xml")
    assert read_native_xml(answer.content) == door.post(body).json()


def test_a_zip_in_a_part_is_not_unpacked(door: Door) -> None:
    assert door.post(multipart(b"PK\x03\x04" + b"\0" * 100, media_type="application/zip")).status_code == 409
    (refusal,) = door.inbox.refusals
    assert refusal.reason_code is RefusalCode.NOT_DICOM


def test_an_empty_body_is_no_request(door: Door) -> None:
    assert door.post(b"").status_code == 400
    assert door.post(f"--{BOUNDARY}--\r\n".encode()).status_code == 400


def test_too_large_an_object_is_refused_while_it_comes_and_the_ones_before_it_stay(door: Door, tmp_path: Path) -> None:
    (good,) = files(tmp_path, ct_series(1))
    answer = door.post(multipart(good, b"\0" * 300_000, good))
    assert answer.status_code == 413
    assert names(answer, "00081199") == list(door.inbox.arrivals)
    assert door.left_behind() == []


def test_too_many_objects_are_refused(door: Door) -> None:
    assert door.post(multipart(*[b"x"] * 21)).status_code == 413
    assert door.left_behind() == []


def test_a_body_that_breaks_off_is_told_what_was_stored(door: Door, tmp_path: Path) -> None:
    good, other = files(tmp_path, ct_series(2))
    answer = door.post(multipart(good, other, end=False)[:-300])
    assert answer.status_code == 202
    assert names(answer, "00081199") == list(door.inbox.arrivals)
    assert door.inbox.ended[0][2], "the sender broke off"
    assert door.left_behind() == []


def test_a_full_disk_is_told_so_and_nothing_is_acknowledged(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_blank: Draft | None) -> Draft:
        raise SpoolFullError

    monkeypatch.setattr(door.spool, "begin", full)
    answer = door.post(multipart(*files(tmp_path, ct_series(1))))
    assert answer.status_code == 507
    assert answer.headers["Retry-After"]
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA700]


def test_a_sender_that_stalls_is_given_up(door: Door) -> None:
    host, port = "127.0.0.1", httpx.URL(door.url).port
    with socket.create_connection((host, port or 0), timeout=10) as half_open:
        head = f"POST /dicomweb/studies HTTP/1.1\r\nHost: x\r\nContent-Type: {TYPE}\r\nContent-Length: 9999\r\n\r\n"
        half_open.sendall(head.encode() + f"--{BOUNDARY}\r\n\r\nbegun".encode())
        answer = half_open.recv(4096)
    assert b" 408 " in answer.splitlines()[0]
    assert door.left_behind() == []


def test_many_senders_at_once_all_get_through(door: Door, tmp_path: Path) -> None:
    bodies = [multipart(*files(tmp_path / str(number), ct_series(4, study=f"s{number}"))) for number in range(6)]
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda body=body: statuses.append(door.post(body).status_code)) for body in bodies
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 6
    assert len(door.inbox.arrivals) == 24


@settings(max_examples=60, deadline=None)
@given(
    objects=st.lists(st.binary(max_size=300), min_size=1, max_size=4),
    cuts=st.lists(st.integers(min_value=0, max_value=2000), max_size=6),
)
def test_parts_are_the_same_however_the_body_is_cut(
    tmp_path_factory: pytest.TempPathFactory, objects: list[bytes], cuts: list[int]
) -> None:
    directory = tmp_path_factory.mktemp("parts")
    objects = [one.replace(b"--cut-here", b"") for one in objects]
    body = multipart(*objects)
    reader = MultipartReader(BOUNDARY.encode(), directory, LIMITS.body)
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    parts = [part for start, end in pairwise(edges) for part in reader.feed(body[start:end])]
    assert [part.read_bytes() for part in parts] == objects
    assert reader.is_whole


@settings(max_examples=80, deadline=None)
@given(body=st.binary(max_size=400))
def test_any_bytes_end_in_parts_or_in_a_clear_error(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    directory = tmp_path_factory.mktemp("parts")
    reader = MultipartReader(BOUNDARY.encode(), directory, LIMITS.body)
    try:
        for part in reader.feed(b"--cut-here\r\n" + body):
            part.unlink()
    except MultipartError:
        pass
    reader.close()
    assert list(directory.iterdir()) == []
