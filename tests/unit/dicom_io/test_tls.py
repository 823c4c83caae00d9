"""Contexts for DICOM TLS: right files give one, each wrong file is named with its fault."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from dicom_io.errors import TlsFilesError
from dicom_io.tls import TlsFiles, client_context, server_context
from serving.settings.dicom_tls import Tls
from tests.factories.tls import issue


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> TlsFiles:
    return issue(authority, tmp_path, "node")


@pytest.mark.parametrize("make", [server_context, client_context])
def test_nothing_older_than_tls_1_2_nothing_without_forward_secrecy_nobody_without_a_certificate(make, files):
    context = make(files)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    for cipher in context.get_ciphers():
        assert cipher["aead"]
        assert cipher["protocol"] == "TLSv1.3" or cipher["name"].startswith("ECDHE")


def test_a_client_checks_the_name_it_connects_to(files):
    assert client_context(files).check_hostname


def test_only_the_named_authorities_are_believed(files):
    assert len(server_context(files).get_ca_certs()) == 1


@pytest.mark.parametrize("which", ["certificate", "key", "trusted"])
def test_a_missing_file_is_named(files, which):
    getattr(files, which).unlink()
    with pytest.raises(TlsFilesError, match=f"{which}.*cannot be read: No such file"):
        server_context(files)


@pytest.mark.parametrize(
    ("which", "said"), [("certificate", "no certificate"), ("key", "no private key"), ("trusted", "no certificate")]
)
@pytest.mark.parametrize("content", ["", "not a PEM file"])
def test_a_file_that_is_something_else_is_named(files, which, said, content):
    getattr(files, which).write_text(content)
    with pytest.raises(TlsFilesError, match=f"{which}.*{said}"):
        server_context(files)


def test_a_key_of_another_certificate_is_named(authority, files, tmp_path):
    files.key.write_bytes(issue(authority, tmp_path, "other").key.read_bytes())
    with pytest.raises(TlsFilesError, match="does not belong to"):
        server_context(files)


def test_an_encrypted_key_is_named_and_never_asked_for(files):
    key = load_pem_private_key(files.key.read_bytes(), None)
    encryption = BestAvailableEncryption(b"secret")
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    with pytest.raises(TlsFilesError, match="is encrypted"):
        server_context(files)


@pytest.mark.parametrize(("begins", "ends"), [(-10, -5), (5, 10)])
def test_a_certificate_out_of_its_time_is_named_with_its_dates(authority, tmp_path, begins, ends):
    now = datetime.now(UTC)
    files = issue(authority, tmp_path, "node", not_before=now + timedelta(begins), not_after=now + timedelta(ends))
    with pytest.raises(TlsFilesError, match=r"valid from \d{4}-"):
        server_context(files)


def test_settings_name_all_three_files_or_none(files):
    assert Tls().files is None
    assert Tls(certificate=files.certificate, key=files.key, trusted=files.trusted).files == files
    with pytest.raises(ValueError, match="key, trusted"):
        Tls(certificate=files.certificate)
