"""The settings of DICOM TLS, the same for the door and for each destination."""

from pathlib import Path

from pydantic import model_validator

from dicom_io.tls import TlsFiles
from serving.settings.section import Section


class Tls(Section):
    """DICOM TLS with certificates on both sides (PS3.15 B.12): all three files, or none to speak in the clear."""

    #: Our certificate with those of intermediate authorities, PEM.
    certificate: Path | None = None
    #: Its private key, PEM, without password.
    key: Path | None = None
    #: Certificates of the authorities whose certificates we believe, PEM.
    trusted: Path | None = None

    @model_validator(mode="after")
    def _all_or_none(self) -> "Tls":
        missing = [name for name in ("certificate", "key", "trusted") if getattr(self, name) is None]
        if len(missing) in (1, 2):
            raise ValueError(f"'{', '.join(missing)}' missing; TLS needs certificate, key and trusted, or none of them")
        return self

    @property
    def files(self) -> TlsFiles | None:
        """The files; None where nothing is encrypted."""
        if self.certificate is None or self.key is None or self.trusted is None:
            return None
        return TlsFiles(certificate=self.certificate, key=self.key, trusted=self.trusted)
