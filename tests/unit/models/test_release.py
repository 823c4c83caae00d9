"""A release is verified when it is opened."""

from pathlib import Path

import pytest

from models.errors import ManifestError, ReleaseError
from models.manifest import Task, load_manifest
from models.release import open_release
from tests.factories.releases import make_release


@pytest.fixture
def path(tmp_path: Path):
    return make_release(tmp_path, Task.STAY_RISK, champion=False).path


def overwrite(file: Path, content: bytes) -> None:
    file.chmod(0o644)
    file.write_bytes(content)


def test_a_sound_release_opens(path: Path):
    release = open_release(path)
    assert release.short_digest == path.name
    assert release.manifest == load_manifest(path / "manifest.json")
    assert release.graph_path.is_file()


def test_one_changed_byte_is_found(path: Path):
    content = bytearray((path / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    overwrite(path / "model.onnx", bytes(content))
    with pytest.raises(ReleaseError, match=r"model.onnx' was altered"):
        open_release(path)


def test_a_changed_manifest_is_found_by_the_directory_name(path: Path):
    overwrite(path / "manifest.json", (path / "manifest.json").read_bytes().replace(b"0.1.0", b"0.1.1"))
    with pytest.raises(ReleaseError, match="a release lies in a directory of that name"):
        open_release(path)


def test_a_missing_file_is_found(path: Path):
    (path / "model_card.md").unlink()
    with pytest.raises(ReleaseError, match=r"model_card.md' is missing"):
        open_release(path)


def test_a_file_that_the_manifest_does_not_name_is_found(path: Path):
    (path / "extra.py").write_text("x = 1")
    with pytest.raises(ReleaseError, match=r"extra.py"):
        open_release(path)


def test_a_directory_without_manifest_is_no_release(tmp_path: Path):
    with pytest.raises(ManifestError, match=r"manifest.json' cannot be read"):
        open_release(tmp_path)
