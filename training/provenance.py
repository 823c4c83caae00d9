"""Where a run comes from: code, libraries, machine, person, data. Tags and artifacts of its MLflow run; no patient."""

import getpass
import hashlib
import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

import psutil
import torch

from models.bundle import Bundle
from training.datasets import Dataset, Split


# Half a second of reading, asked for at both ends of a training; what a process has loaded does not change under it.
@cache
def environment_lock() -> str:
    """Every installed distribution as ``name==version``, sorted, one a line."""
    found = {f"{one.name.lower().replace('_', '-')}=={one.version}" for one in metadata.distributions() if one.name}
    return "\n".join(sorted(found)) + "\n"


def split_digest(data: Dataset) -> str:
    """SHA-256 over which patient is in which split: equal for equal splits, and tells nobody who is in them."""
    lines = (f"{split.value}\t{patient}" for split in Split for patient in sorted(data.patients(split)))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def config_digest(bundle: Bundle) -> str:
    """SHA-256 over the files in the bundle's ``configs/``."""
    digest = hashlib.sha256()
    for file in sorted((bundle.path / "configs").iterdir()):
        digest.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def tags_of(bundle: Bundle, data: Dataset, seed: object) -> dict[str, str]:
    """What a run of *bundle* on *data* is tagged with when it starts."""
    return {
        "varsel.bundle": bundle.name,
        "varsel.version": bundle.version,
        "varsel.config_sha256": config_digest(bundle),
        "varsel.data_sha256": data.sha256,
        "varsel.split_sha256": split_digest(data),
        "varsel.dataset_dir": str(data.path.resolve()),
        "varsel.seed": str(seed),
        "varsel.author": _author(),
        "varsel.environment_sha256": hashlib.sha256(environment_lock().encode()).hexdigest(),
        "varsel.machine": machine(),
        **_git(bundle.path),
    }


def machine() -> str:
    """Processor, cores, memory, GPUs, system and Python that train, in one line; no name of a host."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    gpus = ", ".join(torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())) or "no GPU"
    memory = round(psutil.virtual_memory().total / 2**30)
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{cores} cores of {_processor()}, {memory} GiB, {gpus}, {system}"


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    if not listing.is_file():
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in listing.read_text().splitlines() if "model name" in line)
    return next(names, platform.machine())


def _author() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        # A container may run as a user that no table knows.
        return "unknown"


def _git(path: Path) -> dict[str, str]:
    commit = _said_by_git(path, "rev-parse", "HEAD")
    if commit is None:
        return {"varsel.git_commit": ""}
    changed = "true" if _said_by_git(path, "status", "--porcelain") else "false"
    return {"varsel.git_commit": commit, "varsel.git_dirty": changed}


def _said_by_git(path: Path, *arguments: str) -> str | None:
    try:
        found = subprocess.run(["git", "-C", str(path), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return found.stdout.strip() if found.returncode == 0 else None
