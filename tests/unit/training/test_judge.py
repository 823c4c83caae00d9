"""What a graph is worth on the test split of a data set."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluation.report import Check
from evaluation.subject import subject_of_release
from models.manifest import Task
from models.onnx_runtime import open_runtime
from tests.factories.releases import IMAGE_SIZE, make_release
from training.datasets import Case, Dataset, Description, Split, write_dataset
from training.errors import DataError
from training.judge import cohort_of, judge_dataset

DESCRIPTION = Description(bundle="made_up", source="made in the test", seed=1)


def dataset(path: Path, cases: list[tuple[Split, Case]]) -> Dataset:
    return write_dataset(path, cases, DESCRIPTION)


def images(split: Split, count: int = 40) -> list[tuple[Split, Case]]:
    rng = np.random.default_rng(len(split.value))
    made = []
    for number in range(count):
        image = rng.random((1, *IMAGE_SIZE)).astype(np.float32) * (0.4 if number % 2 else 0.5)
        if number % 2:
            image[0, 10:40, 10:40] += 0.5
        label = np.zeros((1, 8, 8), np.float32)
        label[0, 2, 2] = number % 2
        groups = {"sex": "FM"[number // 2 % 2]}
        made.append((split, Case(patient=f"{split.value}{number}", input=image, label=label, groups=groups)))
    return made


def rows(split: Split, stays: int = 30, hours: int = 12) -> list[tuple[Split, Case]]:
    rng = np.random.default_rng(3)
    return [
        (
            split,
            Case(
                patient=f"{split.value}{stay:03d}",
                input=np.array([60, 37 + 2.0 * (stay % 2) + rng.normal(), np.nan], np.float32),
                label=np.array([float(stay % 2 and hour > 5)], np.float32),
                hour=float(hour),
            ),
        )
        for stay in range(stays)
        for hour in range(hours)
    ]


def test_a_dense_truth_is_true_where_any_pixel_is_and_subgroups_come_along(tmp_path: Path):
    release = make_release(tmp_path / "store", Task.IMAGE_CLASSIFICATION)
    data = dataset(tmp_path / "data", images(Split.TRAIN, 4) + images(Split.TEST))
    judged = judge_dataset(subject_of_release(release), open_runtime(release), data)
    assert (judged.report.cases, judged.report.positives) == (40, 20)
    assert judged.report.metrics["auroc"].value == 1
    assert [one.value for one in judged.report.subgroups] == ["F", "M"]
    assert judged.report.data.sha256 == data.sha256
    assert judged.scored is not None


def test_leaks_are_looked_for_between_all_parts(tmp_path: Path):
    release = make_release(tmp_path / "store", Task.IMAGE_CLASSIFICATION)
    train, test = images(Split.TRAIN), images(Split.TEST)
    copied = replace(test[0][1], input=train[0][1].input)
    data = dataset(tmp_path / "data", [*train, (Split.TEST, copied), *test[1:]])
    report = judge_dataset(subject_of_release(release), open_runtime(release), data).report
    suspicious = {finding.check for finding in report.findings if finding.suspicious}
    assert Check.SAME_INPUT_IN_TWO_SPLITS in suspicious
    assert Check.PATIENT_IN_TWO_SPLITS not in suspicious


def test_hours_of_stays_have_utility_and_alerts(tmp_path: Path):
    release = make_release(tmp_path / "store", Task.STAY_RISK)
    data = dataset(tmp_path / "data", rows(Split.TEST))
    report = judge_dataset(subject_of_release(release), open_runtime(release), data).report
    assert report.metrics["utility"].value is not None
    assert len(report.alerts) == 3


def test_no_pseudonym_is_in_a_report_for_mlflow(tmp_path: Path):
    data = dataset(tmp_path / "data", images(Split.TEST))
    assert cohort_of(data, Split.TEST).keys[0] == "case 0"


def test_data_without_test_cases_are_refused(tmp_path: Path):
    release = make_release(tmp_path / "store", Task.IMAGE_CLASSIFICATION)
    data = dataset(tmp_path / "data", images(Split.TRAIN))
    with pytest.raises(DataError, match="no test cases"):
        judge_dataset(subject_of_release(release), open_runtime(release), data)


def test_volumes_are_judged_by_their_lesions(tmp_path: Path):
    release = make_release(tmp_path / "store", Task.VOLUME_SEGMENTATION)
    cases = []
    for number in range(3):
        image, mask = np.zeros((1, 12, 40, 40), np.float32), np.zeros((1, 12, 40, 40), np.float32)
        if number:
            image[0, 4:8, 10:16, 10:16], mask[0, 4:8, 10:16, 10:16] = 0.95, 1
        cases.append((Split.TEST, Case(patient=f"p{number}", input=image, label=mask)))
    report = judge_dataset(subject_of_release(release), open_runtime(release), dataset(tmp_path / "data", cases)).report
    found = {name: report.metrics[name].value for name in ("lesion_sensitivity", "false_positives_per_case", "dice")}
    assert found == {"lesion_sensitivity": 1, "false_positives_per_case": 0, "dice": 1}
    assert report.curves.froc is not None
