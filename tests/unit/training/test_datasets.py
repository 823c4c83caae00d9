from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from models.bundle import find_bundle
from training.datasets import Case, Description, Split, open_dataset, split_of, write_dataset
from training.errors import DataError
from training.synthetic import prepare_synthetic

DESCRIPTION = Description(bundle="b", source="a test", seed=1, shard_size=4)


def cases(count: int) -> Iterator[tuple[Split, Case]]:
    for number in range(count):
        row = np.full(3, number, dtype=np.float32)
        yield split_of(number, count), Case(patient=f"SYN-{number}", input=row, label=row[:1])


def test_what_was_written_is_read_again(tmp_path: Path):
    dataset = write_dataset(tmp_path / "d", cases(20), DESCRIPTION)
    counts = [len(list(dataset.cases(split))) for split in Split]
    assert counts == [14, 3, 3]
    assert [case.patient for case in dataset.cases(Split.TEST)] == ["SYN-17", "SYN-18", "SYN-19"]
    assert open_dataset(tmp_path / "d").sha256 == dataset.sha256


def test_equal_data_have_equal_digests(tmp_path: Path):
    digests = {write_dataset(tmp_path / name, cases(10), DESCRIPTION).sha256 for name in ("a", "b")}
    assert len(digests) == 1


def test_a_patient_in_two_splits_is_refused(tmp_path: Path):
    row = np.zeros(3, dtype=np.float32)
    leaking = [(split, Case(patient="SYN-1", input=row, label=row[:1])) for split in (Split.TRAIN, Split.TEST)]
    with pytest.raises(DataError, match="one patient in train and test"):
        write_dataset(tmp_path / "d", leaking, DESCRIPTION)


def test_an_altered_shard_is_refused(tmp_path: Path):
    dataset = write_dataset(tmp_path / "d", cases(8), DESCRIPTION)
    shard = tmp_path / "d" / dataset.manifest.shards[0].file
    np.savez(shard, inputs=np.zeros((1, 3)), labels=np.zeros((1, 1)), patients=np.array(["SYN-0"]))
    with pytest.raises(DataError, match="was altered"):
        list(dataset.cases(Split.TRAIN))


def test_a_directory_without_data_says_how_to_make_them(tmp_path: Path):
    with pytest.raises(DataError, match="give a data set, or draw one"):
        open_dataset(tmp_path)


def test_data_are_never_written_over(tmp_path: Path):
    write_dataset(tmp_path / "d", cases(8), DESCRIPTION)
    with pytest.raises(DataError, match="already holds a data set"):
        write_dataset(tmp_path / "d", cases(8), DESCRIPTION)


def test_synthetic_radiographs_have_a_map_where_the_opacity_is(tmp_path: Path):
    dataset = prepare_synthetic(find_bundle("chest_xray_opacity"), tmp_path / "d", count=10)
    drawn = [case for split in Split for case in dataset.cases(split)]
    assert [bool(case.label.any()) for case in drawn] == [False, True] * 5
    assert drawn[0].input.shape == (1, 128, 128)
    assert drawn[0].label.shape == (1, 16, 16)


def test_synthetic_volumes_and_their_masks_share_a_grid(tmp_path: Path):
    dataset = prepare_synthetic(find_bundle("ct_lung_nodule"), tmp_path / "d", count=7)
    for case in dataset.cases(Split.TRAIN):
        assert case.input.shape == case.label.shape
        assert case.input.shape[0] == 1


def test_too_few_patients_for_three_splits_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match="at least 7"):
        prepare_synthetic(find_bundle("chest_xray_opacity"), tmp_path / "d", count=3)
