"""Boosted trees: fitted by patient, exported with their reasons, the same in LightGBM and in ONNX Runtime."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import lightgbm
import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import roc_auc_score

from models.features import FeatureVector, explain
from models.manifest import Aggregate, FeatureSpec, StayPreprocessing, Text
from models.onnx_runtime import OnnxRuntime
from training.boosting import BoostedFit, BoostedTrees, load_boosted
from training.calibrate import Calibration
from training.errors import DataError, ExportError, RunError
from training.tree_graph import Branch, read_trees

_FEATURES = 6
_CALIBRATION = Calibration(slope=0.9, intercept=-0.2)
_RECIPE = BoostedTrees(
    parameters={"learning_rate": 0.1, "num_leaves": 7, "min_child_samples": 10, "num_threads": 1}, rounds=25, folds=3
)


def _rows(count: int, seed: int) -> npt.NDArray[np.float32]:
    """A column without gaps (0), whole numbers (1), one that is never measured (5); NaN in the others."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, _FEATURES)).astype(np.float32)
    rows[:, 1] = np.round(rows[:, 1] * 3)
    rows[:, 2:][rng.random((count, _FEATURES - 2)) < 0.3] = np.nan
    rows[:, 5] = np.nan
    return rows


def _truths(rows: npt.NDArray[np.float32], seed: int) -> npt.NDArray[np.float32]:
    noise = np.random.default_rng((seed, 1)).normal(size=len(rows)) * 0.5
    return (rows[:, 0] * np.nan_to_num(rows[:, 2]) + np.isnan(rows[:, 3]) + noise > 0.8).astype(np.float32)


@cache
def _fit() -> BoostedFit:
    rows = _rows(900, 1)
    return _RECIPE.fit(rows, _truths(rows, 1), np.array([f"P{n // 3}" for n in range(900)]))


@cache
def _outputs_of(rows: bytes, folder: Path) -> dict[str, npt.NDArray[np.float32]]:
    path = folder / "model.onnx"
    path.write_bytes(_fit().model.to_onnx(_CALIBRATION).SerializeToString())
    array = np.frombuffer(rows, dtype=np.float32).reshape(-1, _FEATURES)
    return dict(OnnxRuntime(path).infer({"features": array}))


def _compare(rows: npt.NDArray[np.float32], folder: Path) -> None:
    expected = _fit().model.explain(rows, _CALIBRATION)
    found = _outputs_of(rows.tobytes(), folder)
    assert set(found) == {"probability", "contributions", "baseline"}
    for name, values in expected.items():
        assert found[name].shape == values.shape
        np.testing.assert_allclose(found[name], values, rtol=1e-5, atol=2e-6)


def test_the_graph_says_what_lightgbm_says_with_gaps(tmp_path):
    _compare(_rows(500, 2), tmp_path)


def test_a_gap_where_training_had_none_is_routed_as_lightgbm_does(tmp_path):
    rows = _rows(200, 3)
    rows[:, :2] = np.nan
    _compare(rows, tmp_path)


def test_values_on_a_threshold_and_their_neighbours_end_in_the_same_leaf(tmp_path):
    trees = [tree for booster in _fit().model.boosters for tree in read_trees(booster.dump_model())]
    branches = [node for tree in trees for node in tree.nodes if isinstance(node, Branch)]
    # Beyond float32 lies the threshold of a split between measured and not.
    assert any(branch.threshold > 1e38 for branch in branches)
    rows = []
    # LightGBM takes numbers up to 1e-35 for 0, where it puts the threshold between 0 and what is beside it.
    for branch in (branch for branch in branches if 1e-30 < abs(branch.threshold) < 1e38):
        for value in (branch.threshold, np.nextafter(np.float32(branch.threshold), np.float32(np.inf))):
            row = _rows(1, len(rows))[0]
            row[branch.feature] = value
            rows.append(row)
    _compare(np.stack(rows).astype(np.float32), tmp_path)


def test_every_row_has_the_same_baseline_and_its_reasons_are_accepted(tmp_path):
    rows = _rows(3, 4)
    spec = StayPreprocessing(
        horizon_hours=24,
        features=tuple(
            FeatureSpec(name=f"f{n}", code=f"c{n}", aggregate=Aggregate.LAST, text=Text(en="", da=""))
            for n in range(_FEATURES)
        ),
    )
    outputs = _outputs_of(rows.tobytes(), tmp_path)
    assert len(np.unique(outputs["baseline"])) == 1
    vector = FeatureVector(values=rows[0], measured_at=("",) * _FEATURES, sources=("",) * _FEATURES)
    one = {name: values[:1] for name, values in outputs.items()}
    assert len(explain(one, vector, spec, datetime(2026, 1, 1, tzinfo=UTC)).reasons) == _FEATURES


def test_a_feature_that_was_never_measured_is_no_reason(tmp_path):
    assert not _outputs_of(_rows(50, 5).tobytes(), tmp_path)["contributions"][:, 5].any()


def test_the_baseline_is_the_mean_score_of_the_training_rows():
    fit, rows = _RECIPE.fit(_rows(300, 6), _truths(_rows(300, 6), 6), np.arange(300).astype(str)), _rows(300, 6)
    baseline = fit.model.explain(rows[:1], Calibration())["baseline"][0, 0]
    # Each bag saw two thirds of these rows.
    assert baseline == pytest.approx(fit.model.score(rows).mean(), abs=0.1)


def test_out_of_fold_scores_have_not_seen_the_patient():
    rng = np.random.default_rng(7)
    patients = np.repeat(np.arange(200), 4)
    rows = rng.normal(size=(200, 5)).astype(np.float32)[patients]
    truths = rng.integers(0, 2, 200).astype(np.float32)[patients]
    fit = _RECIPE.fit(rows, truths, patients.astype(str))
    assert roc_auc_score(truths, fit.model.score(rows)) > 0.9
    assert roc_auc_score(truths, fit.out_of_fold) < 0.62


def test_the_same_seed_gives_the_same_trees():
    rows = _rows(300, 8)
    truths, patients = _truths(rows, 8), np.arange(300).astype(str)
    first, second = (_RECIPE.fit(rows, truths, patients) for _ in range(2))
    np.testing.assert_array_equal(first.out_of_fold, second.out_of_fold)


def test_weights_and_an_objective_of_ones_own_are_used():
    def squared(scores: npt.NDArray[np.float64], data: lightgbm.Dataset) -> tuple[npt.NDArray[np.float64], ...]:
        return scores - data.get_label(), np.ones_like(scores)

    rows = _rows(300, 9)
    truths, patients = _truths(rows, 9), np.arange(300).astype(str)
    plain = _RECIPE.fit(rows, truths, patients)
    heavy = _RECIPE.fit(rows, truths, patients, weights=np.where(truths > 0, 5, 1).astype(np.float32))
    other = _RECIPE.fit(rows, truths, patients, objective=squared)
    assert heavy.out_of_fold.mean() > plain.out_of_fold.mean() + 0.3
    assert -0.5 < other.out_of_fold.min() < other.out_of_fold.max() < 1.5


def test_saved_bags_say_the_same(tmp_path):
    _fit().model.save(tmp_path / "bags")
    rows = _rows(100, 10)
    np.testing.assert_allclose(load_boosted(tmp_path / "bags").score(rows), _fit().model.score(rows), atol=1e-12)


def test_a_folder_without_bags_or_with_a_broken_one_is_refused(tmp_path):
    with pytest.raises(RunError, match="no bag-"):
        load_boosted(tmp_path)
    (tmp_path / "bag-000.txt").write_text("nothing", encoding="utf-8")
    with pytest.raises(RunError, match="cannot read"):
        load_boosted(tmp_path)


def test_too_few_positive_patients_are_refused():
    rows = _rows(60, 11)
    truths = np.zeros(60, dtype=np.float32)
    truths[:6] = 1
    with pytest.raises(DataError, match="2 patients have a positive row"):
        _RECIPE.fit(rows, truths, np.array([f"P{n // 3}" for n in range(60)]))


def test_a_split_by_category_is_refused():
    rng = np.random.default_rng(12)
    rows = rng.integers(0, 9, (300, 2)).astype(np.float32)
    truths = np.isin(rows[:, 0], (1, 4, 7)).astype(np.float32)
    data = lightgbm.Dataset(rows, truths, categorical_feature=[0])
    booster = lightgbm.train({"objective": "binary", "max_cat_to_onehot": 1, "verbosity": -1}, data, 3)
    with pytest.raises(ExportError, match="'=='"):
        read_trees(booster.dump_model())


def test_trees_that_learn_by_worth_say_yes_where_it_is_worth_more_than_no():
    """The second half of the rows has the same truths, but a yes there is worth nothing: it is learnt as a no."""
    rows = _rows(900, 1)
    rows[:, 4] = np.arange(900) >= 450
    truths, patients = _truths(rows, 1), np.array([f"P{n // 3}" for n in range(900)])

    def worth(_: npt.NDArray[np.str_], said: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        return np.where((said > 0) & (rows[:, 4] == 0), 2.0, -0.05)

    plain, weighed = (replace(_RECIPE, worth=one).fit_by_worth(rows, truths, patients) for one in (None, worth))
    late = rows[:, 4] == 1
    assert len(weighed.model.boosters) == 2 * len(plain.model.boosters)
    assert weighed.out_of_fold[late].mean() < plain.out_of_fold[late].mean() - 0.5
    assert weighed.out_of_fold[~late].mean() > plain.out_of_fold[~late].mean() + 0.5
