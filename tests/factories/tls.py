"""Certificates for tests, made by an authority that lives as long as the test."""

from datetime import datetime
from pathlib import Path

import trustme

from dicom_io.tls import TlsFiles


def issue(
    authority: trustme.CA,
    directory: Path,
    name: str,
    *,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
) -> TlsFiles:
    """Files of an end called *name* at 127.0.0.1 that trusts *authority*, by which its certificate is signed."""
    directory.mkdir(parents=True, exist_ok=True)
    files = TlsFiles(
        certificate=directory / f"{name}-certificate.pem",
        key=directory / f"{name}-key.pem",
        trusted=directory / f"{name}-trusted.pem",
    )
    issued = authority.issue_cert("127.0.0.1", common_name=name, not_before=not_before, not_after=not_after)
    issued.private_key_pem.write_to_path(str(files.key))
    files.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    authority.cert_pem.write_to_path(str(files.trusted))
    return files
