"""What is made of a DICOMweb archive's answers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from factories.dicom import structured_report, write
from factories.tls import issue
from web_peers import WebPeer, web_peer

from dicom_io.errors import RejectedError, UnreachableError
from dicom_io.headers import read_header
from dicom_io.send.destination import Receipt, Refusal
from dicom_io.send.stow_rs import StowRs
from dicom_io.send.web_address import WebAddress
from dicom_io.tls import client_context, server_context


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write([structured_report()], tmp_path)[0]


@pytest.fixture
def uid(path: Path) -> str:
    return read_header(path).instance.sop_instance_uid


@pytest.fixture
def peer(uid: str) -> Iterator[WebPeer]:
    """Stores everything, and finds it."""
    with web_peer(POST=(200, referenced(uid)), GET=(200, [{"00080018": {"vr": "UI", "Value": [uid]}}])) as peer:
        yield peer


@pytest.fixture
def stow(peer: WebPeer) -> Iterator[StowRs]:
    stow = StowRs(WebAddress(url=f"{peer.url}/dicom-web", timeout_seconds=5))
    yield stow
    stow.close()


def referenced(uid: str, **more: Any) -> dict[str, Any]:
    return {"00081199": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": [uid]}, **more}]}}


def failed(uid: str, reason: int) -> dict[str, Any]:
    item = {"00081155": {"vr": "UI", "Value": [uid]}, "00081197": {"vr": "US", "Value": [reason]}}
    return {"00081198": {"vr": "SQ", "Value": [item]}}


def test_the_file_is_sent_as_it_lies_on_disk_as_one_part(stow: StowRs, peer: WebPeer, path: Path, uid: str):
    (receipt,) = stow.send([path])

    assert isinstance(receipt, Receipt)
    assert (receipt.sop_instance_uid, receipt.status) == (uid, 0)
    method, where, body = peer.requests[0]
    assert (method, where) == ("POST", f"/dicom-web/studies/{read_header(path).study_instance_uid}")
    assert body.count(path.read_bytes()) == 1
    assert body.startswith(b"--")


def test_a_warning_is_kept_in_the_receipt(stow: StowRs, peer: WebPeer, path: Path, uid: str):
    peer.answers["POST"] = (202, referenced(uid, **{"00081196": {"vr": "US", "Value": [0xB000]}}))

    assert stow.send([path])[0].status == 0xB000


@pytest.mark.parametrize(("status", "reason"), [(409, 0x0122), (202, 0xA900), (200, 0xC000)])
def test_a_failure_in_the_answer_is_a_refusal_whatever_http_says(
    stow: StowRs, peer: WebPeer, path: Path, uid: str, status: int, reason: int
):
    peer.answers["POST"] = (status, failed(uid, reason))

    (answer,) = stow.send([path])

    assert isinstance(answer, Refusal)
    assert f"{reason:04X}" in answer.reason


def test_what_is_there_already_is_received(stow: StowRs, peer: WebPeer, path: Path, uid: str):
    peer.answers["POST"] = (409, failed(uid, 0x0111))

    assert stow.send([path])[0].status == 0x0111


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_refusal_without_words_is_told_by_its_status(stow: StowRs, peer: WebPeer, path: Path, status: int):
    peer.answers["POST"] = (status, None)

    (answer,) = stow.send([path])

    assert isinstance(answer, Refusal)
    assert str(status) in answer.reason


@pytest.mark.parametrize("status", [302, 401, 403, 404, 429, 500, 503, 507])
def test_trouble_of_the_service_passes_by_itself(stow: StowRs, peer: WebPeer, path: Path, status: int):
    peer.answers["POST"] = (status, None)

    with pytest.raises(UnreachableError, match=str(status)):
        stow.send([path])


def test_an_archive_short_of_resources_is_tried_again(stow: StowRs, peer: WebPeer, path: Path, uid: str):
    peer.answers["POST"] = (409, failed(uid, 0xA700))

    with pytest.raises(UnreachableError, match="A700"):
        stow.send([path])


def test_a_success_counts_only_when_the_object_is_found(stow: StowRs, peer: WebPeer, path: Path):
    peer.answers["GET"] = (204, None)

    with pytest.raises(UnreachableError, match="does not find it"):
        stow.send([path])


def test_an_archive_without_queries_says_how_to_go_on(stow: StowRs, peer: WebPeer, path: Path):
    peer.answers["GET"] = (400, None)

    with pytest.raises(RejectedError, match="can_query = false"):
        stow.send([path])


def test_the_token_is_read_anew_for_every_request(peer: WebPeer, path: Path, tmp_path: Path):
    token = tmp_path / "token"
    stow = StowRs(WebAddress(url=peer.url, token_file=token), confirms=False)
    for word in ("first", "second"):
        token.write_text(f"{word}\n")
        stow.send([path])
        assert peer.headers["Authorization"] == f"Bearer {word}"
    token.unlink()
    with pytest.raises(UnreachableError, match="holds no token"):
        stow.send([path])
    stow.close()


def test_over_tls_both_sides_show_their_certificates(path: Path, tmp_path: Path):
    authority = trustme.CA()
    theirs = server_context(issue(authority, tmp_path, "archive"))
    ours = client_context(issue(authority, tmp_path, "varsel"))
    stranger = client_context(issue(trustme.CA(), tmp_path, "stranger"))
    with web_peer(tls=theirs) as peer:
        known, unknown = (
            StowRs(WebAddress(url=peer.url, tls=one, timeout_seconds=5), confirms=False) for one in (ours, stranger)
        )
        (receipt,) = known.send([path])
        with pytest.raises(UnreachableError):
            unknown.send([path])
        known.close()
        unknown.close()

    assert isinstance(receipt, Receipt)
    assert len(peer.requests) == 1


def test_nobody_there_is_unreachable_and_the_study_is_not_named(path: Path):
    with web_peer() as gone:
        url = gone.url
    stow = StowRs(WebAddress(url=url, timeout_seconds=1))

    with pytest.raises(UnreachableError) as told:
        stow.send([path])

    assert read_header(path).study_instance_uid not in str(told.value)
    stow.close()
