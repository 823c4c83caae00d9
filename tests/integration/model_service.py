"""The model service as a process, on the releases of a test."""

import socket
import subprocess
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from serving.api.run import command
from serving.api.settings import ApiOptions, environment_of

START_SECONDS = 90


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def serving(directory: Path, **changes: object) -> Iterator[str]:
    """Where a model service answers."""
    with started(directory, **changes) as (url, _):
        yield url


@contextmanager
def started(directory: Path, **changes: object) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """A model service on the releases in *directory*, with a Python that cannot import what only training needs."""
    options = ApiOptions(
        store_dir=directory / "releases", work_dir=directory / "work", port=free_port(), threads=1, **changes
    )
    environment = environment_of(options)
    environment["PYTHONPATH"] = str(blocked_imports(directory))
    options.work_dir.mkdir(exist_ok=True)
    with (directory / "log.txt").open("wb") as log:
        process = subprocess.Popen(command(), env=environment, cwd="/", stdout=log, stderr=log)
    url = f"http://{options.host}:{options.port}"
    try:
        wait_until_it_answers(url, process, directory / "log.txt")
        yield url, process
    finally:
        process.terminate()
        process.wait(30)


def blocked_imports(directory: Path) -> Path:
    """A folder whose sitecustomize makes every import of a training library fail."""
    folder = directory / "blocked"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(
        textwrap.dedent("""
            import sys

            class Blocked:
                def find_spec(self, name, path=None, target=None):
                    if name.split(".")[0] in {"torch", "monai", "mlflow", "ignite", "sklearn"}:
                        raise ModuleNotFoundError(f"{name} is not installed where models are served", name=name)

            sys.meta_path.insert(0, Blocked())
        """)
    )
    return folder


def wait_until_it_answers(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            httpx.get(f"{url}/v2/health/ready", timeout=START_SECONDS)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"no answer in {START_SECONDS} s: {log.read_text()}")


def wait_until_it_is_gone(url: str) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            httpx.get(f"{url}/v2/health/live", timeout=START_SECONDS)
        except httpx.TransportError:
            return
        time.sleep(0.05)
    pytest.fail(f"still answers after {START_SECONDS} s")
