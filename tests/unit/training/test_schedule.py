import pytest
import torch
from torch.optim.lr_scheduler import OneCycleLR

from training.schedule import OneCycle


def optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)


def rates(schedule: OneCycleLR, steps: int) -> list[float]:
    found = []
    for _ in range(steps):
        found.append(schedule.get_last_lr()[0])
        schedule.optimizer.step()
        schedule.step()
    return found


@pytest.mark.parametrize("steps", range(1, 9))
def test_a_training_of_few_steps_has_a_rate_at_each(steps: int):
    """torch divides by zero at four steps and a share of a quarter, which forty cases come to."""
    found = rates(OneCycle(optimizer(), 0.1, steps, 0.25), steps)
    assert all(0 < rate <= 0.1 for rate in found)


def test_a_training_of_many_steps_has_torchs_rates():
    ours, torchs = (made(optimizer(), 0.1, total_steps=40, pct_start=0.25) for made in (OneCycle, OneCycleLR))
    assert rates(ours, 40) == rates(torchs, 40)
