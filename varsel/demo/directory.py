"""The demonstration's directory: where each thing lies, the ports it was given, and the settings file."""

import contextlib
import json
import random
import socket
from dataclasses import dataclass
from pathlib import Path

from varsel.errors import DemoError

#: AE title of whatever stands in for the PACS.
PACS_AE_TITLE = "DEMOPACS"


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Free ports on 127.0.0.1."""

    receive: int
    receive_metrics: int
    work_metrics: int
    api: int
    web: int
    pacs: int
    pacs_http: int
    mlflow: int


@dataclass(frozen=True, kw_only=True)
class DemoDirectory:
    """Everything that one demonstration writes."""

    #: Its root.
    path: Path

    @property
    def settings(self) -> Path:
        """The generated settings file."""
        return self.path / "varsel.toml"

    @property
    def data(self) -> Path:
        """``site.data_dir``: database, spool, results, logs, releases."""
        return self.path / "data"

    @property
    def inputs(self) -> Path:
        """What is sent, a folder a run."""
        return self.path / "inputs"

    @property
    def pacs(self) -> Path:
        """The PACS's own files."""
        return self.path / "pacs"

    @property
    def report(self) -> Path:
        """What came of the last run, for machines."""
        return self.path / "demo.json"


#: Below the range from which kernels give ports to outgoing connections: one of those, made while the models are in the
#: making, could otherwise take a port that was free when it was chosen.
_PORTS = range(15_000, 30_000)


def free_ports() -> Ports:
    """Ports that are free on this machine; held all at once while they are chosen, so that no two are the same."""
    with contextlib.ExitStack() as stack:
        return Ports(**{name: _hold_free_port(stack) for name in Ports.__dataclass_fields__})


def _hold_free_port(stack: contextlib.ExitStack) -> int:
    for port in random.sample(_PORTS, len(_PORTS)):
        one = socket.socket()
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            one.close()
            continue
        stack.enter_context(one)
        return port
    raise DemoError(f"no port from {_PORTS.start} to {_PORTS.stop - 1} is free on 127.0.0.1; end what uses them")


def write_settings(directory: DemoDirectory, ports: Ports, language: str) -> None:
    """Write the settings of a site that lies wholly in *directory* and listens on *ports*."""
    directory.path.mkdir(parents=True, exist_ok=True)
    directory.settings.write_text(
        _SETTINGS.format(
            # JSON's strings are TOML's basic strings.
            data_dir=json.dumps(str(directory.data.resolve())),
            language=language,
            pacs_ae_title=PACS_AE_TITLE,
            **vars(ports),
        ),
        encoding="utf-8",
    )


_SETTINGS = """\
# Written by `varsel demo`; the ports are new each time.
[site]
data_dir = {data_dir}
language = "{language}"

[receive]
port = {receive}
metrics_port = {receive_metrics}
# The embedded senders release as soon as they have sent all.
quiet_seconds = 3.0
quiet_after_release_seconds = 0.2
minimum_free_mib = 256

[work]
metrics_port = {work_metrics}

[api]
port = {api}

[web]
port = {web}

[cds]
allow_without_token = true

[[destinations]]
name = "pacs"
host = "127.0.0.1"
port = {pacs}
ae_title = "{pacs_ae_title}"

[[rules]]
name = "chest-radiographs"
model = "chest_xray_opacity"
modalities = ["CR", "DX"]
body_parts = ["CHEST"]

[[rules]]
name = "chest-ct"
model = "ct_lung_nodule"
modalities = ["CT"]
body_parts = ["CHEST"]

[[rules]]
name = "stays"
model = "infection_urinary"
kind = "stay"
"""
