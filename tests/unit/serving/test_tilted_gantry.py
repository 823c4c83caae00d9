"""A series from a tilted gantry through the whole line: the finding lies on its slices, as large as it is."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pytest
from factories.releases import make_release
from factories.results import faults_of
from pydicom.dataset import Dataset

from dicom_io.findings import Outcome
from dicom_io.headers import assemble_study, read_header
from dicom_io.results.kinds import ResultKind
from dicom_io.results.write import write_results
from models.manifest import Task
from serving.pipeline import Subject, analyse_study
from serving.stopwatch import Stopwatch
from tests.factories.dicom import ct_series, write

#: A ball in the patient, mm.
CENTRE, RADIUS_MM = np.array([-72.0, -12.0, 30.0]), 12.0
LEAN = np.radians(20.0)


class _FindsWhatIsDense:
    def infer(self, inputs: dict[str, Any]) -> dict[str, Any]:
        image = inputs["image"]
        return {"probability": np.where(image > image.max() / 2, 0.9, 0.0).astype(np.float32)}


def _series() -> list[Dataset]:
    series = ct_series(40, size=(80, 72), spacing_mm=(1.5, 1.0, 1.0))
    y, x = np.mgrid[0:80, 0:72].astype(float)
    along_row, along_column = np.array([1.0, 0, 0]), np.array([0, np.cos(LEAN), np.sin(LEAN)])
    for one in series:
        one.ImageOrientationPatient = [1, 0, 0, 0, round(np.cos(LEAN), 10), round(np.sin(LEAN), 10)]
        places = np.array(one.ImagePositionPatient, float) + x[..., None] * along_row + y[..., None] * along_column
        is_dense = np.linalg.norm(places - CENTRE, axis=-1) <= RADIUS_MM
        one.PixelData = np.where(is_dense, 1324, 124).astype("<u2").tobytes()
    return series


def test_a_ball_is_found_on_the_slices_where_it_lies(tmp_path: Path):
    study = assemble_study(read_header(path) for path in write(_series(), tmp_path / "study"))
    subject = Subject(
        study=study,
        generation=1,
        release=make_release(tmp_path / "store", Task.VOLUME_SEGMENTATION),
        language="en",
        closed_at=datetime(2026, 1, 2, tzinfo=UTC),
    )

    analysis = analyse_study(subject, _FindsWhatIsDense(), Stopwatch())

    assert analysis.report.outcome is Outcome.FINDING
    (finding,) = analysis.report.findings
    truth = analysis.pixels.voxels > 0
    mask = finding.segment.mask
    assert 2 * np.count_nonzero(mask & truth) / (np.count_nonzero(mask) + np.count_nonzero(truth)) > 0.95
    diameter, volume = (one.value for one in finding.measurements)
    assert volume == pytest.approx(4 / 3 * np.pi * RADIUS_MM**3, rel=0.06)
    assert diameter == pytest.approx(2 * RADIUS_MM, abs=2.0)

    written = write_results(
        analysis.report, study, analysis.pixels, [(ResultKind.SEG, ResultKind.SR)], tmp_path / "out"
    )
    paths = {one.kind: one.path for one in written}
    assert [faults_of(path) for path in paths.values()] == [[], []]
    masks = hd.seg.segread(paths[ResultKind.SEG])
    uids = [one.sop_instance_uid for one in study.instances]
    pixels = masks.get_pixels_by_source_instance(
        uids, ignore_spatial_locations=True, assert_missing_frames_are_empty=True
    )
    assert np.array_equal(pixels[..., 0], mask)
