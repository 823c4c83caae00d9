"""Averaged weights: steadier than those of any one step (Polyak and Juditsky 1992), at no cost when asked."""

from collections.abc import Mapping
from typing import Any

import torch
from ignite.engine import Engine, Events
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class WeightAveraging:
    """A handler of the trainer that keeps an exponential moving average of a network's weights."""

    def __init__(self, network: torch.nn.Module, decay: float) -> None:
        """Average *network* over about 1 / (1 - *decay*) steps."""
        self._network = network
        self._averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay))

    @property
    def network(self) -> torch.nn.Module:
        """The network with averaged weights."""
        averaged: torch.nn.Module = self._averaged.module
        return averaged

    def attach(self, engine: Engine) -> None:
        """Average after every step of *engine*."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._update)

    def state_dict(self) -> Mapping[str, Any]:
        """The average, for a training that is resumed."""
        state: Mapping[str, Any] = self._averaged.state_dict()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from *state*."""
        self._averaged.load_state_dict(state)

    def _update(self, _: Engine) -> None:
        self._averaged.update_parameters(self._network)
