"""Probabilities voxel by voxel, handed on to whom takes them."""

import numpy as np
import pytest
from factories.releases import manifest_of

from dicom_io.volume import Volume
from models.grid import Cut
from models.manifest import Task
from models.prediction import VolumePrediction
from serving.interpret import heat_maps

MANIFEST = manifest_of(Task.VOLUME_SEGMENTATION, "ct_lung_nodule", "0.1.0", {})
SHAPE = (6, 8, 8)
VOLUME = Volume(
    voxels=np.zeros(SHAPE, dtype=np.float32),
    spacing_mm=(2.5, 0.8, 0.7),
    affine=np.eye(4),
    sop_instance_uids=tuple(f"1.2.{number}" for number in range(6)),
    series_instance_uid="1.2.3",
)


def prediction_of(highest: float) -> VolumePrediction:
    values = np.linspace(0, highest, 2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)
    part = Cut(values=values, place=(slice(2, 4), slice(1, 4), slice(3, 7)), shape=SHAPE)
    return VolumePrediction(labels=(part,) * len(MANIFEST.labels))


def test_the_part_that_is_known_is_told_with_its_place():
    (told, *_) = heat_maps(prediction_of(1.0), VOLUME, MANIFEST, "da")

    assert (told.label, told.offset) == (MANIFEST.labels[0].key, (2, 1, 3))
    assert told.text == MANIFEST.labels[0].text.in_language("da")
    assert np.array_equal(told.values, prediction_of(1.0).labels[0].values)


@pytest.mark.parametrize("highest", [0.0, 0.001])
def test_below_the_operating_point_nothing_is_told(highest: float):
    assert heat_maps(prediction_of(highest), VOLUME, MANIFEST, "da") == ()
