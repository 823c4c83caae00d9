import numpy as np

from training.lung_crops import CropPlacesd, lesion_places, lung_places


def test_a_small_lesion_has_as_many_places_as_a_large_one():
    label = np.zeros((40, 100, 100), dtype=np.float32)
    label[10:12, 20:23, 20:23] = 1
    label[20:30, 60:80, 60:80] = 1
    slices = np.unravel_index(lesion_places(label), label.shape)[0]
    assert (slices < 16).sum() == (slices > 16).sum() > 0


def test_no_lesion_has_no_place():
    assert len(lesion_places(np.zeros((8, 16, 16), dtype=np.float32))) == 0


def test_lung_is_neither_tissue_nor_outside_air():
    image = np.zeros((6, 61, 63), dtype=np.float32)
    image[:, 12:48, 12:48] = 0.75
    image[:, 20:40, 20:40] = 0.1
    _, rows, columns = np.unravel_index(lung_places(image), image.shape)
    assert len(rows) == 3 * 5 * 5
    assert rows.min() >= 20
    assert rows.max() < 40
    assert columns.min() >= 20
    assert columns.max() < 40


def test_a_case_keeps_what_it_holds_and_gains_its_places():
    case = {"image": np.full((1, 4, 8, 8), 0.1, np.float32), "label": np.zeros((1, 4, 8, 8), np.float32)}
    found = CropPlacesd()(case)
    assert found["image"] is case["image"]
    assert len(found["lesion_places"]) == 0
    assert len(found["lung_places"]) == 2 * 2 * 2
