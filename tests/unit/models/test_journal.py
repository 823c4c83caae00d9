"""Lines that are only ever added."""

import errno
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from models.errors import RegistryError
from models.journal import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    journal = Journal(tmp_path / "new" / "ledger.jsonl")
    with journal.held():
        journal.add(b"one")
    return journal


def test_lines_come_back_in_order(journal: Journal):
    with journal.held():
        journal.add(b"two")
    assert journal.lines() == (b"one", b"two")


def test_a_journal_that_was_never_written_is_empty(tmp_path: Path):
    assert Journal(tmp_path / "ledger.jsonl").lines() == ()


def test_a_full_disk_is_told_and_adds_nothing(journal: Journal, monkeypatch: pytest.MonkeyPatch):
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch, journal.held():
        patch.setattr(os, "fsync", full)
        with pytest.raises(RegistryError, match=r"ledger.jsonl' cannot be written \(No space left on device\)"):
            journal.add(b"two")
    assert journal.lines() == (b"one",)


def test_a_torn_line_is_told_and_cut_away_by_the_next(journal: Journal):
    with journal.path.open("ab") as file:
        file.write(b"tor")
    with capture_logs() as logs:
        assert journal.lines() == (b"one",)
    assert [entry["action"] for entry in logs] == ["ledger_torn"]
    with journal.held():
        journal.add(b"two")
    assert journal.lines() == (b"one", b"two")
