"""Releases in a folder, pointers in a ledger."""

import multiprocessing
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from models import folder_store
from models.errors import ManifestError, RegistryError, ReleaseError
from models.folder_store import FolderStore
from models.manifest import Task
from models.registry import LedgerRow
from models.release import Release, open_release
from tests.factories.releases import make_release, promote, write_release

MODEL = "infection_urinary"


def a_row(release: Release, before: str = "", **changes: str) -> LedgerRow:
    row = LedgerRow(
        model=release.manifest.name,
        alias="champion",
        from_digest=before,
        to_digest=release.digest,
        actor="test",
        reason="because",
        at="2026-01-01T00:00:00Z",
    )
    return replace(row, **changes)


@pytest.fixture
def release(tmp_path: Path):
    return make_release(tmp_path, Task.STAY_RISK, champion=False)


@pytest.fixture
def store(tmp_path: Path):
    return FolderStore(tmp_path)


def test_an_installed_release_lies_under_its_name_and_digest_and_is_read_only(tmp_path: Path, release: Release):
    assert release.path == tmp_path / MODEL / release.digest[:12]
    assert not stat.S_IMODE((release.path / "model.onnx").stat().st_mode) & 0o222
    assert not list((tmp_path / ".incoming").iterdir())


def test_installing_twice_changes_nothing(tmp_path: Path, release: Release, store: FolderStore):
    again = make_release(tmp_path, Task.STAY_RISK, champion=False)
    assert again == release
    assert store.releases() == (release,)


def test_a_damaged_release_is_not_installed(tmp_path: Path, store: FolderStore):
    staged = tmp_path / "staged"
    staged.mkdir()
    write_release(staged, Task.STAY_RISK, name=MODEL, version="1.0.0")
    (staged / "model.onnx").write_bytes(b"other")
    with pytest.raises(ReleaseError, match=r"staged/model\.onnx' was altered"):
        store.install(staged)
    assert store.releases() == ()
    with pytest.raises(ManifestError):
        store.install(tmp_path / "nowhere")


def test_promotion_moves_the_pointer_and_rollback_moves_it_back(tmp_path: Path, release: Release, store: FolderStore):
    newer = make_release(tmp_path, Task.STAY_RISK, version="0.2.0", champion=False)
    for row in (a_row(release), a_row(newer, release.digest), a_row(release, newer.digest)):
        store.promote(row)
        assert store.resolve(MODEL, "champion").digest == row.to_digest
    assert [row.to_digest for row in FolderStore(tmp_path).ledger()] == [release.digest, newer.digest, release.digest]


def test_a_promotion_decided_against_another_champion_is_refused(tmp_path: Path, release: Release, store: FolderStore):
    newer = make_release(tmp_path, Task.STAY_RISK, version="0.2.0", champion=False)
    store.promote(a_row(release))
    with pytest.raises(RegistryError, match="decide again"):
        store.promote(a_row(newer))
    assert store.aliases() == {(MODEL, "champion"): release.digest}


def test_what_is_not_installed_cannot_be_promoted(release: Release, store: FolderStore):
    with pytest.raises(RegistryError, match="0 releases"):
        store.promote(a_row(release, to_digest="f" * 64))
    assert store.ledger() == ()


def test_a_row_cut_off_in_writing_moves_nothing_and_is_told(tmp_path: Path, release: Release, store: FolderStore):
    store.promote(a_row(release))
    with (tmp_path / "ledger.jsonl").open("ab") as file:
        file.write(b'{"model": "infection_urinary", "alias": "cham')
    with capture_logs() as logs:
        assert store.aliases() == {(MODEL, "champion"): release.digest}
    assert [entry["action"] for entry in logs] == ["ledger_torn"]

    store.promote(a_row(release, release.digest, reason="again"))

    with capture_logs() as logs:
        assert [row.reason for row in store.ledger()] == ["because", "again"]
    assert logs == []


def test_a_ledger_with_a_broken_row_is_an_error(tmp_path: Path, release: Release, store: FolderStore):
    store.promote(a_row(release))
    with (tmp_path / "ledger.jsonl").open("ab") as file:
        file.write(b"{}\n")
    with pytest.raises(RegistryError, match="line 2"):
        store.aliases()


def test_bytes_are_verified_once_and_again_when_a_file_was_touched(
    release: Release, store: FolderStore, monkeypatch: pytest.MonkeyPatch
):
    opened = []
    monkeypatch.setattr(folder_store, "open_release", lambda path: opened.append(path) or release)
    for _ in range(3):
        store.open(MODEL, release.short_digest)
    assert len(opened) == 1

    os.utime(release.path / "model.onnx", ns=(1, 1))
    store.open(MODEL, release.short_digest)
    assert len(opened) == 2


def test_an_altered_release_is_not_given_out(release: Release, store: FolderStore):
    promote(store, release)
    graph = release.path / "model.onnx"
    graph.chmod(0o644)
    graph.write_bytes(graph.read_bytes()[:-1] + b"\0")
    with pytest.raises(ReleaseError, match="altered"):
        store.resolve(MODEL, "champion")


@pytest.mark.parametrize("model", ["..", ".", "", "/etc", "../x", ".incoming", "unknown"])
def test_a_name_that_is_no_model_finds_nothing(store: FolderStore, release: Release, model: str):
    with pytest.raises(RegistryError):
        store.open(model, release.short_digest)


@pytest.mark.parametrize("digest", ["", "..", "f" * 12, "f" * 64])
def test_a_digest_that_is_not_there_finds_nothing(store: FolderStore, release: Release, digest: str):
    with pytest.raises(RegistryError, match="installed are"):
        store.open(MODEL, digest)


def test_a_full_digest_must_match_to_its_end(store: FolderStore, release: Release):
    with pytest.raises(RegistryError):
        store.open(MODEL, release.digest[:12] + "f" * 52)


def test_an_alias_that_was_never_set_is_an_error_with_the_way_out(store: FolderStore, release: Release):
    with pytest.raises(RegistryError, match="promote one of its releases first"):
        store.resolve(MODEL, "challenger")


def _promote_often(directory: Path, release: Release) -> None:
    store = FolderStore(directory)
    for _ in range(20):
        try:
            store.promote(a_row(release, store.aliases().get((MODEL, "champion"), "")))
        except RegistryError:
            continue


def test_processes_that_promote_at_once_leave_a_ledger_without_gaps(
    tmp_path: Path, release: Release, store: FolderStore
):
    workers = [
        multiprocessing.get_context("fork").Process(target=_promote_often, args=(tmp_path, release)) for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    rows = store.ledger()
    assert len(rows) >= 20
    assert [row.from_digest for row in rows] == ["", *[release.digest] * (len(rows) - 1)]


def test_releases_that_come_with_varsel_are_found_and_can_be_installed(
    tmp_path: Path, release: Release, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(folder_store, "_SHIPPED", tmp_path)
    assert folder_store.shipped_releases() == (release.path,)
    assert FolderStore(tmp_path / "other").install(release.path).digest == release.digest


def test_every_release_that_comes_with_varsel_is_whole():
    for path in folder_store.shipped_releases():
        assert open_release(path).manifest.provenance.author, f"'{path}' does not say who trained it"


@pytest.mark.parametrize("version", ["0.1.0", "digest", "beginning"])
def test_a_release_is_found_by_version_digest_or_its_beginning(release: Release, store: FolderStore, version: str):
    asked = {"digest": release.digest, "beginning": release.digest[:5].upper()}.get(version, version)
    assert store.find(MODEL, asked) == release


@pytest.mark.parametrize("version", ["", "9.9", "zzz"])
def test_a_version_that_is_not_there_is_told_with_what_is(release: Release, store: FolderStore, version: str):
    with pytest.raises(RegistryError, match=rf"Installed: 0.1.0 \({release.short_digest}\)"):
        store.find(MODEL, version)


def test_a_release_of_another_model_is_not_found(tmp_path: Path, release: Release, store: FolderStore):
    other = make_release(tmp_path, Task.STAY_RISK, version="0.1.0", name="other", champion=False)
    assert store.find("other", "0.1.0") == other
    with pytest.raises(RegistryError, match="has 0 releases"):
        store.find(MODEL, other.digest)
