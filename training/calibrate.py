"""Temperature scaling (Guo et al., ICML 2017): one number that makes the probabilities mean what they say.

It does not change the order of cases, so it cannot hide a worse model.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize_scalar
from scipy.special import expit

from models.bundle import ClinicalSpec
from models.manifest import Task, VolumePreprocessing
from training.datasets import Case
from training.networks import image_logit, image_truth

_BOUNDS = (0.2, 8.0)
#: One voxel in so many is looked at: some hundred thousand a volume.
_VOXEL_STEP = 11
#: Rows of a risk model in one go.
_BATCH = 4096


def fit_temperature(network: torch.nn.Module, clinical: ClinicalSpec, cases: Iterable[Case]) -> float:
    """The number to divide the log-odds of *network* by, fitted on *cases* that it was not trained on."""
    return best_temperature(*_LOGITS[clinical.task](network, clinical, cases))


def best_temperature(logits: npt.NDArray[np.float64], truths: npt.NDArray[np.float64]) -> float:
    """The temperature with the least log loss, between 0.2 and 8; 1 when only one class is there."""
    if len(np.unique(truths)) < 2:
        return 1.0

    def loss(log_temperature: float) -> float:
        # 1e-4 off certainty: one confident mistake may not decide for all.
        probability = np.clip(expit(logits / np.exp(log_temperature)), 1e-4, 1 - 1e-4)
        return float(-np.mean(truths * np.log(probability) + (1 - truths) * np.log(1 - probability)))

    found = minimize_scalar(loss, bounds=tuple(np.log(_BOUNDS)), method="bounded")
    return round(float(np.exp(found.x)), 4)


Pair = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


@torch.no_grad()
def _image_logits(network: torch.nn.Module, _: ClinicalSpec, cases: Iterable[Case]) -> Pair:
    logits, truths = [], []
    for case in cases:
        evidence = network(torch.from_numpy(case.input.astype(np.float32))[None])
        logits.append(image_logit(evidence)[0].numpy())
        truths.append(image_truth(torch.from_numpy(case.label.astype(np.float32))).numpy())
    return np.stack(logits).astype(np.float64).ravel(), np.stack(truths).astype(np.float64).ravel()


@torch.no_grad()
def _voxel_logits(network: torch.nn.Module, clinical: ClinicalSpec, cases: Iterable[Case]) -> Pair:
    from monai.inferers import sliding_window_inference  # noqa: PLC0415  # seconds to import, only for volumes

    spec = clinical.preprocessing
    assert isinstance(spec, VolumePreprocessing)  # noqa: S101  # the task says so; for the type checker
    logits, truths = [], []
    for case in cases:
        volume = torch.from_numpy(case.input.astype(np.float32))[None]
        voxels = sliding_window_inference(volume, spec.roi, 4, network, overlap=spec.overlap)[0].numpy()
        # Evenly spread, so that the share of empty voxels stays what it is.
        logits.append(voxels.ravel()[::_VOXEL_STEP])
        truths.append(case.label.ravel()[::_VOXEL_STEP])
    return np.concatenate(logits).astype(np.float64), np.concatenate(truths).astype(np.float64)


@torch.no_grad()
def _row_logits(network: torch.nn.Module, _: ClinicalSpec, cases: Iterable[Case]) -> Pair:
    rows = list(cases)
    features = torch.from_numpy(np.stack([row.input for row in rows]).astype(np.float32))
    logits = torch.cat([network(features[start : start + _BATCH]) for start in range(0, len(rows), _BATCH)])
    truths = np.stack([row.label for row in rows]).astype(np.float64)
    return logits.numpy().astype(np.float64).ravel(), truths.ravel()


_LOGITS = {
    Task.IMAGE_CLASSIFICATION: _image_logits,
    Task.VOLUME_SEGMENTATION: _voxel_logits,
    Task.STAY_RISK: _row_logits,
}
