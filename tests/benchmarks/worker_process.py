"""Workers of the benchmarks, each a process of its own."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_PROGRAM = Path(__file__).parent / "work_node.py"
PATIENCE_SECONDS = 180


@contextmanager
def worker(directory: Path, name: str, options: Mapping[str, object]) -> Iterator[None]:
    """A worker called *name* on the site in *directory*, ready; *options* as `work_node` takes them."""
    command = [sys.executable, "-W", "ignore", _PROGRAM, "--data", directory, "--node", name]
    command += [f"--{key}={value}" for key, value in options.items()]
    log = directory / f"{name}.log"
    with log.open("wb") as written:
        process = subprocess.Popen([str(one) for one in command], stderr=written, stdout=written)
    try:
        wait_until(lambda: b"ready\n" in log.read_bytes() or process.poll() is not None, f"{name} is ready")
        if process.poll() is not None:
            sys.exit(f"{name} ended: {log.read_text()[-800:]}")
        yield
    finally:
        process.terminate()
        process.wait(60)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for it; after so many *seconds* end the benchmark and say what was waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"waited in vain until {what}")
        time.sleep(0.02)
