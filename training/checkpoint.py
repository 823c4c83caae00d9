"""A trained network, rebuilt from its bundle and checkpoint."""

from pathlib import Path

import torch
from monai.bundle import ConfigParser

from models.bundle import Bundle
from training.errors import RunError


def load_network(bundle: Bundle, checkpoint: Path) -> torch.nn.Module:
    """The ``network_def`` of *bundle* with the weights in *checkpoint*, on the CPU, ready to be asked.

    Raises:
        RunError: the checkpoint cannot be read or is of another network.
    """
    parser = ConfigParser()
    parser.read_config(str(bundle.config("train.yaml")))
    network = parser.get_parsed_content("network_def")
    try:
        # weights_only: a checkpoint is data and must not run code.
        network.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError) as error:
        raise RunError(f"'{checkpoint}' does not fit the network of '{bundle.name}' {bundle.version}") from error
    network.eval()
    return network
