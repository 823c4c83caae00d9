from pathlib import Path

import numpy as np

from models.bundle import find_bundle
from training.cases import case_dicts, lesion_places, lung_places
from training.synthetic import prepare_synthetic


def test_cases_are_float32_dictionaries_as_monai_takes_them(tmp_path: Path):
    prepare_synthetic(find_bundle("chest_xray_opacity"), tmp_path / "data", 10)
    cases = case_dicts(str(tmp_path / "data"), "validation")
    assert len(cases) == 1
    assert {key: value.dtype for key, value in cases[0].items()} == {"image": np.float32, "label": np.float32}


def test_a_small_lesion_has_as_many_places_as_a_large_one():
    label = np.zeros((1, 40, 100, 100), dtype=np.float32)
    label[0, 10:12, 20:23, 20:23] = 1
    label[0, 20:30, 60:80, 60:80] = 1
    places = lesion_places(label)
    assert places.shape == label.shape
    assert places[0, :16].sum() == places[0, 16:].sum() > 0


def test_no_lesion_has_no_place():
    assert not lesion_places(np.zeros((1, 8, 16, 16), dtype=np.float32)).any()


def test_lung_is_neither_tissue_nor_outside_air():
    image = np.zeros((1, 6, 60, 60), dtype=np.float32)
    image[0, :, 10:50, 10:50] = 0.75
    image[0, :, 20:40, 20:40] = 0.1
    places = lung_places(image)[0]
    assert places[3, 30, 30]
    assert not places[3, 15, 15]
    assert not places[3, 3, 3]
