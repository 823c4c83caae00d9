from pathlib import Path

import pytest
import torch
from monai.bundle import ConfigParser

from models.bundle import find_bundle
from training.checkpoint import load_network
from training.errors import RunError

BUNDLE = find_bundle("infection_urinary")


class Trap:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple:
        return Path.touch, (Path("sprung"),)


def test_weights_are_loaded(tmp_path: Path):
    parser = ConfigParser()
    parser.read_config(str(BUNDLE.config("train.yaml")))
    made = parser.get_parsed_content("network_def")
    torch.save(made.state_dict(), tmp_path / "model.pt")
    loaded = load_network(BUNDLE, tmp_path / "model.pt")
    assert not loaded.training
    torch.testing.assert_close(loaded.state_dict(), made.state_dict())


def test_weights_of_a_network_that_was_set_otherwise_are_loaded(tmp_path: Path):
    wider = {"network_def::hidden": 7}
    parser = ConfigParser()
    parser.read_config(str(BUNDLE.config("train.yaml")))
    parser.set(7, "network_def::hidden")
    torch.save(parser.get_parsed_content("network_def").state_dict(), tmp_path / "model.pt")
    with pytest.raises(RunError, match="does not fit the network"):
        load_network(BUNDLE, tmp_path / "model.pt")
    assert not load_network(BUNDLE, tmp_path / "model.pt", wider).training


def test_a_checkpoint_with_pickled_objects_is_refused_and_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": torch.zeros(1), "trap": Trap()}, tmp_path / "model.pt")
    with pytest.raises(RunError, match=r"model\.pt' holds pickled objects.*torch\.save\(network\.state_dict"):
        load_network(BUNDLE, tmp_path / "model.pt")
    assert not (tmp_path / "sprung").exists()


def test_a_torn_checkpoint_is_named(tmp_path: Path):
    (tmp_path / "model.pt").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(RunError, match=r"model\.pt' cannot be read as a checkpoint"):
        load_network(BUNDLE, tmp_path / "model.pt")


def test_the_checkpoint_of_another_network_is_refused(tmp_path: Path):
    torch.save({"weight": torch.zeros(1)}, tmp_path / "model.pt")
    with pytest.raises(RunError, match="does not fit the network of 'infection_urinary'"):
        load_network(BUNDLE, tmp_path / "model.pt")
