"""Another model is asked first whether a picture is one that a model was made for."""

from pathlib import Path

import numpy as np
import pytest
from factories.releases import make_release

from dicom_io.volume import Radiograph
from models.errors import RuntimeFailedError
from models.folder_store import FolderStore
from models.manifest import GuardDemand, Task
from models.runtime import ScriptedRuntime, Tensors
from serving.errors import NotAnalysedError
from serving.guard import Guard, find_guard

DEMAND = GuardDemand(model="image_guard", label="opacity", at_least=0.5)
RADIOGRAPH = Radiograph(
    pixels=np.eye(80, dtype=np.float32), value_range=(0, 1), pixel_spacing_mm=None, sop_instance_uid="1.2.3"
)


def guard_that_says(probability: float, directory: Path) -> Guard:
    def answer(_: object) -> Tensors:
        return {"probability": np.array([[probability]], dtype=np.float32)}

    release = make_release(directory, Task.IMAGE_CLASSIFICATION, name="image_guard")
    return Guard(release=release, runtime=ScriptedRuntime(answer), demand=DEMAND)


@pytest.mark.parametrize("probability", [0.5, 1.0])
def test_a_picture_that_the_guard_is_sure_of_passes(probability: float, tmp_path: Path):
    guard_that_says(probability, tmp_path).check(RADIOGRAPH, "en")


@pytest.mark.parametrize("probability", [0.0, 0.49, float("nan")])
def test_any_other_picture_is_not_analysed(probability: float, tmp_path: Path):
    with pytest.raises(NotAnalysedError, match=r"not taken for Opacity .* required 50%") as caught:
        guard_that_says(probability, tmp_path).check(RADIOGRAPH, "en")
    assert caught.value.code == "unexpected_picture"


def test_the_reason_is_given_in_the_sites_language(tmp_path: Path):
    with pytest.raises(NotAnalysedError, match="billedet ligner ikke Fortætning"):
        guard_that_says(0.1, tmp_path).check(RADIOGRAPH, "da")


def test_a_guard_that_cannot_be_run_lets_nothing_pass(tmp_path: Path):
    def fail(_: object) -> Tensors:
        raise RuntimeFailedError

    release = make_release(tmp_path, Task.IMAGE_CLASSIFICATION, name="image_guard")
    with pytest.raises(RuntimeFailedError):
        Guard(release=release, runtime=ScriptedRuntime(fail), demand=DEMAND).check(RADIOGRAPH, "en")


def test_the_report_can_name_the_guard_by_its_digest(tmp_path: Path):
    guard = guard_that_says(1.0, tmp_path)
    assert guard.parameters == (f"guard=image_guard@{guard.release.short_digest}", "guard_opacity=0.5")


def test_a_model_that_demands_no_guard_has_none(tmp_path: Path):
    release = make_release(tmp_path, Task.IMAGE_CLASSIFICATION)
    assert find_guard(FolderStore(tmp_path), release.manifest) is None


def test_the_guards_champion_is_found(tmp_path: Path):
    model = make_release(tmp_path, Task.IMAGE_CLASSIFICATION, guard=DEMAND)
    guard = make_release(tmp_path, Task.IMAGE_CLASSIFICATION, name="image_guard")
    assert find_guard(FolderStore(tmp_path), model.manifest) == (guard, DEMAND)


def test_without_its_guard_a_model_reads_nothing(tmp_path: Path):
    model = make_release(tmp_path, Task.IMAGE_CLASSIFICATION, guard=DEMAND)
    with pytest.raises(NotAnalysedError, match="may only read pictures that 'image_guard' has passed") as caught:
        find_guard(FolderStore(tmp_path), model.manifest)
    assert caught.value.code == "guard_missing"


@pytest.mark.parametrize("task", [Task.IMAGE_CLASSIFICATION, Task.VOLUME_SEGMENTATION])
def test_a_guard_that_cannot_answer_the_question_is_no_guard(task: Task, tmp_path: Path):
    """It says other labels, or the model reads volumes, which no guard looks at."""
    demand = GuardDemand(
        model="image_guard", label="opacity" if task is Task.VOLUME_SEGMENTATION else "cat", at_least=0.5
    )
    model = make_release(tmp_path, task, guard=demand)
    make_release(tmp_path, Task.IMAGE_CLASSIFICATION, name="image_guard")
    with pytest.raises(NotAnalysedError, match="both must read radiographs"):
        find_guard(FolderStore(tmp_path), model.manifest)
