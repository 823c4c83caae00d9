import json
import shutil
from pathlib import Path

import pytest

from models.bundle import bundle_names, find_bundle, open_bundle
from models.errors import ManifestError
from models.manifest import Task


def copy_of(name: str, directory: Path) -> Path:
    return Path(shutil.copytree(find_bundle(name).path, directory / name))


def test_the_imaging_bundles_ship():
    assert {"chest_xray_opacity", "ct_lung_nodule"} <= set(bundle_names())


@pytest.mark.parametrize("name", bundle_names())
def test_every_shipped_bundle_opens_and_calls_itself_a_demonstration(name: str):
    bundle = find_bundle(name)
    assert bundle.name == name
    assert bundle.clinical.demonstration
    assert bundle.clinical.floors
    assert bundle.clinical.outputs[0].name == "probability"


def test_a_bundle_is_found_by_its_directory_too(tmp_path: Path):
    path = copy_of("chest_xray_opacity", tmp_path)
    assert find_bundle(str(path)).clinical.task is Task.IMAGE_CLASSIFICATION


def test_the_graphs_tensors_follow_from_the_task():
    clinical = find_bundle("ct_lung_nodule").clinical
    assert [(t.name, t.shape) for t in clinical.inputs] == [("image", (-1, 1, 32, 96, 96))]
    assert [(t.name, t.shape) for t in clinical.outputs] == [("probability", (-1, 1, 32, 96, 96))]


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(ManifestError, match=r"'nonsense' is no bundle; there are .*chest_xray_opacity"):
        find_bundle("nonsense")


def test_a_missing_file_is_named(tmp_path: Path):
    path = copy_of("chest_xray_opacity", tmp_path)
    (path / "configs" / "evaluate.yaml").unlink()
    with pytest.raises(ManifestError, match=r"configs/evaluate.yaml' is missing"):
        open_bundle(path)


def test_a_threshold_beyond_1_is_refused_with_the_file(tmp_path: Path):
    path = copy_of("chest_xray_opacity", tmp_path)
    clinical = path / "configs" / "clinical.yaml"
    clinical.write_text(
        clinical.read_text(encoding="utf-8").replace("threshold: 0.5", "threshold: 1.5"), encoding="utf-8"
    )
    with pytest.raises(ManifestError, match=r"(?s)clinical.yaml' is not valid.*threshold"):
        open_bundle(path)


def test_clinical_words_that_nobody_knows_are_refused(tmp_path: Path):
    path = copy_of("chest_xray_opacity", tmp_path)
    with (path / "configs" / "clinical.yaml").open("a", encoding="utf-8") as file:
        file.write("treshold: 0.4\n")
    with pytest.raises(ManifestError, match="treshold"):
        open_bundle(path)


def test_broken_metadata_is_named(tmp_path: Path):
    path = copy_of("chest_xray_opacity", tmp_path)
    metadata = path / "configs" / "metadata.json"
    metadata.write_text("{", encoding="utf-8")
    with pytest.raises(ManifestError, match=r"metadata.json' is no JSON"):
        open_bundle(path)
    metadata.write_text(json.dumps({"name": "x"}), encoding="utf-8")
    with pytest.raises(ManifestError, match="no text under 'version'"):
        open_bundle(path)
