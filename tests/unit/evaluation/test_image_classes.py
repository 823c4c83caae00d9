from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation.cohorts.changed_copies import changed
from evaluation.cohorts.image_classes import read_image_classes
from evaluation.errors import CohortError
from models.bundle import find_bundle
from models.data_layout import Change, ChangedCopy, ImageClassesLayout
from models.manifest import RadiographPreprocessing

SPEC = RadiographPreprocessing(size_px=(16, 16))
LABELS = ("chest", "inverted", "hand")
LAYOUT = ImageClassesLayout(
    tables={"a.csv": {"0": "chest", "1": "chest"}, "b.csv": {"Hand": "hand"}},
    copies=(ChangedCopy(of="chest", change=Change.INVERT, label="inverted"),),
)


def write_images(directory: Path, table: str, rows: Mapping[str, str], patient: str = "unknown") -> None:
    """One image each of the names in *rows*, of the class that *rows* says."""
    lines = ["file,label,patient", *(f"{name},{label},{patient}" for name, label in rows.items())]
    (directory / table).write_text("\n".join(lines) + "\n")
    for seed, name in enumerate(rows):
        pixels = np.random.default_rng(seed).integers(0, 255, (30, 36), dtype=np.uint8)
        Image.fromarray(pixels).save(directory / name)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    write_images(tmp_path, "a.csv", {"1.png": "0", "2.png": "1"}, patient="P1")
    write_images(tmp_path, "b.csv", {"3.png": "Hand", "4.png": "Hand"})
    return tmp_path


def test_every_table_is_read_and_each_image_is_of_one_class(directory: Path):
    cohort = read_image_classes(directory, LAYOUT, SPEC, LABELS)
    assert cohort.inputs.shape == (6, 1, 16, 16)
    assert cohort.truths.sum(axis=1).tolist() == [1] * 6
    assert cohort.truths.sum(axis=0).tolist() == [2, 2, 2]
    assert list(cohort.groups["table"]) == ["a.csv", "a.csv", "b.csv", "b.csv", "a.csv", "a.csv"]


def test_a_copy_is_its_patients_and_an_unknown_patient_is_one_of_its_own(directory: Path):
    cohort = read_image_classes(directory, LAYOUT, SPEC, LABELS)
    assert list(cohort.patients) == ["P1", "P1", "3.png", "4.png", "P1", "P1"]
    assert list(cohort.keys[4:]) == ["1.png invert", "2.png invert"]


def test_an_inverted_copy_is_what_an_inverted_image_would_be(directory: Path):
    """A square image fills the input, so that nothing but the pixels changes."""
    pixels = np.random.default_rng(5).integers(0, 255, (32, 32), dtype=np.uint8)
    Image.fromarray(pixels).save(directory / "1.png")
    Image.fromarray(255 - pixels).save(directory / "2.png")
    cohort = read_image_classes(directory, LAYOUT, SPEC, LABELS)
    assert np.allclose(cohort.inputs[4], cohort.inputs[1], atol=1e-5)


def test_a_table_that_is_not_there_is_left_out(directory: Path):
    write_images(directory, "a.csv", {"1.png": "0", "2.png": "H"})
    layout = ImageClassesLayout(tables={"a.csv": {"0": "chest", "H": "hand"}, "c.csv": {}}, copies=LAYOUT.copies)
    assert list(read_image_classes(directory, layout, SPEC, LABELS).keys) == ["1.png", "2.png", "1.png invert"]


@pytest.mark.parametrize(
    ("breaking", "message"),
    [
        (lambda path: [(path / name).unlink() for name in ("a.csv", "b.csv")], r"holds none of a\.csv, b\.csv"),
        (lambda path: (path / "3.png").write_bytes(b"nothing"), r"3\.png' is no image that can be read"),
        (lambda path: (path / "3.png").unlink(), r"3\.png' is no image that can be read"),
        (
            lambda path: write_images(path, "b.csv", {"3.png": "Foot"}),
            r"calls '3\.png' 'Foot'; required is one of Hand",
        ),
        (lambda path: (path / "b.csv").write_text("file,label\n3.png,Hand\n"), "has no column 'patient'"),
        (lambda path: (path / "a.csv").unlink(), "has no image of the class chest, inverted"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said(breaking, message: str, directory: Path):
    breaking(directory)
    with pytest.raises(CohortError, match=message):
        read_image_classes(directory, LAYOUT, SPEC, LABELS)


def test_a_class_that_the_model_does_not_have_is_refused(directory: Path):
    with pytest.raises(CohortError, match="names the classes hand; the model has chest, inverted"):
        read_image_classes(directory, LAYOUT, SPEC, ("chest", "inverted"))


@pytest.mark.parametrize("change", list(Change))
def test_a_changed_copy_is_another_picture_of_the_same_shape_and_range(change: Change):
    image = np.linspace(0, 0.9, 18 * 18, dtype=np.float32).reshape(18, 18)
    copy = changed(image, change, seed=3)
    assert copy.shape == image.shape
    assert copy.dtype == np.float32
    assert 0 <= copy.min() <= copy.max() <= 1
    assert not np.allclose(copy, image)
    assert np.array_equal(copy, changed(image, change, seed=3))


def test_turns_are_quarter_turns():
    image = np.arange(16, dtype=np.float32).reshape(4, 4) / 16
    left, right = (changed(image, change, 0) for change in (Change.TURN_LEFT, Change.TURN_RIGHT))
    assert np.array_equal(changed(left, Change.TURN_LEFT, 0), changed(image, Change.UPSIDE_DOWN, 0))
    assert np.array_equal(changed(left, Change.TURN_RIGHT, 0), image)
    assert left[0, 0] == image[0, -1]
    assert right[0, 0] == image[-1, 0]


def test_the_shipped_guard_has_copies_for_every_way_a_chest_radiograph_goes_wrong():
    layout = find_bundle("image_guard").clinical.data
    assert isinstance(layout, ImageClassesLayout)
    assert {copy.change for copy in layout.copies if copy.of == "chest_radiograph"} == set(Change)
