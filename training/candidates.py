"""A network and boosted trees, fitted on the same patients: the better one ships, and the comparison is kept.

The trees are fitted on the training and validation splits in bags by patient; what they say of a validation patient
comes from bags that never saw it. The network has seen validation patients only to choose its checkpoint. On them both
are compared, and so is the mean of their log-odds, whose reasons are the mean of theirs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import torch
from onnx import ModelProto
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass as checked_dataclass
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from evaluation.comparison import Comparison, compare_scored
from evaluation.metrics import auroc
from evaluation.tally import Scored
from training.boosting import BoostedModel, BoostedTrees, load_boosted
from training.calibrate import UNCALIBRATED, Calibration
from training.datasets import Dataset, Split
from training.risk_blend import Part, blend
from training.tracking import Tracker

#: AUROC by which another candidate must be better than the trees; less is a tie, and the trees ship.
TIE = 0.001
#: Tag of a run that holds boosted trees: how many bags.
TREES_TAG = "varsel.boosting_bags"
_OUT_OF_FOLD = "validation_log_odds.npy"

Floats = npt.NDArray[np.float64]


class Candidate(Enum):
    """What may ship."""

    #: The boosted trees.
    BOOSTING = "boosting"
    #: The bundle's network, trained with MONAI.
    NETWORK = "network"
    #: The mean of both in log-odds.
    BOTH = "both"

    @property
    def network_share(self) -> float:
        """How much of the log-odds is the network's, 0 to 1; the rest is the trees'."""
        return {Candidate.BOOSTING: 0.0, Candidate.NETWORK: 1.0, Candidate.BOTH: 0.5}[self]


@checked_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Choice:
    """``candidates.json``: what was compared, how it went, and what ships."""

    #: What ships.
    shipped: Candidate
    #: How that was decided.
    rule: str
    #: Patients of the validation split, and those with the outcome in any row.
    patients: int
    positives: int
    #: Candidate -> AUROC on the validation split.
    auroc: Mapping[Candidate, float]
    #: Candidate -> its AUROC minus that of the trees, with the 95 % interval by patient (paired).
    against_boosting: Mapping[Candidate, Comparison]


@dataclass(frozen=True, kw_only=True)
class TrackedTrees:
    """Boosted trees as they lie in a run."""

    #: The bags.
    model: BoostedModel
    #: Log-odds of each validation row by the bags that did not see its patient, (row,).
    validation: Floats


def fit_trees(recipe: BoostedTrees, data: Dataset, tracker: Tracker, run_id: str) -> None:
    """Fit *recipe* on the training and validation splits of *data* and keep the trees in the run, in ``boosting/``.

    Raises:
        DataError: a shard was altered, or a class has too few patients.
    """
    parts = [_rows(data, split) for split in (Split.TRAIN, Split.VALIDATION)]
    inputs, truths, patients = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    known = ~np.isnan(truths)
    fit = recipe.fit_by_worth(inputs[known], truths[known], patients[known])
    scores = np.full(len(truths), np.nan)
    scores[known] = fit.out_of_fold
    validation = scores[len(parts[0][1]) :]
    with TemporaryDirectory() as directory:
        folder = Path(directory) / "boosting"
        fit.model.save(folder)
        np.save(folder / _OUT_OF_FOLD, validation)
        tracker.keep(run_id, folder, "boosting")
    seen = ~np.isnan(validation)
    tracker.tag(run_id, {TREES_TAG: str(len(fit.model.boosters))})
    tracker.metrics(run_id, {"boosting_val_auroc": float(roc_auc_score(parts[1][1][seen] > 0, validation[seen]))})


def load_trees(folder: Path) -> TrackedTrees:
    """The trees that `fit_trees` kept, from a copy of the run's ``boosting/``.

    Raises:
        RunError: there are none, or they cannot be read.
    """
    return TrackedTrees(model=load_boosted(folder), validation=np.load(folder / _OUT_OF_FOLD, allow_pickle=False))


def choose(network: torch.nn.Module, trees: TrackedTrees, data: Dataset) -> tuple[Choice, Floats]:
    """Compare both, and their mean, on the validation rows of *data*; also returns what ships says of them, (row,)."""
    inputs, truths, patients = _rows(data, Split.VALIDATION)
    known = ~np.isnan(truths)
    alone = _log_odds(network, inputs)
    said = {one: one.network_share * alone + (1 - one.network_share) * trees.validation for one in Candidate}
    scored = {one: _scored(truths[known], scores[known], patients[known]) for one, scores in said.items()}
    found = {one: float(roc_auc_score(truths[known] > 0, scores[known])) for one, scores in said.items()}
    best = max(Candidate, key=lambda one: found[one])
    choice = Choice(
        shipped=best if found[best] >= found[Candidate.BOOSTING] + TIE else Candidate.BOOSTING,
        rule=f"highest AUROC on the validation patients; the trees, unless another is better by {TIE} or more",
        patients=len(np.unique(patients[known])),
        positives=len(np.unique(patients[known & (truths > 0)])),
        auroc={one: round(value, 5) for one, value in found.items()},
        against_boosting={
            one: compare_scored(scored[one], scored[Candidate.BOOSTING], {"auroc": auroc})["auroc"]
            for one in Candidate
            if one is not Candidate.BOOSTING
        },
    )
    return choice, said[choice.shipped]


def dump_choice(choice: Choice) -> bytes:
    """The JSON of *choice*."""
    return TypeAdapter(Choice).dump_json(choice, indent=2) + b"\n"


def _log_odds(network: torch.nn.Module, inputs: npt.NDArray[np.float32]) -> Floats:
    with torch.no_grad():
        said = [network(torch.from_numpy(part))[:, 0] for part in np.array_split(inputs, len(inputs) // 4096 + 1)]
    return torch.cat(said).numpy().astype(np.float64)


def validation_truths(data: Dataset) -> Floats:
    """The truth of each validation row of *data*: (row,)."""
    return _rows(data, Split.VALIDATION)[1].astype(np.float64)


@dataclass(frozen=True, kw_only=True)
class Rivals:
    """Both as graphs, and which ships."""

    #: The network's additive graph, uncalibrated: ``features`` -> ``probability``, ``contributions``, ``baseline``.
    network: ModelProto
    #: The trees'.
    trees: ModelProto
    #: What ships.
    shipped: Candidate

    def graph(self, features: int, calibration: Calibration) -> ModelProto:
        """What ships of a model with so many *features*, calibrated."""
        share = self.shipped.network_share
        parts = (Part(graph=self.network, share=share), Part(graph=self.trees, share=1 - share))
        return blend([part for part in parts if part.share > 0], features, calibration)


class BlendReference(torch.nn.Module):
    """What the shipped graph must say: torch's network and LightGBM's own scores and leaves, blended in float64."""

    def __init__(
        self, graph: torch.nn.Module, trees: BoostedModel, candidate: Candidate, calibration: Calibration
    ) -> None:
        """Of *graph*, the uncalibrated additive graph of the network, and *trees*."""
        super().__init__()
        self.graph = graph
        self.trees = trees
        self.share = candidate.network_share
        self.calibration = calibration

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Probability (row, 1), contributions (row, feature) and baseline (row, 1)."""
        _, *network = (output.double() for output in self.graph(features))
        said = self.trees.explain(features.numpy(), UNCALIBRATED)
        trees = (torch.from_numpy(said["contributions"]), torch.from_numpy(said["baseline"]))
        contributions, baseline = (
            self.calibration.slope * (self.share * one + (1 - self.share) * other)
            for one, other in zip(network, trees, strict=True)
        )
        baseline = baseline + self.calibration.intercept
        return torch.sigmoid(baseline + contributions.sum(1, keepdim=True)), contributions, baseline


def _rows(data: Dataset, split: Split) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.str_]]:
    """Inputs (row, feature), truths (row,) and patients (row,) of *split*."""
    batches = list(data.batches(split))
    return (
        np.concatenate([batch.inputs for batch in batches]).astype(np.float32),
        np.concatenate([batch.labels[:, 0] for batch in batches]).astype(np.float32),
        np.concatenate([batch.patients for batch in batches]),
    )


def _scored(truths: npt.NDArray[np.float32], log_odds: Floats, patients: npt.NDArray[np.str_]) -> Scored:
    return Scored(truths=(truths > 0).astype(np.int8), probabilities=expit(log_odds), patients=patients, threshold=0.5)
