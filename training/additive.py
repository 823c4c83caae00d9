"""A neural additive model: each feature has a small network of its own, and the risk is the sum of what they say.

So the reasons are the model itself, not an explanation made afterwards (Agarwal et al., Neural Additive Models, NeurIPS
2021). A feature that was not measured contributes a constant of its own, learnt like the rest.
"""

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from training.calibrate import UNCALIBRATED, Calibration

#: Rows kept inside the network as "the average stay"; their mean contribution is what reasons are measured from.
_REFERENCE_ROWS = 512
#: Standard deviations beyond which a value says no more than at the limit: training saw nothing out there.
_CLAMP = 4.0


class AdditiveRiskNetwork(nn.Module):
    """Features (row, feature), NaN where not measured -> logit (row, 1)."""

    mean: Tensor
    scale: Tensor
    reference: Tensor

    def __init__(self, features: int, hidden: int = 16, dropout: float = 0.1) -> None:
        """*features* networks of one hidden layer of *hidden* units; *dropout* of whole features while training."""
        super().__init__()
        self.weight_in = nn.Parameter(torch.randn(features, hidden))
        # Kinks spread over the standardised range, so that every shape can bend anywhere from the start.
        self.bias_in = nn.Parameter(torch.empty(features, hidden).uniform_(-2, 2))
        self.weight_out = nn.Parameter(torch.randn(features, hidden) * math.sqrt(1 / hidden) * 0.1)
        self.not_measured = nn.Parameter(torch.zeros(features))
        self.bias = nn.Parameter(torch.zeros(1))
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))
        self.register_buffer("reference", torch.zeros(_REFERENCE_ROWS, features))

    def learn_scale(self, features: npt.NDArray[np.float32]) -> None:
        """Take mean, spread and average stay from the training rows (row, feature); call before training.

        They become buffers: the checkpoint, and later the graph, carry them.
        """
        mean = np.nan_to_num(np.nanmean(_measured(features), axis=0))
        spread = np.nan_to_num(np.nanstd(_measured(features), axis=0))
        rows = np.linspace(0, len(features) - 1, _REFERENCE_ROWS).round().astype(int)
        device = self.mean.device
        self.mean = torch.from_numpy(mean.astype(np.float32)).to(device)
        self.scale = torch.from_numpy(np.where(spread > 1e-6, spread, 1).astype(np.float32)).to(device)
        self.reference = torch.from_numpy(features[rows].astype(np.float32)).to(device)

    def contributions(self, features: Tensor) -> Tensor:
        """What each feature adds to the log-odds, (row, feature), before centring."""
        missing = torch.isnan(features)
        # Two steps: a NaN that is only masked afterwards would still poison the gradient.
        known = torch.where(missing, self.mean, features)
        standard = torch.clamp((known - self.mean) / self.scale, -_CLAMP, _CLAMP)
        hidden = torch.relu(standard.unsqueeze(-1) * self.weight_in + self.bias_in)
        return torch.where(missing, self.not_measured, (hidden * self.weight_out).sum(-1))

    def forward(self, features: Tensor) -> Tensor:
        """The log-odds, (row, 1)."""
        total: Tensor = self.bias + self.dropout(self.contributions(features)).sum(-1, keepdim=True)
        return total


class AdditiveRiskGraph(nn.Module):
    """What is exported: features (row, feature) -> probability, contributions (row, feature), baseline (row, 1 each).

    ``logit(probability) == baseline + sum(contributions)``; contributions are centred, so that the baseline is the
    log-odds of the average stay of the training rows.
    """

    centre: Tensor
    # Not named 'baseline': the exporter would give buffer and output the same name.
    average: Tensor

    def __init__(self, network: AdditiveRiskNetwork, calibration: Calibration = UNCALIBRATED) -> None:
        """Fix *network* as trained; *calibration* scales every contribution and moves the baseline."""
        super().__init__()
        self.network = network.eval()
        self.slope = calibration.slope
        with torch.no_grad():
            centre = network.contributions(network.reference).mean(0)
            average = (network.bias + centre.sum()) * calibration.slope + calibration.intercept
        self.register_buffer("centre", centre)
        self.register_buffer("average", average.reshape(1, 1))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Probability, contributions to the log-odds, and baseline for each row."""
        contributions = (self.network.contributions(features) - self.centre) * self.slope
        baseline = self.average.expand(features.shape[0], 1)
        return torch.sigmoid(baseline + contributions.sum(-1, keepdim=True)), contributions, baseline


def _measured(features: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    # A column that was never measured gets mean 0 and spread 1 without numpy's warning about an empty mean.
    never = np.isnan(features).all(axis=0)
    return np.where(never, 0.0, features.astype(np.float64))
