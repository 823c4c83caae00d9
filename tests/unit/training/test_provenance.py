import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from models.bundle import find_bundle, open_bundle
from training.datasets import Case, Dataset, Description, Split, write_dataset
from training.provenance import config_digest, environment_lock, machine, split_digest, tags_of

BUNDLE = find_bundle("infection_urinary")


def dataset(path: Path, homes: dict[str, Split]) -> Dataset:
    def cases() -> Iterator[tuple[Split, Case]]:
        for patient, split in homes.items():
            row = np.zeros(12, dtype=np.float32)
            yield split, Case(patient=patient, input=row, label=row[:1])

    return write_dataset(path, cases(), Description(bundle=BUNDLE.name, source="a test", seed=1))


def test_the_lock_names_every_package_once_and_sorted():
    lines = environment_lock().splitlines()
    assert lines == sorted(set(lines))
    assert any(line.startswith("numpy==") for line in lines)


def test_the_split_digest_tells_splits_apart_and_no_patient(tmp_path: Path):
    homes = {"P-1": Split.TRAIN, "P-2": Split.VALIDATION, "P-3": Split.TEST}
    first = split_digest(dataset(tmp_path / "a", homes))
    moved = split_digest(dataset(tmp_path / "b", {**homes, "P-2": Split.TRAIN}))
    assert first == split_digest(dataset(tmp_path / "c", dict(reversed(homes.items()))))
    assert first != moved
    tags = tags_of(BUNDLE, dataset(tmp_path / "d", homes), seed=1)
    assert "P-1" not in str(tags)


def test_one_changed_config_is_another_digest(tmp_path: Path):
    copy = shutil.copytree(BUNDLE.path, tmp_path / "copy")
    assert config_digest(open_bundle(copy)) == config_digest(BUNDLE)
    train = copy / "configs" / "train.yaml"
    train.write_text(train.read_text(encoding="utf-8").replace("seed: 20", "seed: 21"), encoding="utf-8")
    assert config_digest(open_bundle(copy)) != config_digest(BUNDLE)


def test_a_bundle_outside_a_checkout_claims_no_commit(tmp_path: Path):
    copy = open_bundle(shutil.copytree(BUNDLE.path, tmp_path / "copy"))
    tags = tags_of(copy, dataset(tmp_path / "data", {"P-1": Split.TRAIN}), seed=1)
    assert tags["varsel.git_commit"] == ""
    assert "varsel.git_dirty" not in tags


def test_the_machine_is_said_in_one_line_without_its_name():
    import socket  # noqa: PLC0415

    assert "cores of" in machine()
    assert socket.gethostname() not in machine()
