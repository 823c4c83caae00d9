"""Several small networks in one, for risks from many measurements: their mean log-odds, with reasons that add up.

Each member is a multilayer perceptron on values and on what was not measured. Members differ by their start and their
dropout, learn side by side, and are averaged: with some thousand patients that is worth more than a larger network.
Reasons are integrated gradients (Sundararajan et al., ICML 2017) from the average patient, computed inside the graph.
"""

import math

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import norm
from torch import Tensor, nn
from torch.nn import functional

from training.calibrate import UNCALIBRATED, Calibration

#: Knots of the map from a value to its normal score; between them it is a line.
_KNOTS = 33
#: Shares of the training rows below the first knot and above the last: beyond them a value says no more.
_TAIL = 0.005
#: Points on the way from the average patient at which the gradient is taken (Gauss-Legendre).
_STEPS = 6


class RiskEnsembleNetwork(nn.Module):
    """Features (row, feature), NaN where not measured -> log-odds: (row, member) while training, else (row, 1)."""

    knots: Tensor
    scores: Tensor
    average: Tensor

    def __init__(self, features: int, members: int = 16, hidden: int = 32, dropout: float = 0.3) -> None:
        """*members* perceptrons with two layers of *hidden* units; *dropout* of units, a third of it of inputs."""
        super().__init__()
        width = 2 * features
        self.first = nn.Parameter(_uniform(members, width, hidden))
        self.first_bias = nn.Parameter(torch.zeros(members, 1, hidden))
        self.second = nn.Parameter(_uniform(members, hidden, hidden))
        self.second_bias = nn.Parameter(torch.zeros(members, 1, hidden))
        self.last = nn.Parameter(_uniform(members, hidden, 1))
        self.bias = nn.Parameter(torch.zeros(members, 1, 1))
        self.input_dropout = nn.Dropout(dropout / 3)
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("knots", torch.linspace(0, 1, _KNOTS).repeat(features, 1))
        self.register_buffer("scores", torch.zeros(features, _KNOTS))
        self.register_buffer("average", torch.zeros(1, width))

    def learn_scale(self, features: npt.NDArray[np.float32]) -> None:
        """Take the normal scores and the average patient from the training rows (row, feature); call before training.

        They become buffers: the checkpoint, and later the graph, carry them.
        """
        known = np.where(np.isnan(features).all(axis=0), 0.0, features.astype(np.float64))
        shares = np.linspace(_TAIL, 1 - _TAIL, _KNOTS)
        places = np.nanquantile(known, shares, axis=0).T
        device = self.knots.device
        self.knots = torch.from_numpy(places.astype(np.float32)).to(device)
        self.scores = torch.from_numpy(np.stack([_normal_scores(row, shares) for row in places])).to(device)
        with torch.no_grad():
            inputs = self.inputs(torch.from_numpy(features.astype(np.float32)).to(device))
        self.average = inputs.mean(0, keepdim=True)

    def inputs(self, features: Tensor) -> Tensor:
        """What the members see, (row, 2 * feature): normal scores, 0 where not measured; then 1 where not measured."""
        missing = torch.isnan(features)
        known = torch.where(missing, self.knots[:, 0], features).unsqueeze(-1)
        width = self.knots[:, 1:] - self.knots[:, :-1]
        share = torch.clamp((known - self.knots[:, :-1]) / torch.clamp(width, min=1e-12), 0, 1)
        score = self.scores[:, 0] + (share * (self.scores[:, 1:] - self.scores[:, :-1])).sum(-1)
        return torch.cat([torch.where(missing, torch.zeros_like(score), score), missing.to(score.dtype)], dim=1)

    def forward(self, features: Tensor) -> Tensor:
        """The log-odds, of each member while training, of their mean otherwise."""
        inputs = self.inputs(features)
        members = self.first.shape[0]
        one = self.input_dropout(inputs.unsqueeze(0).expand(members, -1, -1))
        one = self.dropout(functional.silu(one @ self.first + self.first_bias))
        two = self.dropout(functional.silu(one @ self.second + self.second_bias))
        logits = (two @ self.last + self.bias).squeeze(-1).T
        return logits if self.training else logits.mean(1, keepdim=True)

    def logit_and_gradient(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Mean log-odds (row, 1) at *inputs* (row, 2 * feature) and their gradient there, without dropout."""
        one = inputs.unsqueeze(0) @ self.first + self.first_bias
        two = functional.silu(one) @ self.second + self.second_bias
        logits = functional.silu(two) @ self.last + self.bias
        back = (_silu_slope(two) * self.last.transpose(1, 2)) @ self.second.transpose(1, 2) * _silu_slope(one)
        return logits.mean(0), (back @ self.first.transpose(1, 2)).mean(0)


class RiskEnsembleGraph(nn.Module):
    """What is exported: features (row, feature) -> probability, contributions (row, feature), baseline (row, 1 each).

    ``logit(probability) == baseline + sum(contributions)``; the baseline is the log-odds of the average patient.
    """

    points: Tensor
    shares: Tensor
    # Not named 'baseline': the exporter would give buffer and output the same name.
    level: Tensor

    def __init__(self, network: RiskEnsembleNetwork, calibration: Calibration = UNCALIBRATED) -> None:
        """Fix *network* as trained; *calibration* scales the reasons, and its intercept moves the baseline."""
        super().__init__()
        self.network = network.eval()
        self.slope = calibration.slope
        points, weights = np.polynomial.legendre.leggauss(_STEPS)
        self.register_buffer("points", torch.from_numpy((points + 1) / 2).float().reshape(-1, 1, 1))
        self.register_buffer("shares", torch.from_numpy(weights / 2).float().reshape(-1, 1, 1))
        with torch.no_grad():
            level = network.logit_and_gradient(network.average)[0] * calibration.slope + calibration.intercept
        self.register_buffer("level", level.reshape(1, 1))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Probability, contributions to the log-odds, and baseline for each row."""
        contributions = self.slope * self.contributions(features)
        baseline = self.level.expand(features.shape[0], 1)
        return torch.sigmoid(baseline + contributions.sum(-1, keepdim=True)), contributions, baseline

    def contributions(self, features: Tensor) -> Tensor:
        """What each feature moves the log-odds by, from the average patient to the row, before calibration."""
        network = self.network
        inputs, start = network.inputs(features), network.average
        way = inputs - start
        places = (start + self.points * way).reshape(-1, inputs.shape[1])
        slopes = network.logit_and_gradient(places)[1].reshape(_STEPS, -1, inputs.shape[1])
        halves = ((slopes * self.shares).sum(0) * way).reshape(-1, 2, features.shape[1])
        # A value and its absence are one feature to people.
        parts = halves.sum(1)
        moved = network.logit_and_gradient(inputs)[0] - network.logit_and_gradient(start)[0]
        # What a sum of so few points leaves over (thousandths) goes where the reasons are.
        left = moved - parts.sum(1, keepdim=True)
        size = parts.abs()
        return parts + left * size / torch.clamp(size.sum(1, keepdim=True), min=1e-9)


class MemberLoss(nn.Module):
    """Mean log loss of each member on its own, so that they stay different: (row, member) against truths (row, 1)."""

    def forward(self, logits: Tensor, truths: Tensor) -> Tensor:
        """The loss, a scalar."""
        return functional.binary_cross_entropy_with_logits(logits, truths.expand_as(logits))


def _normal_scores(places: npt.NDArray[np.float64], shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    # Knots in one place, as counts of 0.0 or 0.1 have them, share the middle of their scores.
    scores = norm.ppf(shares)
    return np.array([scores[places == place].mean() for place in places], dtype=np.float32)


def _silu_slope(value: Tensor) -> Tensor:
    gate = torch.sigmoid(value)
    return gate * (1 + value * (1 - gate))


def _uniform(members: int, inputs: int, outputs: int) -> Tensor:
    reach = math.sqrt(1 / inputs)
    return torch.empty(members, inputs, outputs).uniform_(-reach, reach)
