"""Calibration: one or two numbers that make the probabilities mean what they say, part of the graph.

Neither changes the order of cases, so neither can hide a worse model.
"""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import numpy.typing as npt
import torch
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass as checked_dataclass
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit

from models.bundle import CalibrationMethod, ClinicalSpec
from models.manifest import Task, VolumePreprocessing
from training.datasets import Case
from training.networks import image_truth

_BOUNDS = (0.2, 8.0)
#: One voxel in so many is looked at: some hundred thousand a volume.
_VOXEL_STEP = 11
#: Rows of a risk model in one go.
_BATCH = 4096


@checked_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Calibration:
    """``calibration.json``: calibrated log-odds = slope * log-odds + intercept."""

    #: How it was fitted.
    method: CalibrationMethod = CalibrationMethod.TEMPERATURE
    #: What the log-odds are multiplied by, above 0.
    slope: float = 1.0
    #: What is added then; 0 for a temperature.
    intercept: float = 0.0
    #: How many truths (cases, rows, or voxels looked at) it was fitted on, none of them trained on.
    fitted_on: int = 0
    #: Mean log loss on them before and after.
    log_loss_before: float | None = None
    log_loss_after: float | None = None

    @property
    def temperature(self) -> float:
        """What the log-odds are divided by."""
        return 1 / self.slope


#: The network's own probabilities.
UNCALIBRATED = Calibration()

_CALIBRATION = TypeAdapter(Calibration)


def dump_calibration(calibration: Calibration) -> bytes:
    """The JSON of *calibration*."""
    return _CALIBRATION.dump_json(calibration, indent=2) + b"\n"


def load_calibration(data: bytes) -> Calibration:
    """The calibration in JSON *data*.

    Raises:
        ValidationError: it is none.
    """
    return _CALIBRATION.validate_json(data)


def fit_calibration(network: torch.nn.Module, clinical: ClinicalSpec, cases: Iterable[Case]) -> Calibration:
    """What makes the probabilities of *network* honest on *cases*, which it was not trained on.

    The method is the bundle's: temperature (Guo et al., ICML 2017) or slope and intercept (Platt, 1999).
    """
    logits, truths = _LOGITS[clinical.task](network, clinical, cases)
    return best_calibration(logits, truths, clinical.calibration)


def best_calibration(
    logits: npt.NDArray[np.float64],
    truths: npt.NDArray[np.float64],
    method: CalibrationMethod = CalibrationMethod.TEMPERATURE,
) -> Calibration:
    """The calibration with the least log loss; truths of NaN are unknown, truths of one class change nothing."""
    known = ~np.isnan(truths)
    logits, truths = logits[known], truths[known]
    if len(np.unique(truths > 0)) < 2:
        return Calibration(method=method, fitted_on=len(truths))
    slope, intercept = _FITS[method](logits, truths)
    return Calibration(
        method=method,
        slope=round(slope, 6),
        intercept=round(intercept, 6),
        fitted_on=len(truths),
        log_loss_before=round(_log_loss(logits, truths), 6),
        log_loss_after=round(_log_loss(logits * slope + intercept, truths), 6),
    )


def _log_loss(logits: npt.NDArray[np.float64], truths: npt.NDArray[np.float64]) -> float:
    # 1e-4 off certainty: one confident mistake may not decide for all.
    probability = np.clip(expit(logits), 1e-4, 1 - 1e-4)
    return float(-np.mean(truths * np.log(probability) + (1 - truths) * np.log(1 - probability)))


def _fit_temperature(logits: npt.NDArray[np.float64], truths: npt.NDArray[np.float64]) -> tuple[float, float]:
    found = minimize_scalar(
        lambda log_temperature: _log_loss(logits / np.exp(log_temperature), truths),
        bounds=tuple(np.log(_BOUNDS)),
        method="bounded",
    )
    return float(np.exp(-found.x)), 0.0


def _fit_platt(logits: npt.NDArray[np.float64], truths: npt.NDArray[np.float64]) -> tuple[float, float]:
    # The logarithm of the slope is searched, so that it stays above 0.
    found = minimize(
        lambda place: _log_loss(logits * np.exp(place[0]) + place[1], truths),
        x0=(0.0, 0.0),
        bounds=(tuple(-np.log(_BOUNDS[::-1])), (-10.0, 10.0)),
        method="Nelder-Mead",
    )
    return float(np.exp(found.x[0])), float(found.x[1])


_FITS: Mapping[CalibrationMethod, Callable[[npt.NDArray[np.float64], npt.NDArray[np.float64]], tuple[float, float]]] = {
    CalibrationMethod.TEMPERATURE: _fit_temperature,
    CalibrationMethod.PLATT: _fit_platt,
}

Pair = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


@torch.no_grad()
def _image_logits(network: torch.nn.Module, _: ClinicalSpec, cases: Iterable[Case]) -> Pair:
    logits, truths = [], []
    for case in cases:
        evidence = network(torch.from_numpy(case.input.astype(np.float32))[None])
        said = network.image_logit(evidence)[0].numpy()
        logits.append(said)
        truths.append(image_truth(torch.from_numpy(case.label.astype(np.float32))).numpy()[: len(said)])
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
