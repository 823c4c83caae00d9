"""The ports that a site listens on, and whether they can be had."""

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from serving.errors import SettingsError
from varsel.fault import Fault, Weight

if TYPE_CHECKING:
    from serving.settings.file import Settings


@dataclass(frozen=True, kw_only=True)
class Listening:
    """One port of one process."""

    #: The process, as `varsel` calls it.
    process: str
    #: Key of the settings that says the port.
    where: str
    #: Address to listen on.
    host: str
    port: int


def port_faults(settings: "Settings") -> Iterator[Fault]:
    """Ports that are named twice or cannot be listened on."""
    users: dict[int, str] = {}
    for one in _listening(settings):
        if one.process == "feed" and not settings.feed.enabled:
            continue
        if one.port in users:
            what = f"port {one.port} is also {users[one.port]}; each needs a port of its own"
            yield Fault(weight=Weight.FAULT, where=one.where, what=what)
        elif problem := _why_not_bound(one.host, one.port):
            yield Fault(weight=Weight.FAULT, where=one.where, what=problem)
        users.setdefault(one.port, one.where)


def demand_ports(settings: "Settings", process: str) -> None:
    """See that *process* can listen before it does anything else.

    Raises:
        SettingsError: it cannot.
    """
    for one in _listening(settings):
        if one.process == process and (problem := _why_not_bound(one.host, one.port)):
            raise SettingsError(f"{one.where}: {problem}")


def demand_all_ports(settings: "Settings") -> None:
    """See that a whole site can listen: the answers of another one on its ports would count as those of its processes.

    Raises:
        SettingsError: every port that it cannot have, one a line.
    """
    faults = [f"{fault.where}: {fault.what}" for fault in port_faults(settings)]
    if faults:
        raise SettingsError("\n".join(faults))


def _listening(settings: "Settings") -> Iterator[Listening]:
    receive, api, web, feed = settings.receive, settings.api, settings.web, settings.feed
    yield Listening(process="receive", where="receive.port", host=receive.host, port=receive.port)
    yield Listening(process="receive", where="receive.metrics_port", host=receive.host, port=receive.metrics_port)
    yield Listening(process="work", where="work.metrics_port", host=receive.host, port=settings.work.metrics_port)
    yield Listening(process="api", where="api.port", host=api.host, port=api.port)
    yield Listening(process="web", where="web.port", host=web.host, port=web.port)
    yield Listening(process="feed", where="feed.port", host=feed.host, port=feed.port)
    yield Listening(process="feed", where="feed.metrics_port", host=feed.host, port=feed.metrics_port)


def _why_not_bound(host: str, port: int) -> str:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        return f"'{host}' is no address of this machine ({error.strerror})"
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            said = os.strerror(error.errno or 0)
            return f"{host}:{port} cannot be listened on ({said}); stop what uses it, or choose another port"
    return ""
