"""A MONAI DenseNet read as a map of evidence: the probability and the picture that explains it are one thing."""

from typing import Protocol

import torch
from monai.networks.nets import DenseNet
from torch.nn import functional

#: Sharpness of the pooling: 0 is the mean over the map, infinity its maximum.
_SHARPNESS = 4.0
#: Cells of an opacity are about 1 % of the map; without a weight the loss would call every cell empty.
_POSITIVE_WEIGHT = 60.0
#: Share of the whole image's term: the places teach, the image only sets the level.
_IMAGE_WEIGHT = 0.2
#: Log-odds of a place before anything is learnt: nearly all are empty.
_FIRST_GUESS = -3.0


class EvidenceNetwork(Protocol):
    """A network for images: what it gives is a map (n, label, h, w), and it says itself what the map means."""

    def image_logit(self, evidence: torch.Tensor) -> torch.Tensor:
        """Log-odds of the first labels, or all, for the whole image (n, k): what calibration is fitted on."""

    def answer(self, evidence: torch.Tensor, slope: float, intercept: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Probability (n, label) and activation >= 0 (n, label, h, w), calibrated by *slope* and *intercept*."""


class EvidenceDenseNet(DenseNet):
    """DenseNet whose last linear layer speaks at every place of the last feature map (a class activation map).

    Input (n, 1, y, x); output (n, label, h, w): log-odds of the label at each place. ``image_logit`` makes them one.
    """

    def __init__(self, **architecture: object) -> None:
        """A DenseNet of that *architecture*, which at first calls every place empty."""
        super().__init__(**architecture)
        torch.nn.init.constant_(self.class_layers.out.bias, _FIRST_GUESS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The evidence map of *x*."""
        features = functional.relu(self.features(x))
        linear = self.class_layers.out
        return functional.conv2d(features, linear.weight[:, :, None, None], linear.bias)

    def image_logit(self, evidence: torch.Tensor) -> torch.Tensor:
        """Log-odds of every label for the whole image."""
        return image_logit(evidence)

    def answer(self, evidence: torch.Tensor, slope: float, intercept: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Probability and activation; see `EvidenceNetwork`."""
        # The map is moved as the logit is: where it is above 0, the place alone would say the label.
        probability = torch.sigmoid(image_logit(evidence) * slope + intercept)
        return probability, torch.relu(evidence * slope + intercept)


def image_logit(evidence: torch.Tensor) -> torch.Tensor:
    """Log-odds of each label for the whole image, a smooth maximum: *evidence* (..., label, h, w) -> (..., label)."""
    flat = evidence.flatten(-2) * _SHARPNESS
    places = torch.tensor(float(evidence.shape[-1] * evidence.shape[-2]))
    return (torch.logsumexp(flat, dim=-1) - torch.log(places)) / _SHARPNESS


def image_probability(evidence: torch.Tensor) -> torch.Tensor:
    """Probability of each label for the whole image, (..., label); for a bundle's postprocessing."""
    return torch.sigmoid(image_logit(evidence))


def image_truth(label: torch.Tensor) -> torch.Tensor:
    """1 where a truth map (..., label, h, w) marks any place, 0 where none, NaN where unknown: (..., label)."""
    peak = label.flatten(-2).amax(-1)
    return torch.where(peak.isnan(), peak, (peak > 0).to(label.dtype))


class EvidenceLoss(torch.nn.Module):
    """Cross-entropy of the whole image plus, where the truth has places, of each place."""

    def forward(self, evidence: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """The loss of *evidence* (n, label, h, w); *truth* is such a map, or (n, label, 1, 1) if no place is known."""
        whole = functional.binary_cross_entropy_with_logits(image_logit(evidence), image_truth(truth))
        if truth.shape != evidence.shape:
            return whole
        weight = torch.tensor(_POSITIVE_WEIGHT, device=evidence.device)
        return _IMAGE_WEIGHT * whole + functional.binary_cross_entropy_with_logits(evidence, truth, pos_weight=weight)
