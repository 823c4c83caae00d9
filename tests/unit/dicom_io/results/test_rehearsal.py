"""The worker's rehearsal."""

import tempfile
from pathlib import Path

from dicom_io.results.rehearsal import rehearse


def test_a_rehearsal_leaves_nothing_behind(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    rehearse()

    assert list(tmp_path.iterdir()) == []
