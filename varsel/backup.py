"""A site's whole state in one file, taken while it runs, and put back on an empty machine.

The file holds ``database`` (a snapshot of the database) and ``files/...`` (everything else in the data directory).
The snapshot is taken first: what it speaks of lies on
disk already, because nothing is committed before its file is; whatever arrives later belongs to the next backup.
"""

import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from serving.errors import SnapshotError
from serving.records.database import open_database
from serving.records.snapshot import (
    copy_sqlite,
    demand_no_tables,
    file_paths,
    is_sqlite,
    load_snapshot,
    move_paths,
    take_snapshot,
)
from varsel.state_file import DATABASE, FILES, Backup, Tell, add_file, add_manifest, unpack

if TYPE_CHECKING:
    from serving.settings.file import Settings

#: What is not state: logs, locks, files in the making, and what belongs to a running SQLite.
_LEFT_OUT_DIRECTORIES = frozenset({"logs"})
_LEFT_OUT_ENDINGS = (".db-wal", ".db-shm", ".lock", ".part")


def size_of(settings: "Settings") -> int:
    """About how many bytes a backup of the site copies."""
    return sum(path.stat().st_size for path in _state_files(settings) if path.exists())


def take_backup(settings: "Settings", target: Path, tell: Tell) -> Backup:
    """Write the state of the site to the new file *target*; the site may be running.

    Raises:
        SnapshotError: *target* exists, the database cannot be read, or a file that it speaks of is missing.
    """
    if target.exists():
        raise SnapshotError(f"'{target}' exists already; name a new file")
    partial = target.with_name(f"{target.name}.part")
    try:
        with tempfile.TemporaryDirectory(prefix="varsel-backup-", dir=target.parent) as scratch:
            backup = _write(settings, partial, Path(scratch), tell)
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)
    return backup


def restore_backup(settings: "Settings", source: Path, tell: Tell) -> Backup:
    """Put the state in *source* back into the empty site that *settings* describe.

    Everything is unpacked within the data directory, which may be a disk of its own and the only place that this user
    may write to, and checked before anything is put in its place.

    Raises:
        SnapshotError: the data directory or the database holds something, or *source* is not whole.
    """
    home = settings.site.data_dir
    if home.exists() and any(home.iterdir()):
        raise SnapshotError(f"'{home}' is not empty; restore into a data directory that is, or is not there yet")
    demand_no_tables(settings.database_url)
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="varsel-restore-", dir=home) as scratch:
        manifest = unpack(source, Path(scratch), tell)
        load_snapshot(settings.database_url, Path(scratch) / DATABASE)
        unpacked = Path(scratch) / FILES
        unpacked.mkdir(exist_ok=True)
        for path in sorted(unpacked.iterdir()):
            path.rename(home / path.name)
    engine = open_database(settings.database_url)
    try:
        move_paths(engine, manifest["data_dir"], str(home))
    finally:
        engine.dispose()
    return Backup(taken_at=manifest["taken_at"], digests=manifest["sha256"], size_bytes=source.stat().st_size)


def _write(settings: "Settings", partial: Path, scratch: Path, tell: Tell) -> Backup:
    taken_at = datetime.now(UTC).isoformat(timespec="seconds")
    snapshot = scratch / DATABASE
    take_snapshot(settings.database_url, snapshot)
    digests = {}
    with partial.open("xb") as raw:
        with tarfile.open(fileobj=raw, mode="w") as tar:
            digests[DATABASE] = add_file(tar, snapshot, DATABASE, tell)
            for path in _state_files(settings):
                name = FILES + str(path.relative_to(settings.site.data_dir))
                digests |= _add_if_there(tar, path, name, scratch, tell)
            _demand_all(settings, snapshot, scratch, digests)
            add_manifest(tar, {"taken_at": taken_at, "data_dir": str(settings.site.data_dir)}, digests)
        raw.flush()
        os.fsync(raw.fileno())
    return Backup(taken_at=taken_at, digests=digests, size_bytes=partial.stat().st_size)


def _state_files(settings: "Settings") -> Iterator[Path]:
    """Every file of the data directory that is state, without the database."""
    home = settings.site.data_dir
    own = str(Path(settings.database_url.removeprefix("sqlite:///")).resolve())
    for directory, subdirectories, names in os.walk(home):
        subdirectories[:] = sorted(name for name in subdirectories if name not in _LEFT_OUT_DIRECTORIES)
        for name in sorted(names):
            path = Path(directory) / name
            if not name.endswith(_LEFT_OUT_ENDINGS) and str(path.resolve()) != own and not path.is_symlink():
                yield path


def _add_if_there(tar: tarfile.TarFile, path: Path, name: str, scratch: Path, tell: Tell) -> dict[str, str]:
    """What was added; nothing when the file was cleared away meanwhile."""
    try:
        if is_sqlite(path):
            copy = scratch / "other.db"
            copy_sqlite(path, copy)
            added = {name: add_file(tar, copy, name, tell)}
            copy.unlink()
            return added
        return {name: add_file(tar, path, name, tell)}
    except FileNotFoundError:
        return {}


def _demand_all(settings: "Settings", snapshot: Path, scratch: Path, digests: Mapping[str, str]) -> None:
    """Nothing that the snapshot speaks of may be missing from the backup (an SQLite snapshot can be asked itself)."""
    if not settings.database_url.startswith("sqlite"):
        return
    asked = scratch / "asked.db"
    shutil.copyfile(snapshot, asked)
    engine = open_database(f"sqlite:///{asked}")
    try:
        named = file_paths(engine)
    finally:
        engine.dispose()
    home = str(settings.site.data_dir)
    missing = [path for path in named if FILES + path.removeprefix(f"{home}/") not in digests]
    if missing:
        raise SnapshotError(
            f"{len(missing)} files that the database speaks of are not in '{home}'; they were cleared away "
            "meanwhile or are lost: run the backup again, and `varsel check` if it says the same"
        )
