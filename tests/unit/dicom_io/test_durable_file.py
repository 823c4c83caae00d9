from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_io.durable_file import make_directory, replace_file


def test_another_that_writes_the_same_file_meanwhile_does_not_come_between(tmp_path: Path):
    path = tmp_path / "1.2.3.dcm"

    def parts() -> Iterator[bytes]:
        yield b"first "
        replace_file(path, [b"whole"])
        assert path.read_bytes() == b"whole"
        yield b"and second half"

    replace_file(path, parts())

    assert path.read_bytes() == b"first and second half"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    path = tmp_path / "1.2.3.dcm"
    replace_file(path, [b"old"])

    def parts() -> Iterator[bytes]:
        yield b"half of the new one"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        replace_file(path, parts())

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_directory_may_be_made_twice(tmp_path: Path):
    make_directory(tmp_path / "results" / "7")
    make_directory(tmp_path / "results" / "7")
    assert (tmp_path / "results" / "7").is_dir()
