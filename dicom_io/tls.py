"""DICOM TLS: the BCP 195 RFC 8996, RFC 9325 secure transport profile (PS3.15 B.12), always with mutual authentication.

TLS 1.2 or newer, forward secrecy (ECDHE) and authenticated encryption (AEAD) only, and each side shows a certificate of
an authority that the other trusts. Nothing is negotiated down.
"""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from cryptography import x509

from dicom_io.errors import TlsFilesError

#: RFC 9325 4.2 for TLS 1.2; the suites of TLS 1.3 are all of this kind.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


@dataclass(frozen=True, kw_only=True)
class TlsFiles:
    """Where one end of a connection finds what it identifies itself with and whom it trusts; all PEM."""

    #: Our certificate, followed by those of intermediate authorities.
    certificate: Path
    #: Its private key, not encrypted; readable by this process's user alone.
    key: Path
    #: Certificates of the authorities whose certificates we believe; no other is believed, the system's neither.
    trusted: Path


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """For listening: a client without a certificate of a trusted authority gets no connection.

    Raises:
        TlsFilesError: a file is missing, is not what it should be, has expired, or key and certificate part.
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER, files)
    context.verify_mode = ssl.CERT_REQUIRED
    # A ticket would let a client that has been struck off come back without showing its certificate.
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET | ssl.OP_CIPHER_SERVER_PREFERENCE
    return context


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """For connecting: the peer's certificate must come from a trusted authority and bear the name connected to.

    Raises:
        TlsFilesError: as `server_context`.
    """
    return _context(ssl.PROTOCOL_TLS_CLIENT, files)


def _context(protocol: int, files: TlsFiles) -> ssl.SSLContext:
    _check_dates(files.certificate)
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    # RFC 9325 3.3: compression and renegotiation have let attackers in.
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    _trust(context, files.trusted)
    _load_identity(context, files)
    return context


def _check_dates(certificate: Path) -> None:
    try:
        found = x509.load_pem_x509_certificates(_read(certificate))[0]
    except ValueError as error:
        raise TlsFilesError(f"'{certificate}' holds no certificate; required: one in PEM form.") from error
    now, begins, ends = datetime.now(UTC), found.not_valid_before_utc, found.not_valid_after_utc
    if not begins <= now <= ends:
        raise TlsFilesError(
            f"'{certificate}' is valid from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}; today is {now:%Y-%m-%d}. "
            "Put a renewed certificate in its place."
        )


def _trust(context: ssl.SSLContext, trusted: Path) -> None:
    _read(trusted)
    try:
        context.load_verify_locations(trusted)
    except ssl.SSLError as error:
        raise TlsFilesError(
            f"'{trusted}' holds no certificate; required: those of trusted authorities in PEM form."
        ) from error


def _load_identity(context: ssl.SSLContext, files: TlsFiles) -> None:
    def refuse_password() -> NoReturn:
        # Without this OpenSSL would ask at the terminal, which a service has none of.
        raise TlsFilesError(
            f"'{files.key}' is encrypted; required: a key without password, guarded by the file's permissions. "
            "Decrypt it with `openssl pkey`."
        )

    _read(files.key)
    try:
        context.load_cert_chain(files.certificate, files.key, refuse_password)
    except ssl.SSLError as error:
        why = "does not belong to" if error.reason == "KEY_VALUES_MISMATCH" else "holds no private key in PEM form for"
        raise TlsFilesError(
            f"'{files.key}' {why} '{files.certificate}'; required: the private key that the certificate was made for."
        ) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TlsFilesError(
            f"'{path}' cannot be read: {error.strerror}; required: a PEM file that this process may read."
        ) from error
