"""The spool: whole files or none."""

import errno
import hashlib
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pytest
from blake3 import blake3

from dicom_io.errors import SpoolError, SpoolFullError
from dicom_io.receive import flusher as flusher_module
from dicom_io.receive import spool as spool_module
from dicom_io.receive.spool import Draft, Spool, Spooled


def _failing(number: int) -> Callable[[object], None]:
    def fail(_what: object) -> None:
        raise OSError(number, "made up")

    return fail


def _files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def _draft(spool: Spool, pieces: Iterable[bytes]) -> Draft:
    draft = spool.begin()
    for piece in pieces:
        draft.write(piece)
    return draft


def _keep(spool: Spool, *pieces: bytes, study_uid: str = "1.2", sop_uid: str = "1.2.3") -> Spooled:
    return spool.keep(_draft(spool, pieces), study_uid=study_uid, sop_uid=sop_uid)


def test_a_file_lies_below_its_study_and_is_whole(tmp_path: Path) -> None:
    spooled = _keep(Spool(tmp_path), b"head", b"body")
    assert spooled.digest == blake3(b"headbody").hexdigest()
    assert spooled.size_bytes == 8
    assert _files(tmp_path) == [f"1.2/1.2.3-{spooled.digest[:12]}.dcm"]
    assert spooled.path.read_bytes() == b"headbody"


def test_a_second_file_of_one_object_leaves_the_first_alone(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    first, second = _keep(spool, b"body"), _keep(spool, b"other")
    assert (first.path.read_bytes(), second.path.read_bytes()) == (b"body", b"other")


def test_a_file_named_by_its_sha256_is_whole(tmp_path: Path) -> None:
    """Files from before decision 0015."""
    spool = Spool(tmp_path)
    path = _keep(spool, b"body").path
    earlier = path.rename(path.with_name(f"1.2.3-{hashlib.sha256(b'body').hexdigest()[:12]}.dcm"))
    assert spool.is_whole(earlier)
    earlier.write_bytes(b"bod")
    assert not spool.is_whole(earlier)


def test_equal_bytes_are_one_file_and_heal_a_damaged_one(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    first = _keep(spool, b"body")
    first.path.write_bytes(b"")
    assert not spool.is_whole(first.path)
    assert _keep(spool, b"body") == first
    assert spool.is_whole(first.path)
    assert len(_files(tmp_path)) == 1


def test_a_file_gives_way_only_to_one_that_is_as_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path)
    kept = _keep(spool, b"body")
    monkeypatch.setattr(os, "fsync", _failing(errno.EIO))
    with pytest.raises(SpoolError):
        _keep(spool, b"body")
    assert _files(tmp_path) == [str(kept.path.relative_to(tmp_path))]


def test_file_and_directories_are_flushed_before_it_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda number: flushed.append(str(Path(f"/proc/self/fd/{number}").readlink())))
    spooled = _keep(Spool(tmp_path), b"body")
    assert sorted(flushed) == sorted([str(tmp_path), str(spooled.path.parent), str(spooled.path)])


def test_a_directory_that_cannot_be_flushed_costs_its_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path)
    kept = _keep(spool, b"body")
    with monkeypatch.context() as broken:
        broken.setattr(flusher_module, "flush_directory", _failing(errno.EIO))
        with pytest.raises(SpoolError):
            _keep(spool, b"other")
    again = _keep(spool, b"another")
    assert _files(tmp_path) == sorted(str(one.path.relative_to(tmp_path)) for one in (kept, again))


def test_too_little_room_is_refused_before_writing(tmp_path: Path) -> None:
    spool = Spool(tmp_path, minimum_free_bytes=2**62)
    with pytest.raises(SpoolFullError, match="bytes free"):
        spool.begin()
    assert _files(tmp_path) == []


def test_a_file_made_ahead_takes_an_object_only_while_there_is_room(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    ready, too_late = spool.blank(), spool.blank()
    assert spool.begin(ready) is ready
    spool._room._minimum_free_bytes = 2**62
    with pytest.raises(SpoolFullError):
        spool.begin(too_late)
    ready.discard()
    assert _files(tmp_path) == []


def test_room_that_runs_out_while_a_large_object_comes_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path)
    monkeypatch.setattr(spool_module, "_STRIDE_BYTES", 100)
    draft = spool.begin()
    spool._room._minimum_free_bytes = 2**62
    with pytest.raises(SpoolFullError):
        draft.write(bytes(200))
    draft.discard()
    assert _files(tmp_path) == []


@pytest.mark.parametrize(("number", "expected"), [(errno.ENOSPC, SpoolFullError), (errno.EIO, SpoolError)])
@pytest.mark.parametrize("is_refused", [False, True])
def test_a_disk_that_fails_at_the_end_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: type[SpoolError], *, is_refused: bool
) -> None:
    spool = Spool(tmp_path)
    keep = spool.keep_refused if is_refused else partial(spool.keep, study_uid="1.2", sop_uid="1.2.3")
    draft = _draft(spool, [b"body"])
    monkeypatch.setattr(os, "fsync", _failing(number))
    with pytest.raises(SpoolError) as caught:
        keep(draft)
    assert type(caught.value) is expected
    assert _files(tmp_path) == []


@pytest.mark.parametrize(("study_uid", "sop_uid"), [("../..", "1.2"), ("1.2", "../x"), ("", "1.2"), ("1.2", "/etc")])
def test_what_is_no_uid_never_becomes_a_path(tmp_path: Path, study_uid: str, sop_uid: str) -> None:
    with pytest.raises(SpoolError):
        _keep(Spool(tmp_path), b"body", study_uid=study_uid, sop_uid=sop_uid)
    assert _files(tmp_path) == []


def test_equal_refused_bytes_are_one_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    paths = {spool.keep_refused(_draft(spool, [b"no object"])) for _ in range(2)}
    assert [path.read_bytes() for path in paths] == [b"no object"]


def test_what_a_crash_left_is_discarded(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    kept = _keep(spool, b"body")
    _draft(spool, [b"bo"]).close()
    written_by_another = _draft(Spool(tmp_path), [b"bo"])
    assert spool.discard_partial() == 1
    assert spool.discard_partial() == 0
    written_by_another.discard()
    assert _files(tmp_path) == [str(kept.path.relative_to(tmp_path))]
