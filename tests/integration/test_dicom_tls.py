"""DICOM TLS with certificates on both sides: who is let in and who is not, with DCMTK, OpenSSL and pynetdicom."""

import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from dicom_io.errors import UnreachableError
from dicom_io.receive.inbox import MemoryInbox
from dicom_io.receive.neck import SilentObserver
from dicom_io.receive.spool import Spool
from dicom_io.receive.store_scp import StoreScp, StoreScpSettings
from dicom_io.send.association import DicomAddress
from dicom_io.send.destination import Receipt
from dicom_io.send.store_scu import StoreScu
from dicom_io.tls import TlsFiles, client_context, server_context
from tests.factories.dicom import cr_image, ct_series, write
from tests.factories.tls import issue
from tests.integration.peers import run_dcmtk


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def modality(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return issue(authority, tmp_path_factory.mktemp("modality"), "modality")


@pytest.fixture(scope="module")
def inbox() -> MemoryInbox:
    return MemoryInbox()


@pytest.fixture(scope="module")
def door(authority: trustme.CA, inbox: MemoryInbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreScp]:
    directory = tmp_path_factory.mktemp("node")
    settings = StoreScpSettings(port=0, tls=server_context(issue(authority, directory, "node")), acse_timeout_seconds=2)
    scp = StoreScp(settings, inbox, Spool(directory / "spool"), SilentObserver())
    scp.start()
    yield scp
    scp.stop()


def echo(door: StoreScp, *arguments: str | Path) -> bool:
    """Whether DCMTK's echoscu gets its answer."""
    return run_dcmtk("echoscu", ["-ta", "5", "-to", "5", *arguments, "127.0.0.1", str(door.port)]).returncode == 0


def with_certificate(files: TlsFiles) -> list[str | Path]:
    return ["+tls", files.key, files.certificate, "+cf", files.trusted, "-rc"]


def test_a_sender_with_a_certificate_of_the_authority_is_let_in(door, inbox, modality, tmp_path):
    (path,) = write([cr_image(study="tls-dcmtk")], tmp_path)
    sent = run_dcmtk("storescu", ["-R", *with_certificate(modality), "127.0.0.1", str(door.port), path])
    assert sent.returncode == 0, sent.stderr
    assert cr_image(study="tls-dcmtk").SOPInstanceUID in inbox.arrivals


def test_a_sender_that_does_not_encrypt_is_refused(door):
    assert not echo(door)


def test_a_sender_without_a_certificate_is_refused(door, modality):
    assert echo(door, *with_certificate(modality))
    assert not echo(door, "+tla", "+cf", modality.trusted, "-rc")


def test_a_certificate_of_another_authority_is_refused(door, modality, tmp_path):
    stranger = replace(issue(trustme.CA(), tmp_path, "stranger"), trusted=modality.trusted)
    assert not echo(door, *with_certificate(stranger))


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_tls_1_1_is_refused_and_1_2_is_not(door, modality):
    def speak(version: ssl.TLSVersion) -> str | None:
        context = client_context(modality)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        with (
            socket.create_connection(("127.0.0.1", door.port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
        ):
            return secured.version()

    assert speak(ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    assert speak(ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        speak(ssl.TLSVersion.TLSv1_1)


def test_a_peer_whose_certificate_bears_another_name_is_not_sent_to(door, modality, tmp_path):
    address = DicomAddress(host="localhost", port=door.port, ae_title="VARSEL", tls=client_context(modality))
    with pytest.raises(UnreachableError, match="trusts the other's certificate"):
        StoreScu(address).send(write([cr_image()], tmp_path))


def test_under_load_every_encrypted_sender_gets_through_and_no_other(door, inbox, modality, tmp_path):
    """Eight senders at once, DCMTK's and ours; plaintext and strangers call all the while."""
    names = [f"tls-load-{n}" for n in range(8)]
    studies = [write(ct_series(6, size=(256, 256), study=name), tmp_path / name) for name in names]
    stranger = replace(issue(trustme.CA(), tmp_path, "stranger"), trusted=modality.trusted)
    ours = StoreScu(DicomAddress(host="127.0.0.1", port=door.port, ae_title="VARSEL", tls=client_context(modality)))
    theirs = ["-R", *with_certificate(modality), "127.0.0.1", str(door.port)]
    with ThreadPoolExecutor(16) as pool:
        sent = [pool.submit(run_dcmtk, "storescu", [*theirs, *paths]) for paths in studies[:4]]
        stored = [pool.submit(ours.send, paths) for paths in studies[4:]]
        intruders = [pool.submit(echo, door, *how) for how in ([], with_certificate(stranger)) * 4]

    assert [one.result().returncode for one in sent] == [0] * 4
    assert all(isinstance(answer, Receipt) for one in stored for answer in one.result())
    assert [one.result() for one in intruders] == [False] * 8
    expected = {image.SOPInstanceUID for name in names for image in ct_series(6, size=(256, 256), study=name)}
    assert expected <= set(inbox.arrivals)


def test_a_caller_that_never_finishes_its_handshake_keeps_nobody_out(door, modality):
    with socket.create_connection(("127.0.0.1", door.port), timeout=5) as silent:
        assert echo(door, *with_certificate(modality))
        # Cut off after the time that association messages have.
        assert silent.recv(1) == b""
