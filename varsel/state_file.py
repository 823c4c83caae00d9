"""The file that a site's state travels in: a plain tar with a manifest of digests as its last member."""

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from serving.errors import SnapshotError

DATABASE, FILES = "database", "files/"
_MANIFEST = "manifest.json"
#: The form of the tar; another number is another form.
_FORM = 1
#: Nobody but the owner may write to what comes out of a tar, and nothing runs as somebody else.
_PLAIN_MODE = 0o755

#: Told what was copied: number of bytes.
Tell = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Backup:
    """What a backup holds."""

    #: When it was begun, ISO 8601 UTC.
    taken_at: str
    #: Name in the tar -> SHA-256.
    digests: Mapping[str, str]
    #: Bytes in all.
    size_bytes: int


def add_file(tar: tarfile.TarFile, path: Path, name: str, tell: Tell) -> str:
    """Add the file at *path* as *name*: its SHA-256."""
    with path.open("rb") as file:
        told = _Digesting(file, tell)
        member = tar.gettarinfo(arcname=name, fileobj=file)
        # Who owns it is the business of the machine that it comes to.
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        tar.addfile(member, told)
    return told.digest.hexdigest()


def add_manifest(tar: tarfile.TarFile, told: dict[str, Any], digests: Mapping[str, str]) -> None:
    """Add what is *told* of the state, and the digest of each member, as the last one."""
    data = json.dumps(told | {"form": _FORM, "sha256": dict(digests)}, indent=1).encode()
    member = tarfile.TarInfo(_MANIFEST)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def unpack(source: Path, scratch: Path, tell: Tell) -> dict[str, Any]:
    """Unpack *source* into *scratch*: the manifest.

    Raises:
        SnapshotError: it is not whole, or one byte of it is another.
    """
    try:
        with tarfile.open(source, mode="r:") as tar:
            found = {member.name: _unpack_one(tar, member, scratch, tell) for member in tar if member.isfile()}
        manifest: dict[str, Any] = json.loads((scratch / _MANIFEST).read_bytes())
    except (tarfile.TarError, FileNotFoundError, ValueError) as error:
        raise SnapshotError(f"'{source}' is not a whole backup of Varsel; take another copy of it") from error
    if manifest.get("form") != _FORM:
        raise SnapshotError(f"'{source}' has form {manifest.get('form')}; this version reads form {_FORM}")
    del found[_MANIFEST]
    wrong = sorted(name for name in manifest["sha256"] | found if manifest["sha256"].get(name) != found.get(name))
    if wrong:
        raise SnapshotError(f"'{source}' is damaged: {wrong[0]} and {len(wrong) - 1} others; take another copy of it")
    return manifest


def _unpack_one(tar: tarfile.TarFile, member: tarfile.TarInfo, scratch: Path, tell: Tell) -> str:
    # By hand, since the filters of tarfile are not in every Python 3.11: Debian 12 has its second edition.
    target = scratch / member.name
    packed = tar.extractfile(member)
    if packed is None or not target.resolve().is_relative_to(scratch.resolve()):
        raise tarfile.ExtractError(member.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    read = _Digesting(packed, tell)
    with target.open("wb") as file:
        shutil.copyfileobj(read, file)
    target.chmod(member.mode & _PLAIN_MODE)
    return read.digest.hexdigest()


class _Digesting:
    """A file that is read once: for the tar and for its digest."""

    def __init__(self, file: IO[bytes], tell: Tell) -> None:
        self._file = file
        self._tell = tell
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        self._tell(len(data))
        return data
