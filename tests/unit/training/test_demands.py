"""Nothing to learn is said before a training starts: which split or file, what was found, what is needed."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.bundle import find_bundle
from training.datasets import Case, Description, Split, write_dataset
from training.demands import demand_trainable
from training.errors import DataError

STAYS = find_bundle("infection_urinary").clinical
IMAGES = find_bundle("chest_xray_opacity").clinical
COUNTS = {Split.TRAIN: 4, Split.VALIDATION: 2, Split.TEST: 2}


def stays(counts: dict[Split, int] = COUNTS, labels: int = 1) -> Iterator[tuple[Split, Case]]:
    """Rows of twelve features, every other one positive."""
    for split, count in counts.items():
        for number in range(count):
            label = np.full(labels, number % 2, dtype=np.float32)
            row = np.full(12, number, dtype=np.float32)
            yield split, Case(patient=f"{split.value}-{number}", input=row, label=label)


def images(pixel: float = 0.0) -> Iterator[tuple[Split, Case]]:
    for split, case in stays():
        image = np.zeros((1, 128, 128), dtype=np.float16)
        image[0, 5, 5] = pixel
        yield split, replace(case, input=image, label=np.full((1, 16, 16), case.label[0]))


def demand(cases: Iterator[tuple[Split, Case]], path: Path, clinical=STAYS) -> None:
    data = write_dataset(path / "data", cases, Description(bundle="b", source="a test", seed=1))
    demand_trainable(data, clinical)


def test_sound_data_pass(tmp_path: Path):
    demand(stays(), tmp_path / "stays")
    demand(images(), tmp_path / "images", IMAGES)


@pytest.mark.parametrize("empty", Split)
def test_a_split_without_cases_is_named(empty: Split, tmp_path: Path):
    with pytest.raises(DataError, match=f"data' has no cases in split '{empty.value}'"):
        demand(stays({**COUNTS, empty: 0}), tmp_path)


@pytest.mark.parametrize(("truth", "found"), [(0.0, "0 cases with .* and 2 without"), (1.0, "2 cases with .* and 0")])
def test_one_class_only_is_told_with_its_split(truth: float, found: str, tmp_path: Path):
    one_sided = (
        (split, replace(case, label=np.full(1, truth)) if split is Split.VALIDATION else case)
        for split, case in stays()
    )
    with pytest.raises(DataError, match=f"split 'validation' has {found}"):
        demand(one_sided, tmp_path)


def test_nan_everywhere_is_nothing_measured(tmp_path: Path):
    empty = ((split, replace(case, input=np.full(12, np.nan, dtype=np.float32))) for split, case in stays())
    with pytest.raises(DataError, match="split 'train' has NaN everywhere"):
        demand(empty, tmp_path)


def test_a_pixel_of_nan_is_named_by_file_and_case(tmp_path: Path):
    with pytest.raises(DataError, match=r"shard-0000\.npz' has NaN in case 0; an image has none"):
        demand(images(np.nan), tmp_path, IMAGES)


def test_an_infinite_input_is_named_by_file_and_case(tmp_path: Path):
    with pytest.raises(DataError, match=r"shard-0000\.npz' has an infinite input in case 0"):
        demand(images(np.inf), tmp_path, IMAGES)


def test_a_wrong_number_of_labels_is_told_with_the_bundles_own(tmp_path: Path):
    with pytest.raises(DataError, match=r"has 3 labels a case; the bundle has 1 \(urinary_infection\)"):
        demand(stays(labels=3), tmp_path)


def test_inputs_of_another_shape_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r"inputs of shape \(12,\); the bundle takes \(1, 128, 128\)"):
        demand(stays(), tmp_path, IMAGES)


def test_unknown_truths_count_for_neither_class(tmp_path: Path):
    unknown = ((split, replace(case, label=np.full(1, np.nan, dtype=np.float32))) for split, case in stays())
    with pytest.raises(DataError, match=r"0 cases with .* and 0 without"):
        demand(unknown, tmp_path)
