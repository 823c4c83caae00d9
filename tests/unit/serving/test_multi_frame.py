"""An enhanced multi-frame CT is answered, not guessed at."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from factories.releases import make_release

from dicom_io.headers import assemble_study, read_header
from models.manifest import Task
from serving.errors import NotAnalysedError
from serving.pipeline import Subject, analyse_study
from serving.stopwatch import Stopwatch
from tests.factories.dicom import write
from tests.factories.dicom_pixels import enhanced_ct


class _NeverAsked:
    def infer(self, inputs: Any) -> Any:
        raise AssertionError(inputs)


def test_an_enhanced_ct_is_not_analysed_and_the_reason_says_what_to_send(tmp_path: Path):
    (path,) = write([enhanced_ct(12)], tmp_path)
    subject = Subject(
        study=assemble_study([read_header(path)]),
        generation=1,
        release=make_release(tmp_path / "store", Task.VOLUME_SEGMENTATION),
        language="en",
        closed_at=datetime(2026, 1, 2, tzinfo=UTC),
    )
    with pytest.raises(NotAnalysedError, match="12 frames; results are written on single-frame images only"):
        analyse_study(subject, _NeverAsked(), Stopwatch())
