"""Gradient boosting (LightGBM) in bags: the baseline that every network must beat, with reasons in its graph.

Each bag leaves one fold of patients out, so that every row has a score from models that never saw its patient:
calibration and comparison use those. What ships is the mean of all bags in log-odds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
from onnx import ModelProto
from sklearn.model_selection import StratifiedGroupKFold

from training.calibrate import UNCALIBRATED, Calibration
from training.errors import DataError, RunError
from training.tree_graph import Tree, attribution_graph, contributions, read_trees

#: LightGBM's form of a custom objective: (raw scores, data) -> (gradient, hessian), each (row,).
Objective = Callable[
    [npt.NDArray[np.float64], lightgbm.Dataset], tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
]

#: What answering yes is worth in each row, (row,), from its patients and truths, (row,) each, in the order of the data.
Worth = Callable[[npt.NDArray[np.str_], npt.NDArray[np.float32]], npt.NDArray[np.float64]]

#: What every fit shares: silent, and the same trees whatever the number of threads.
_ALWAYS: Mapping[str, Any] = {"verbosity": -1, "deterministic": True, "force_row_wise": True, "objective": "binary"}


@dataclass(frozen=True, kw_only=True)
class BoostedModel:
    """Fitted bags; their scores are averaged."""

    #: One a bag.
    boosters: tuple[lightgbm.Booster, ...]
    #: Features in a row.
    features: int

    def score(self, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """The mean log-odds of *inputs* (row, feature) before calibration, by LightGBM itself: (row,)."""
        return np.mean([_raw(booster, inputs) for booster in self.boosters], axis=0)

    @cached_property
    def trees(self) -> tuple[tuple[Tree, ...], ...]:
        """The trees of each bag, read once: a thousand take seconds.

        Raises:
            ExportError: a tree splits in a way that the graph cannot.
        """
        return tuple(read_trees(booster.dump_model()) for booster in self.boosters)

    def explain(self, inputs: npt.NDArray[np.float32], calibration: Calibration) -> dict[str, npt.NDArray[np.float64]]:
        """What the graph must say about *inputs*, from LightGBM's own scores and leaves, in float64."""
        log_odds = calibration.slope * self.score(inputs) + calibration.intercept
        parts = np.zeros(inputs.shape)
        for booster, trees in zip(self.boosters, self.trees, strict=True):
            leaves = np.asarray(booster.predict(inputs, pred_leaf=True), dtype=np.int64)
            parts += contributions(trees, leaves, self.features)
        parts *= calibration.slope / len(self.boosters)
        return {
            "probability": 1 / (1 + np.exp(-log_odds[:, np.newaxis])),
            "contributions": parts,
            "baseline": log_odds[:, np.newaxis] - parts.sum(axis=1, keepdims=True),
        }

    def to_onnx(self, calibration: Calibration = UNCALIBRATED) -> ModelProto:
        """The graph of a ``stay_risk`` release: ``features`` -> ``probability``, ``contributions``, ``baseline``.

        Raises:
            ExportError: a tree splits in a way that the graph cannot.
        """
        trees = [tree for bag in self.trees for tree in bag]
        return attribution_graph(trees, self.features, len(self.boosters), calibration)

    def save(self, folder: Path) -> None:
        """Write each bag as LightGBM's text, which holds no code, into the new *folder*."""
        folder.mkdir(parents=True)
        for number, booster in enumerate(self.boosters):
            booster.save_model(folder / f"bag-{number:03d}.txt")


@dataclass(frozen=True, kw_only=True)
class BoostedFit:
    """What fitting gives."""

    #: The bags.
    model: BoostedModel
    #: Mean log-odds of each training row by the bags that did not see its patient, before calibration: (row,).
    out_of_fold: npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class BoostedTrees:
    """How to fit: the section ``boosting`` of a bundle's train.yaml."""

    #: LightGBM's parameters, e.g. ``learning_rate``, ``num_leaves``, ``lambda_l2``, ``feature_fraction``.
    parameters: Mapping[str, Any]
    #: Trees in a bag.
    rounds: int
    #: Parts that the patients are dealt into; each bag leaves one out.
    folds: int = 5
    #: How often they are dealt anew: folds * repeats bags.
    repeats: int = 1
    #: Of folds and trees.
    seed: int = 0
    #: Where rows are not worth the same, e.g. `evaluation.sepsis_utility.hour_gain`: as many bags again then learn
    #: whether yes is worth more than no, each row counting by how much. Calibration to the truth comes afterwards.
    worth: Worth | None = None

    def fit_by_worth(
        self, inputs: npt.NDArray[np.float32], truths: npt.NDArray[np.float32], patients: npt.NDArray[np.str_]
    ) -> "BoostedFit":
        """`fit`, and again by `worth` where there is one, all bags averaged; rows in the order that it asks for."""
        by_truth = self.fit(inputs, truths, patients)
        if self.worth is None:
            return by_truth
        worth = self.worth(patients, truths)
        # A row worth nothing either way is no reason to say yes; it counts as little as any.
        weights = np.maximum(np.abs(worth), np.abs(worth)[worth != 0].min(initial=np.inf))
        weights = (weights / weights.mean()).astype(np.float32)
        by_worth = self.fit(inputs, (worth > 0).astype(np.float32), patients, weights=weights)
        return BoostedFit(
            model=BoostedModel(
                boosters=by_truth.model.boosters + by_worth.model.boosters, features=by_truth.model.features
            ),
            out_of_fold=(by_truth.out_of_fold + by_worth.out_of_fold) / 2,
        )

    def fit(
        self,
        inputs: npt.NDArray[np.float32],
        truths: npt.NDArray[np.float32],
        patients: npt.NDArray[np.str_],
        *,
        weights: npt.NDArray[np.float32] | None = None,
        objective: Objective | None = None,
    ) -> BoostedFit:
        """Fit on *inputs* (row, feature; NaN = not measured), *truths* (row,) and *patients* (row,).

        *weights* (row,) count rows more or less; *objective* stands in for the log loss.

        Raises:
            DataError: a class has fewer patients than there are folds.
        """
        _demand_patients(truths, patients, self.folds)
        total = np.zeros(len(truths))
        boosters = []
        for repeat in range(self.repeats):
            seed = self.seed + repeat
            dealt = StratifiedGroupKFold(self.folds, shuffle=True, random_state=seed)
            for seen, unseen in dealt.split(inputs, truths > 0, patients):
                rows = lightgbm.Dataset(inputs[seen], truths[seen], weight=None if weights is None else weights[seen])
                parameters = {**_ALWAYS, **self.parameters, "seed": seed, "objective": objective or self._objective}
                boosters.append(lightgbm.train(parameters, rows, self.rounds))
                total[unseen] += _raw(boosters[-1], inputs[unseen]) / self.repeats
        return BoostedFit(
            model=BoostedModel(boosters=tuple(boosters), features=inputs.shape[1]),
            out_of_fold=total,
        )

    @property
    def _objective(self) -> str:
        return str(self.parameters.get("objective", _ALWAYS["objective"]))


def load_boosted(folder: Path) -> BoostedModel:
    """The bags that ``BoostedModel.save`` wrote into *folder*.

    Raises:
        RunError: there are none, or one cannot be read.
    """
    files = sorted(folder.glob("bag-*.txt"))
    try:
        boosters = tuple(lightgbm.Booster(model_file=file) for file in files)
    except lightgbm.basic.LightGBMError as error:
        raise RunError(f"'{folder}' holds a bag that LightGBM cannot read ({error}); train again") from error
    if not boosters:
        raise RunError(f"'{folder}' holds no bag-*.txt; train again")
    return BoostedModel(boosters=boosters, features=boosters[0].num_feature())


def _raw(booster: lightgbm.Booster, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    return np.asarray(booster.predict(inputs, raw_score=True), dtype=np.float64)


def _demand_patients(truths: npt.NDArray[np.float32], patients: npt.NDArray[np.str_], folds: int) -> None:
    for name, chosen in (("positive", truths > 0), ("negative", truths <= 0)):
        found = len(np.unique(patients[chosen]))
        if found < folds:
            raise DataError(f"{found} patients have a {name} row; boosting in {folds} folds needs at least {folds}")
