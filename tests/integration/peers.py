"""Real DICOM peers for tests: Orthanc as the PACS, DCMTK's tools as modalities. Absent ones skip with words."""

import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

#: DCMTK and Orthanc leave Nagle's algorithm on unless told otherwise: 43 ms an image.
_ENVIRONMENT = {**os.environ, "TCP_NODELAY": "1"}

_BIND_LOOPBACK = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <sys/socket.h>
int bind(int fd, const struct sockaddr *address, socklen_t length) {
    int (*next)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "bind");
    const struct sockaddr_in *wanted = (const struct sockaddr_in *)address;
    if (address && address->sa_family == AF_INET && length >= sizeof *wanted
        && wanted->sin_addr.s_addr == htonl(INADDR_ANY)) {
        struct sockaddr_in loopback = *wanted;
        loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return next(fd, (struct sockaddr *)&loopback, sizeof loopback);
    }
    return next(fd, address, length);
}
"""


@dataclass(frozen=True, kw_only=True)
class OrthancPeer:
    """A running Orthanc."""

    #: DICOM port on 127.0.0.1.
    dicom_port: int
    #: REST port on 127.0.0.1.
    http_port: int
    #: Its AE title.
    ae_title: str
    #: Its process.
    process: "subprocess.Popen[bytes]"
    #: REST client rooted at ``http://127.0.0.1:<http_port>``.
    rest: httpx.Client = field(repr=False)

    @property
    def dicomweb_url(self) -> str:
        """Root of its DICOMweb services; answers only when the plug-in is installed."""
        return f"http://127.0.0.1:{self.http_port}/dicom-web"

    def get(self, path: str) -> Any:
        """JSON of a REST resource, e.g. ``get("/instances")``."""
        return self.rest.get(path).raise_for_status().json()

    def sop_instance_uids(self) -> set[str]:
        """SOP Instance UIDs that it holds."""
        return {item["MainDicomTags"]["SOPInstanceUID"] for item in self.get("/instances?expand")}

    def dicom_file(self, sop_instance_uid: str) -> bytes:
        """The stored file of one instance."""
        (identifier,) = self.rest.post("/tools/lookup", content=sop_instance_uid).raise_for_status().json()
        return self.rest.get(f"/instances/{identifier['ID']}/file").raise_for_status().content

    def stop(self) -> None:
        """End it and wait until it is gone."""
        self.rest.close()
        self.process.terminate()
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_orthanc(
    directory: Path,
    *,
    ae_title: str = "TESTPACS",
    modalities: dict[str, dict[str, Any]] | None = None,
    more: dict[str, Any] | None = None,
) -> OrthancPeer:
    """Start Orthanc with an empty store in *directory* and *more* settings; skip the test when it is not installed."""
    program = find_program("Orthanc", "apt-get install orthanc")
    directory.mkdir(parents=True, exist_ok=True)
    dicom_port, http_port = free_ports(2)
    plugins = [path for path in ("/usr/share/orthanc/plugins/libOrthancDicomWeb.so",) if Path(path).exists()]
    configuration = {
        "Name": ae_title,
        "StorageDirectory": str(directory / "store"),
        "IndexDirectory": str(directory / "store"),
        "HttpPort": http_port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAet": ae_title,
        "DicomPort": dicom_port,
        "DicomCheckCalledAet": True,
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowMove": True,
        "DicomAlwaysAllowGet": True,
        "UnknownSopClassAccepted": False,
        "OverwriteInstances": True,
        "StableAge": 1,
        "DicomModalities": modalities or {},
        "Plugins": plugins,
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        **(more or {}),
    }
    settings = directory / "orthanc.json"
    settings.write_text(json.dumps(configuration))
    with (directory / "orthanc.log").open("wb") as log:
        process = subprocess.Popen(
            [program, str(settings)], stdout=log, stderr=subprocess.STDOUT, cwd=directory, env=_loopback_only(directory)
        )
    rest = httpx.Client(base_url=f"http://127.0.0.1:{http_port}", timeout=20)
    peer = OrthancPeer(dicom_port=dicom_port, http_port=http_port, ae_title=ae_title, process=process, rest=rest)
    _wait_until_ready(peer, directory / "orthanc.log")
    return peer


@contextlib.contextmanager
def running_orthanc(directory: Path) -> Iterator[OrthancPeer]:
    """An Orthanc that is stopped at the end of the block."""
    peer = start_orthanc(directory)
    try:
        yield peer
    finally:
        peer.stop()


def run_dcmtk(program: str, arguments: Sequence[str | Path]) -> "subprocess.CompletedProcess[str]":
    """Run one of DCMTK's tools to its end; skip the test when DCMTK is not installed."""
    path = find_program(program, "apt-get install dcmtk")
    return subprocess.run(
        [path, *map(str, arguments)],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
        check=False,
        env=_ENVIRONMENT,
    )


def find_program(name: str, remedy: str) -> str:
    """The path of *name*; skips the test, naming the *remedy*, when it is not installed."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed ({remedy})")
    return path


def free_ports(count: int) -> list[int]:
    """Ports that are free on 127.0.0.1, from below the range that outgoing connections are given theirs from.

    A port of the kernel's own choice may be taken by one of those before the process that it is meant for has started.
    """
    with contextlib.ExitStack() as stack:
        return [_hold_free_port(stack) for _ in range(count)]


def _hold_free_port(stack: contextlib.ExitStack) -> int:
    for port in random.sample(range(15_000, 30_000), 1000):
        one = stack.enter_context(socket.socket())
        with contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port
    pytest.fail("no free port was found on 127.0.0.1")


def _loopback_only(directory: Path) -> dict[str, str]:
    # Orthanc 1.10 has no bind address; with a compiler at hand it is kept off the network.
    compiler = shutil.which("gcc")
    if compiler is None:
        return _ENVIRONMENT
    source, library = directory / "bind_loopback.c", directory / "bind_loopback.so"
    source.write_text(_BIND_LOOPBACK)
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True, timeout=60)
    return {**_ENVIRONMENT, "LD_PRELOAD": str(library)}


def _wait_until_ready(peer: OrthancPeer, log: Path, timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and peer.process.poll() is None:
        try:
            peer.rest.get("/system").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    peer.stop()
    pytest.fail(f"Orthanc did not start; its log ends: {log.read_text(errors='replace')[-2000:]}")
