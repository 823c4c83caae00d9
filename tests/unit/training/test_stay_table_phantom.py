"""Invented tables of stays: in the layout's columns, readable, learnable, the same from one seed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from evaluation.cohorts.stay_table import read_stay_table
from models.bundle import find_bundle
from models.data_layout import ConceptColumn, StayTableLayout, TruthColumn
from training.datasets import Split
from training.phantoms.stay_table import draw_stay_table
from training.synthetic import prepare_synthetic

_HOURLY = StayTableLayout(
    stay="stay",
    hour="hour",
    truth=TruthColumn(column="sick", positive=("1",)),
    concepts={
        "birth_date": ConceptColumn(column="Age"),
        "heart_rate": ConceptColumn(column="HR"),
        "ward": ConceptColumn(column="hour", factor=0),
    },
    groups=("unit",),
)


def test_an_hourly_table_has_hours_one_by_one_and_a_truth_that_lasts_to_the_end():
    table = draw_stay_table(_HOURLY, 200, 1)
    assert set(table) == {"stay", "hour", "sick", "Age", "HR", "unit"}
    for _, stay in table.groupby("stay"):
        assert list(stay["hour"]) == list(range(1, len(stay) + 1))
        assert stay["Age"].nunique() == stay["unit"].nunique() == 1
        assert stay["sick"].is_monotonic_increasing
    assert 0.05 < table.groupby("stay")["sick"].last().eq("1").mean() < 0.35


def test_the_same_seed_gives_the_same_table_and_another_another():
    pd.testing.assert_frame_equal(draw_stay_table(_HOURLY, 20, 1), draw_stay_table(_HOURLY, 20, 1))
    assert not draw_stay_table(_HOURLY, 20, 1).equals(draw_stay_table(_HOURLY, 20, 2))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clinical = find_bundle("bacteremia_at_culture").clinical
    assert isinstance(clinical.data, StayTableLayout)
    path = tmp_path_factory.mktemp("table") / "stays.csv"
    draw_stay_table(clinical.data, 800, 1).to_csv(path, index=False)
    return path


def test_a_table_of_a_bundle_is_read_in_canonical_units_and_can_be_learnt(table: Path):
    clinical = find_bundle("bacteremia_at_culture").clinical
    cohort = read_stay_table(table, clinical.data, clinical.preprocessing, ["bacteremia"])
    for column, feature in zip(cohort.inputs.T, clinical.preprocessing.features, strict=True):
        if feature.reference_range is not None:
            low, high = feature.reference_range
            assert low - (high - low) < np.nanmedian(column) < high + (high - low), feature.name
    truths = cohort.truths[:, 0]
    known = (cohort.inputs - np.nanmean(cohort.inputs, axis=0)) / np.nanstd(cohort.inputs, axis=0)
    rows = np.nan_to_num(known)
    learnt = LogisticRegression(C=0.01).fit(rows[:500], truths[:500])
    assert roc_auc_score(truths[500:], learnt.decision_function(rows[500:])) > 0.75


def test_a_synthetic_data_set_of_a_table_bundle_has_three_splits_of_patients(tmp_path: Path):
    data = prepare_synthetic(find_bundle("bacteremia_at_culture"), tmp_path / "data", 100)
    sizes = [len({case.patient for case in data.cases(split)}) for split in Split]
    assert sizes == [70, 15, 15]
