"""A recurrent network over the hours of a stay that is told what was not measured: the second candidate for risks."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

#: Standard deviations beyond which a value says no more than at the limit.
_CLAMP = 4.0


class RecurrentRiskNetwork(nn.Module):
    """Features of the hours of stays (stay, hour, feature), NaN where not measured -> logits (stay, hour, 1).

    Values are standardised, what is missing is the mean, and a second channel says that it is missing (Che et al.,
    Scientific Reports 2018;8:6085, without the learnt decay: hours since the last value are features here). A gated
    recurrent unit (Cho et al., EMNLP 2014) reads the hours in order, so that no hour sees a later one.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, features: int, hidden: int = 64, dropout: float = 0.3) -> None:
        """*hidden* units; *dropout* of inputs and of the state while training."""
        super().__init__()
        self.narrow = nn.Linear(2 * features, hidden)
        self.recurrent = nn.GRU(hidden, hidden, batch_first=True)
        # The hour itself beside what came before it: most of a risk is in the newest values.
        self.out = nn.Linear(2 * hidden, 1)
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))

    def learn_scale(self, features: npt.NDArray[np.float32]) -> None:
        """Take mean and spread from the training rows (row, feature); they become part of the checkpoint."""
        # A column that was never measured gets mean 0 and spread 1 without numpy's warning about an empty mean.
        measured = np.where(np.isnan(features).all(axis=0), 0.0, features.astype(np.float64))
        spread = np.nanstd(measured, axis=0)
        self.mean = torch.from_numpy(np.nanmean(measured, axis=0).astype(np.float32)).to(self.mean.device)
        self.scale = torch.from_numpy(np.where(spread > 1e-6, spread, 1).astype(np.float32)).to(self.mean.device)

    def forward(self, features: Tensor) -> Tensor:
        """The log-odds of every hour."""
        missing = torch.isnan(features)
        known = torch.where(missing, self.mean, features)
        standard = torch.clamp((known - self.mean) / self.scale, -_CLAMP, _CLAMP)
        seen = torch.cat([standard, missing.to(standard.dtype)], dim=-1)
        now = functional.silu(self.narrow(self.dropout(seen)))
        hours, _ = self.recurrent(now)
        logits: Tensor = self.out(self.dropout(torch.cat([hours, now], dim=-1)))
        return logits
