from pathlib import Path

import numpy as np

from models.bundle import find_bundle
from training.datasets import Split
from training.synthetic import prepare_synthetic


def test_invented_pneumonias_have_one_kind_each(tmp_path: Path):
    data = prepare_synthetic(find_bundle("chest_xray_pneumonia"), tmp_path, 40)
    truths = np.array([case.label[:, 0, 0] for split in Split for case in data.cases(split)])
    assert truths.shape == (40, 3)
    assert truths[:, 0].sum() == 20
    np.testing.assert_array_equal(truths[:, 1:].sum(axis=1), truths[:, 0])
    for split in (Split.TRAIN, Split.VALIDATION):
        said = np.array([case.label[:, 0, 0] for case in data.cases(split)])
        assert said.sum(axis=0).min() > 0
        assert said.sum(axis=0).max() < len(said)
