"""The limits of the settings reach the place where pixels are read."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from factories.releases import make_release
from pydicom.dataset import Dataset

from dicom_io.errors import UnsupportedPixelsError
from dicom_io.headers import assemble_study, read_header
from models.manifest import Task
from serving.pipeline import Subject, analyse_study
from serving.settings.images import Images
from serving.stopwatch import Stopwatch
from tests.factories.dicom import cr_image, ct_series, write


class _NeverAsked:
    def infer(self, inputs: Any) -> Any:
        raise AssertionError(inputs)


@pytest.mark.parametrize(
    ("task", "datasets", "limits", "words"),
    [
        (
            Task.IMAGE_CLASSIFICATION,
            [cr_image(np.ones((40, 50), np.uint16))],
            Images(maximum_pixels=100),
            "40 x 50 pixels; required: at most 100",
        ),
        (Task.VOLUME_SEGMENTATION, ct_series(12), Images(maximum_voxels=100), "12 x 16 x 12 voxels; required: at most"),
    ],
)
def test_a_larger_image_is_refused_in_words(
    tmp_path: Path, task: Task, datasets: list[Dataset], limits: Images, words: str
):
    subject = Subject(
        study=assemble_study(map(read_header, write(datasets, tmp_path / "study"))),
        generation=1,
        release=make_release(tmp_path / "store", task),
        language="en",
        closed_at=datetime(2026, 1, 2, tzinfo=UTC),
        images=limits,
    )
    with pytest.raises(UnsupportedPixelsError, match=words):
        analyse_study(subject, _NeverAsked(), Stopwatch())
