from pathlib import Path

import numpy as np
import pytest

from models.bundle import find_bundle
from training.datasets import Split
from training.phantoms.pictures import picture
from training.synthetic import prepare_synthetic

LABELS = [label.key for label in find_bundle("image_guard").clinical.labels]


@pytest.mark.parametrize("label", LABELS)
def test_every_class_of_the_guard_can_be_drawn(label: str):
    drawn = picture(3, label)
    assert drawn.shape == (128, 128)
    assert drawn.dtype == np.float32
    assert 0 <= drawn.min() <= drawn.max() <= 1
    assert np.array_equal(drawn, picture(3, label))


def test_an_inverted_picture_is_the_chest_with_its_grey_scale_turned():
    assert np.allclose(picture(3, "inverted"), 1 - picture(3, "chest_radiograph"))


def test_half_of_a_guards_synthetic_patients_have_the_picture_it_waits_for(tmp_path: Path):
    data = prepare_synthetic(find_bundle("image_guard"), tmp_path / "data", 40)
    truths = np.concatenate([[case.label[:, 0, 0] for case in data.cases(split)] for split in Split])
    assert truths.sum(axis=1).tolist() == [1] * 40
    assert truths.sum(axis=0).tolist() == [20, 5, 5, 5, 5]
