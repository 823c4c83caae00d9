"""A release: a frozen, digest-named directory, verified when opened.

<store>/<name>/<digest12>/manifest.json   the manifest; its SHA-256 is the release digest
                          model.onnx      the graph
                          model_card.md   for people
                          evidence/...    parity, evaluation, data manifest
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from models.errors import ReleaseError
from models.manifest import Manifest, digest_of, load_manifest


@dataclass(frozen=True, kw_only=True)
class Release:
    """One verified release on disk."""

    #: Its directory.
    path: Path
    #: SHA-256 of its manifest.json, 64 hexadecimal digits.
    digest: str
    #: What it is.
    manifest: Manifest

    @property
    def short_digest(self) -> str:
        """The first twelve digits: directory name and Open Inference Protocol model version."""
        return self.digest[:12]

    @property
    def graph_path(self) -> Path:
        """The ONNX graph."""
        return self.path / "model.onnx"


def open_release(path: Path) -> Release:
    """Read the release at *path* and verify every byte of it.

    Raises:
        ReleaseError: a file is missing, altered or unexpected, or the directory's name is not its digest.
        ManifestError: the manifest is not valid.
    """
    manifest = load_manifest(path / "manifest.json")
    digest = digest_of((path / "manifest.json").read_bytes())
    if path.name != digest[:12]:
        raise ReleaseError(
            f"'{path}' holds a manifest with digest {digest[:12]}; a release lies in a directory of that name"
        )
    verify_files(path, manifest)
    return Release(path=path, digest=digest, manifest=manifest)


def verify_files(path: Path, manifest: Manifest) -> None:
    """See that the directory *path*, whatever its name, holds the files of *manifest* and no others.

    Raises:
        ReleaseError: a file is missing, altered or unexpected.
    """
    _verify_names(path, manifest)
    for name, expected in manifest.files.items():
        _verify_file(path / name, expected)


def sha256_of(path: Path) -> str:
    """SHA-256 of the file at *path*, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verify_names(path: Path, manifest: Manifest) -> None:
    if "model.onnx" not in manifest.files:
        raise ReleaseError(f"'{path}' has a manifest that names no model.onnx; package the release again")
    present = {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()}
    unexpected = sorted(present - set(manifest.files) - {"manifest.json"})
    if unexpected:
        raise ReleaseError(f"'{path}' holds {unexpected} that its manifest does not name; remove them or pull again")


def _verify_file(path: Path, expected: str) -> None:
    if not path.is_file():
        raise ReleaseError(f"'{path}' is missing; pull or package the release again")
    found = sha256_of(path)
    if found != expected:
        raise ReleaseError(
            f"'{path}' was altered: SHA-256 {found[:12]}, required {expected[:12]}; pull the release again"
        )
