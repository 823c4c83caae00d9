"""The spool: whole files or none."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from dicom_io.errors import SpoolError, SpoolFullError
from dicom_io.receive.spool import Spool


def _files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_file_is_named_by_its_uids_and_content(tmp_path: Path) -> None:
    spooled = Spool(tmp_path).keep((b"head", b"body"), study_uid="1.2", sop_uid="1.2.3")
    assert spooled.sha256 == hashlib.sha256(b"headbody").hexdigest()
    assert spooled.size_bytes == 8
    assert _files(tmp_path) == [f"1.2/1.2.3-{spooled.sha256[:12]}.dcm"]
    assert spooled.path.read_bytes() == b"headbody"


def test_equal_bytes_are_one_file_and_heal_a_damaged_one(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    first = spool.keep((b"body",), study_uid="1.2", sop_uid="1.2.3")
    first.path.write_bytes(b"")
    assert spool.keep((b"body",), study_uid="1.2", sop_uid="1.2.3") == first
    assert first.path.read_bytes() == b"body"
    assert len(_files(tmp_path)) == 1


def test_too_little_room_is_refused_before_writing(tmp_path: Path) -> None:
    spool = Spool(tmp_path, minimum_free_bytes=2**62)
    with pytest.raises(SpoolFullError, match="bytes free"):
        spool.keep((b"body",), study_uid="1.2", sop_uid="1.2.3")
    assert _files(tmp_path) == []


@pytest.mark.parametrize(("number", "expected"), [(errno.ENOSPC, SpoolFullError), (errno.EIO, SpoolError)])
def test_a_disk_that_fails_midway_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: type[SpoolError]
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(number, "made up")

    spool = Spool(tmp_path)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(SpoolError) as caught:
        spool.keep((b"body",), study_uid="1.2", sop_uid="1.2.3")
    assert type(caught.value) is expected
    assert _files(tmp_path) == []


@pytest.mark.parametrize(("study_uid", "sop_uid"), [("../..", "1.2"), ("1.2", "../x"), ("", "1.2"), ("1.2", "/etc")])
def test_what_is_no_uid_never_becomes_a_path(tmp_path: Path, study_uid: str, sop_uid: str) -> None:
    with pytest.raises(SpoolError):
        Spool(tmp_path).keep((b"body",), study_uid=study_uid, sop_uid=sop_uid)


def test_what_a_crash_left_is_discarded(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    kept = spool.keep((b"body",), study_uid="1.2", sop_uid="1.2.3")
    (tmp_path / "incoming" / "half").write_bytes(b"bo")
    assert spool.discard_partial() == 1
    assert _files(tmp_path) == [str(kept.path.relative_to(tmp_path))]
