"""An enhanced multi-frame CT is analysed as the same series in single frames is."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from factories.releases import make_release
from pydicom.dataset import Dataset

from dicom_io.findings import Outcome
from dicom_io.headers import assemble_study, read_header
from models.manifest import Task
from serving.pipeline import Analysis, Subject, analyse_study
from serving.stopwatch import Stopwatch
from tests.factories.dicom import ct_series, write
from tests.factories.dicom_pixels import enhanced_of


class _FindsWhatIsDense:
    def infer(self, inputs: dict[str, Any]) -> dict[str, Any]:
        image = inputs["image"]
        probability = np.where(image > image.mean(), 0.9, 0.0).astype(np.float32)
        return {"probability": probability}


def _series() -> list[Dataset]:
    series = ct_series(12, size=(64, 64), spacing_mm=(2.0, 1.5, 1.5))
    for number, one in enumerate(series):
        stored = np.full((64, 64), 124, dtype="<u2")
        if 4 <= number < 8:
            stored[24:36, 30:42] = 1324
        one.PixelData = stored.tobytes()
    return series


def _analysed(datasets: list[Dataset], directory: Path) -> Analysis:
    subject = Subject(
        study=assemble_study(read_header(path) for path in write(datasets, directory / "study")),
        generation=1,
        release=make_release(directory / "store", Task.VOLUME_SEGMENTATION),
        language="en",
        closed_at=datetime(2026, 1, 2, tzinfo=UTC),
    )
    return analyse_study(subject, _FindsWhatIsDense(), Stopwatch())


def test_one_object_of_many_frames_gives_the_findings_of_its_slices(tmp_path: Path):
    order = (7, 6, 5, 4, 0, 1, 2, 3, 11, 10, 9, 8)
    classic = _analysed(_series(), tmp_path / "classic").report
    enhanced = _analysed([enhanced_of(_series(), order)], tmp_path / "enhanced").report

    assert classic.outcome == enhanced.outcome == Outcome.FINDING
    assert classic.scores == enhanced.scores
    for one, other in zip(classic.findings, enhanced.findings, strict=True):
        assert one.measurements == other.measurements
        assert np.array_equal(one.segment.mask, other.segment.mask)
        assert other.segment.frame_numbers == tuple(1 + order.index(z) for z in range(12))
