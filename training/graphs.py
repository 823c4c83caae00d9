"""What is exported around a trained network: calibration, activation, and for images the map of evidence."""

import copy
from collections.abc import Callable, Mapping

import torch

from models.manifest import Task
from training.additive import AdditiveRiskGraph
from training.calibrate import Calibration
from training.risk_ensemble import RiskEnsembleGraph, RiskEnsembleNetwork


class EvidenceGraph(torch.nn.Module):
    """Image (n, 1, y, x) -> calibrated probability (n, label) and evidence >= 0 (n, label, h, w)."""

    def __init__(self, network: torch.nn.Module, calibration: Calibration) -> None:
        """Fix *network* as trained."""
        super().__init__()
        self.network = network
        self.slope = calibration.slope
        self.intercept = calibration.intercept

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Probability and activation."""
        said: tuple[torch.Tensor, torch.Tensor] = self.network.answer(self.network(image), self.slope, self.intercept)
        return said


class VoxelGraph(torch.nn.Module):
    """Window (n, 1, z, y, x) -> calibrated probability (n, label, z, y, x)."""

    def __init__(self, network: torch.nn.Module, calibration: Calibration) -> None:
        """Fix *network* as trained."""
        super().__init__()
        self.network = network
        self.slope = calibration.slope
        self.intercept = calibration.intercept

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Probability of each voxel."""
        return torch.sigmoid(self.network(image) * self.slope + self.intercept)


class HalfNetwork(torch.nn.Module):
    """A copy of a network that computes in half precision; what goes in and out stays single.

    Only the network: calibration and activation cost nothing and keep their digits.
    """

    def __init__(self, network: torch.nn.Module) -> None:
        """Round the weights of a copy of *network*."""
        super().__init__()
        self.network = copy.deepcopy(network).half()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """What *network* says, to three digits."""
        said: torch.Tensor = self.network(image.half()).float()
        return said

    def answer(self, evidence: torch.Tensor, slope: float, intercept: float) -> tuple[torch.Tensor, torch.Tensor]:
        """What *network* makes of its map; see `training.networks.EvidenceNetwork`."""
        said: tuple[torch.Tensor, torch.Tensor] = self.network.answer(evidence, slope, intercept)
        return said


def _risk_graph(network: torch.nn.Module, calibration: Calibration) -> torch.nn.Module:
    graph = RiskEnsembleGraph if isinstance(network, RiskEnsembleNetwork) else AdditiveRiskGraph
    return graph(network, calibration)


_GRAPHS: Mapping[Task, Callable[[torch.nn.Module, Calibration], torch.nn.Module]] = {
    Task.IMAGE_CLASSIFICATION: EvidenceGraph,
    Task.VOLUME_SEGMENTATION: VoxelGraph,
    Task.STAY_RISK: _risk_graph,
}


def graph_of(task: Task, network: torch.nn.Module, calibration: Calibration) -> torch.nn.Module:
    """What is exported of *network* for *task*."""
    return _GRAPHS[task](network, calibration).eval()
