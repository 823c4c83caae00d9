"""From the settings of destinations to what takes their objects."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from dicom_io.errors import SendError
from dicom_io.send.association import DicomAddress
from dicom_io.send.destination import Destination as Outlet
from dicom_io.send.store_scu import StoreScu
from dicom_io.send.stow_rs import StowRs
from dicom_io.send.web_address import WebAddress
from dicom_io.tls import client_context
from ehr_io.hl7.client import MllpAddress
from ehr_io.send.fhir_server import FhirAddress
from ehr_io.send.webhook import WebhookAddress
from serving.pace import PacedOutlet, SharedOutlet
from serving.record_outlets import FhirOutlet, MllpOutlet, WebhookOutlet
from serving.settings.destinations import (
    AnyDestination,
    Destination,
    FhirDestination,
    Hl7Destination,
    WebhookDestination,
)


class Outlets:
    """One outlet a destination, made when it is first used and kept for its open connections."""

    def __init__(self) -> None:
        """Start with none."""
        self._outlets: dict[str, Outlet] = {}
        self._archives: list[StoreScu] = []
        self._lock = threading.Lock()

    def of(self, destination: AnyDestination) -> Outlet:
        """What takes the objects of *destination*.

        Raises:
            TlsFilesError: its certificates cannot be used.
        """
        with self._lock:
            if destination.name not in self._outlets:
                lent = [_unpaced(destination) for _ in range(destination.concurrency)]
                self._outlets[destination.name] = _outlet(destination, lent)
                # The first is lent first, so it is the one to open.
                self._archives += [one for one in lent[:1] if isinstance(one, StoreScu)]
            return self._outlets[destination.name]

    def prepare(self) -> None:
        """Open connections to the archives that were sent to before, beside the caller: something is about to be sent.

        Opening an association takes some 10 ms, which the case that is being written down need not wait for.
        """
        for archive in tuple(self._archives):
            threading.Thread(target=_prepare, args=(archive,), name="prepare", daemon=True).start()

    def close(self) -> None:
        """End what is kept open."""
        for outlet in self._outlets.values():
            outlet.close()


def dicom_address(destination: Destination) -> DicomAddress:
    """Where *destination* listens.

    Raises:
        TlsFilesError: its certificates cannot be used.
    """
    files = destination.tls.files
    return DicomAddress(
        host=destination.host,
        port=destination.port,
        ae_title=destination.ae_title,
        calling_ae_title=destination.calling_ae_title,
        dimse_timeout_seconds=destination.timeout_seconds,
        tls=client_context(files) if files else None,
    )


def _prepare(archive: StoreScu) -> None:
    # An archive that cannot be reached is the delivery's to report.
    with suppress(SendError):
        archive.prepare()


def _outlet(destination: AnyDestination, lent: Sequence[Outlet]) -> Outlet:
    outlet = lent[0] if len(lent) == 1 else SharedOutlet(lent)
    return PacedOutlet(outlet, destination.maximum_per_minute) if destination.maximum_per_minute else outlet


def _unpaced(destination: AnyDestination) -> Outlet:
    files = destination.tls.files
    tls = client_context(files) if files else None
    if isinstance(destination, Destination):
        return StoreScu(dicom_address(destination), destination.keep_open_seconds)
    common: dict[str, Any] = {"tls": tls, "timeout_seconds": destination.timeout_seconds}
    if isinstance(destination, Hl7Destination):
        return MllpOutlet(MllpAddress(host=destination.host, port=destination.port, **common))
    if isinstance(destination, WebhookDestination):
        return WebhookOutlet(WebhookAddress(url=destination.url, secret_file=destination.secret_file, **common))
    web = {"url": destination.url, "token_file": destination.token_file} | common
    if isinstance(destination, FhirDestination):
        return FhirOutlet(FhirAddress(**web))
    return StowRs(WebAddress(**web), confirms=destination.can_query)
