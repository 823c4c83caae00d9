"""A trained network, rebuilt from its bundle and checkpoint."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from monai.bundle import ConfigParser

from models.bundle import Bundle
from training.errors import RunError


def load_network(bundle: Bundle, checkpoint: Path, overrides: Mapping[str, object] | None = None) -> torch.nn.Module:
    """The ``network_def`` of *bundle* with the weights in *checkpoint*, on the CPU, ready to be asked.

    *overrides* are the config ids and values that it was trained with instead of the bundle's own.

    Raises:
        RunError: the checkpoint cannot be read, holds more than weights, or is of another network.
    """
    parser = ConfigParser()
    parser.read_config(str(bundle.config("train.yaml")))
    for key, value in (overrides or {}).items():
        parser.set(value, key)
    network = parser.get_parsed_content("network_def")
    try:
        network.load_state_dict(read_weights(checkpoint))
    except (RuntimeError, TypeError) as error:
        raise RunError(
            f"'{checkpoint}' does not fit the network of '{bundle.name}' {bundle.version}; give its own checkpoint"
        ) from error
    network.eval()
    return network


def read_weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    """The state dict in *checkpoint*, on the CPU.

    Raises:
        RunError: it cannot be read, or holds more than weights.
    """
    try:
        # weights_only: a checkpoint is data and must not run code.
        weights: dict[str, torch.Tensor] = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise RunError(
            f"'{checkpoint}' holds pickled objects, which run code when they are read, and is refused; "
            "needed are weights alone: torch.save(network.state_dict(), path)"
        ) from error
    except (OSError, EOFError, RuntimeError) as error:
        raise RunError(f"'{checkpoint}' cannot be read as a checkpoint of torch; train again") from error
    return weights
