"""The learning rate over a training: up, then down to nothing (Smith and Topin, 2019)."""

import torch
from torch.optim.lr_scheduler import OneCycleLR

#: torch divides by the length of each half, which is nothing where a half has one step.
_STEPS_UP, _LEAST_STEPS = 2, 3


class OneCycle(OneCycleLR):
    """torch's, also where a training has few steps: it then rises for two of them, of three at least."""

    def __init__(self, optimizer: torch.optim.Optimizer, max_lr: float, total_steps: int, pct_start: float) -> None:
        """Rise to *max_lr* in the share *pct_start* of *total_steps*."""
        steps = max(total_steps, _LEAST_STEPS)
        super().__init__(optimizer, max_lr, total_steps=steps, pct_start=max(pct_start, _STEPS_UP / steps))
