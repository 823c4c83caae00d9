from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from models.bundle import Bundle, find_bundle
from training.datasets import Dataset, Split
from training.errors import DataError
from training.image_copies import find_copies
from training.prepare import prepare_cohort


@pytest.fixture
def bundle() -> Bundle:
    return find_bundle("chest_xray_pneumonia")


def picture(seed: int, rows: int, columns: int) -> npt.NDArray[np.uint8]:
    """Soft blobs, unlike those of any other seed."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 255, (7, 7), dtype=np.uint8))
    return np.asarray(coarse.resize((columns, rows), Image.Resampling.BICUBIC))


def write_folder(directory: Path, splits: dict[str, int]) -> Path:
    """Two pictures, one of each class, of each of so many patients in each split; no column where it is empty."""
    named = any(splits)
    lines = ["file,label,patient" + (",split" if named else "")]
    for split, patients in splits.items():
        for number in range(patients):
            for label in (0, 1):
                name = f"{split}{number}-{label}.png"
                # Stretched to a square: it was 1.4 times as wide as high.
                shown = Image.fromarray(picture(len(lines), 200, 280)).resize((160, 160), Image.Resampling.BILINEAR)
                shown.save(directory / name)
                lines.append(f"{name},{label},{split}{number}" + (f",{split}" if named else ""))
    (directory / "labels.csv").write_text("\n".join(lines) + "\n")
    return directory


def patients(data: Dataset, split: Split) -> set[str]:
    return {case.patient for case in data.cases(split)}


def test_what_the_source_holds_back_is_the_test_set(tmp_path: Path, bundle: Bundle):
    data = prepare_cohort(bundle, write_folder(tmp_path, {"train": 20, "val": 4}), tmp_path / "out", 1)
    assert patients(data, Split.TEST) == {"val0", "val1", "val2", "val3"}
    assert len(patients(data, Split.TRAIN)) == 16
    assert len(patients(data, Split.VALIDATION)) == 4
    assert data.manifest.files["labels.csv"]
    case = next(iter(data.cases(Split.TRAIN)))
    assert case.input.shape == (1, 192, 192)
    assert case.label.shape == (3, 1, 1)


def test_a_source_without_splits_is_divided_by_patient_and_seed(tmp_path: Path, bundle: Bundle):
    source = write_folder(tmp_path, {"": 20})
    one, same, other = (prepare_cohort(bundle, source, tmp_path / str(i), seed) for i, seed in enumerate((1, 1, 2)))
    assert [len(patients(one, split)) for split in Split] == [14, 3, 3]
    assert one.sha256 == same.sha256
    assert patients(one, Split.TEST) != patients(other, Split.TEST)


def test_small_copies_of_held_pictures_are_not_learnt_from(tmp_path: Path, bundle: Bundle):
    source = write_folder(tmp_path, {"train": 20, "val": 4})
    held = [number for number in range(1, 49) if number > 40][:4]
    small = [
        np.asarray(Image.fromarray(picture(seed, 200, 280)[:, 40:240]).resize((28, 28), Image.Resampling.BILINEAR))
        for seed in (*held, 901, 902)
    ]
    labels = np.array([[0], [1], [0], [1], [0], [1]], np.uint8)
    np.savez(source / "small.npz", train_images=np.stack(small), train_labels=labels)
    data = prepare_cohort(bundle, source, tmp_path / "out", 1)
    assert patients(data, Split.TRAIN) >= {"train-4", "train-5"}
    assert not {"train-0", "train-1", "train-2", "train-3"} & patients(data, Split.TRAIN)
    assert len(list(data.cases(Split.TEST))) == 8


def test_a_small_copy_is_found_whatever_the_aspect_ratio_was():
    wide = picture(1, 100, 180)
    images = np.stack([np.asarray(Image.fromarray(one).resize((96, 96))) for one in (picture(2, 96, 96), wide)])
    small = np.asarray(Image.fromarray(wide[:, 40:140]).resize((28, 28), Image.Resampling.BILINEAR))
    candidates = np.stack([small, picture(3, 28, 28)])
    assert find_copies(images.astype(np.float32), candidates.astype(np.float32)).tolist() == [1, -1]


def test_a_bundle_without_a_layout_needs_a_prepared_data_set(tmp_path: Path, bundle: Bundle):
    without = replace(bundle, clinical=replace(bundle.clinical, data=None))
    with pytest.raises(DataError, match="does not say how its data lie on disk"):
        prepare_cohort(without, tmp_path, tmp_path / "out", 1)
