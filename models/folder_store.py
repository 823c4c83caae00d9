"""Releases in a folder, with the champion's pointer in an append-only ledger.

    <store>/ledger.jsonl                 one JSON row per promotion; the last row of (model, alias) is the pointer
            <name>/<digest12>/...        releases, never changed
            .incoming/<random>/...       releases on their way in

A ledger row counts from its line end on: a row whose writing was cut off moved nothing (see `models.journal`).
"""

import os
import shutil
import uuid
from pathlib import Path
from stat import S_ISREG
from threading import Lock

from pydantic import TypeAdapter, ValidationError

from models.errors import RegistryError
from models.journal import Journal
from models.manifest import digest_of, load_manifest
from models.registry import LedgerRow
from models.release import Release, open_release, verify_files

_ROW = TypeAdapter(LedgerRow)
#: Size and modification time of every file: changes when a release is touched after it was verified.
Fingerprint = tuple[tuple[str, int, int], ...]

#: Releases that come with Varsel.
_SHIPPED = Path(__file__).resolve().parent / "releases"


def shipped_releases() -> tuple[Path, ...]:
    """The release directories that come with Varsel, sorted; each can be installed in a store."""
    return tuple(sorted(path.parent for path in _SHIPPED.glob("*/*/manifest.json")))


class FolderStore:
    """The releases of one site; a ReleaseStore. Threads and processes may share the folder."""

    def __init__(self, directory: Path) -> None:
        """Use *directory*, which is made when something is first installed."""
        #: Where it lies.
        self.directory = directory
        self._ledger = Journal(directory / "ledger.jsonl")
        self._opened: dict[Path, tuple[Fingerprint, Release]] = {}
        self._lock = Lock()

    def install(self, staged: Path) -> Release:
        """Copy the release in *staged* into the store, verified and in one step, and give it back.

        Installing the same release twice changes nothing. The directory name of *staged* does not matter.

        Raises:
            ReleaseError: a file is missing, altered or unexpected.
            ManifestError: the manifest is not valid.
        """
        manifest = load_manifest(staged / "manifest.json")
        short = digest_of((staged / "manifest.json").read_bytes())[:12]
        target = self.directory / manifest.name / short
        if not target.exists():
            # Also before it is copied: a fault found in the copy would be told of a place that is gone.
            verify_files(staged, manifest)
            self._move_in(staged, target)
        return self._open_path(target)

    def releases(self) -> tuple[Release, ...]:
        """Every release, by name and then by when it was made.

        Raises:
            ReleaseError: one is damaged.
        """
        manifests = sorted(self.directory.glob("[!.]*/*/manifest.json"))
        found = [self._open_path(path.parent) for path in manifests]
        return tuple(sorted(found, key=lambda one: (one.manifest.name, one.manifest.provenance.created_at)))

    def find(self, model: str, version: str) -> Release:
        """The release of *model* by digest, beginning of a digest, or version.

        Raises:
            RegistryError: there is none, or more than one.
            ReleaseError: a release of *model* is damaged.
        """
        here = [self._open_path(path) for path in sorted(self._installed(model))]
        found = [one for one in here if version and one.digest.startswith(version.lower())]
        found = found or [one for one in here if one.manifest.version == version]
        if len(found) != 1:
            known = ", ".join(f"{one.manifest.version} ({one.short_digest})" for one in here) or "none"
            raise RegistryError(
                f"'{model}' has {len(found)} releases '{version}', required is one; give a digest. Installed: {known}"
            )
        return found[0]

    def resolve(self, model: str, alias: str) -> Release:
        """The release that *alias* of *model* points to.

        Raises:
            RegistryError: there is no such model or alias.
            ReleaseError: the release is there but damaged.
        """
        digest = self.aliases().get((model, alias))
        if digest is None:
            raise RegistryError(f"'{model}' has no {alias} in '{self.directory}'; promote one of its releases first")
        return self.open(model, digest)

    def open(self, model: str, digest: str) -> Release:
        """The release of *model* whose digest begins with *digest*.

        Raises:
            RegistryError: there is none, or more than one.
            ReleaseError: it is damaged.
        """
        here = self._installed(model)
        found = [path for path in here if digest and path.name[:12].startswith(digest[:12])]
        if len(found) != 1:
            raise RegistryError(
                f"'{model}' has {len(found)} releases whose digest begins with '{digest[:12]}', required is one; "
                f"installed are: {', '.join(sorted(path.name for path in here)) or 'none'}"
            )
        release = self._open_path(found[0])
        if not release.digest.startswith(digest):
            raise RegistryError(f"'{model}' has a release {release.digest}, asked for was {digest}")
        return release

    def aliases(self) -> dict[tuple[str, str], str]:
        """(model, alias) -> digest, for every pointer."""
        return {(row.model, row.alias): row.to_digest for row in self.ledger()}

    def ledger(self) -> tuple[LedgerRow, ...]:
        """Every promotion and rollback, oldest first.

        Raises:
            RegistryError: a row is no valid JSON.
        """
        return tuple(self._row(number, line) for number, line in enumerate(self._ledger.lines(), start=1))

    def promote(self, row: LedgerRow) -> None:
        """Append *row* to the ledger, on disk when this returns, which moves the pointer.

        Raises:
            RegistryError: the release is not here, or the pointer is no longer where the row says it was.
            ReleaseError: the release is damaged.
        """
        self.open(row.model, row.to_digest)
        with self._ledger.held():
            current = self.aliases().get((row.model, row.alias), "")
            if row.from_digest != current:
                raise RegistryError(
                    f"the {row.alias} of '{row.model}' is '{current[:12]}', the promotion was decided against "
                    f"'{row.from_digest[:12]}'; look again and decide again"
                )
            self._ledger.add(_ROW.dump_json(row))

    def _installed(self, model: str) -> list[Path]:
        """The release directories of *model*, which may come from a URL: no path of several parts, nothing hidden."""
        if not model or model.startswith(".") or Path(model).name != model:
            return []
        return list((self.directory / model).glob("[!.]*"))

    def _row(self, number: int, line: bytes) -> LedgerRow:
        try:
            return _ROW.validate_json(line)
        except ValidationError as error:
            raise RegistryError(
                f"'{self._ledger.path}' line {number} is not a ledger row: {error}; restore the file from backup"
            ) from error

    def _open_path(self, path: Path) -> Release:
        """Verify the release at *path* once in this process and again whenever a file's size or time changed."""
        fingerprint = _fingerprint(path)
        with self._lock:
            known = self._opened.get(path)
        if known is not None and known[0] == fingerprint:
            return known[1]
        release = open_release(path)
        with self._lock:
            self._opened[path] = (fingerprint, release)
        return release

    def _move_in(self, staged: Path, target: Path) -> None:
        incoming = self.directory / ".incoming" / uuid.uuid4().hex
        try:
            shutil.copytree(staged, incoming / target.name)
            open_release(incoming / target.name)
            _make_lasting(incoming / target.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            _rename_unless_there(incoming / target.name, target)
            _sync(target.parent)
        finally:
            shutil.rmtree(incoming, ignore_errors=True)


def _rename_unless_there(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError:
        # Another process installed the same release meanwhile: the name is the digest, so it is the same.
        if not target.is_dir():
            raise


def _fingerprint(path: Path) -> Fingerprint:
    found = [(file, file.stat()) for file in sorted(path.rglob("*"))]
    return tuple((str(file), stat.st_size, stat.st_mtime_ns) for file, stat in found if S_ISREG(stat.st_mode))


def _make_lasting(directory: Path) -> None:
    """Read-only, and on disk before the rename that makes it visible."""
    for path in directory.rglob("*"):
        if path.is_file():
            path.chmod(0o444)
        _sync(path)
    _sync(directory)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
