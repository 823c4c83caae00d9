"""What ``varsel check`` can find at the destinations: certificates that cannot be used, and who does not answer."""

import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

from varsel.fault import Fault, Weight

if TYPE_CHECKING:
    from serving.settings.destinations import AnyDestination, Destination
    from serving.settings.file import Settings

#: Nobody waits longer for a look.
_SECONDS = 3.0


def destination_faults(settings: "Settings") -> Iterator[Fault]:
    """Faults of every destination; one that does not answer is a warning, since it may come back."""
    if not settings.all_destinations:
        what = "there are none: findings stay on the pages, no PACS gets them"
        yield Fault(weight=Weight.WARNING, where="destinations", what=what)
    for destination in settings.all_destinations:
        yield from _faults_of(destination)


def _faults_of(destination: "AnyDestination") -> Iterator[Fault]:
    from dicom_io.errors import TlsFilesError
    from dicom_io.tls import client_context
    from serving.settings.destinations import Destination

    where = f"destinations.{destination.name}"
    try:
        if destination.tls.files:
            client_context(destination.tls.files)
    except TlsFilesError as error:
        yield Fault(weight=Weight.FAULT, where=f"{where}.tls", what=str(error))
        return
    problem = _echo(destination) if isinstance(destination, Destination) else _connect(destination)
    if problem:
        yield Fault(weight=Weight.WARNING, where=where, what=problem)


def _echo(destination: "Destination") -> str:
    """What is wrong with a C-ECHO; empty when nothing is."""
    from dataclasses import replace

    from dicom_io.errors import SendError
    from dicom_io.send.verification import echo
    from serving.outlets import dicom_address

    where = replace(dicom_address(destination), connect_timeout_seconds=_SECONDS)
    try:
        echo(replace(where, acse_timeout_seconds=_SECONDS, dimse_timeout_seconds=_SECONDS))
    except SendError as error:
        return f"no answer to C-ECHO: {error}"
    return ""


def _connect(destination: "AnyDestination") -> str:
    """Why nobody listens where a RIS, a record or a DICOMweb archive should; empty when somebody does."""
    host, port = _place_of(destination)
    try:
        socket.create_connection((host, port), timeout=_SECONDS).close()
    except OSError as error:
        return f"{host}:{port} does not answer ({type(error).__name__}); check that it runs, address and firewall"
    return ""


def _place_of(destination: "AnyDestination") -> tuple[str, int]:
    from urllib.parse import urlsplit

    from serving.settings.destinations import Destination, Hl7Destination

    if isinstance(destination, Destination | Hl7Destination):
        return destination.host, destination.port
    parts = urlsplit(destination.url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
