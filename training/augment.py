"""Radiographs as other machines, crops and copies would have shown them.

Networks that learn one hospital's pictures learn its exposure, its framing and its sharpness as well. Each batch is
therefore shown at other resolutions, aspect ratios, framings and exposures, with markers and shades where there were
none. Random numbers are torch's, so that a seed fixes them.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from ignite.engine import Engine, Events
from torch.nn import functional

#: Side in pixels that a picture is shrunk to and grown again from, log-uniform; MedMNIST's smallest have 28.
_COARSE_SIDES = (26, 128)
_COARSE_SHARE = 0.4
_ROTATION_DEGREES = 10
#: Share of height and width that is shown; above 1 there is a border.
_EXTENT = (0.72, 1.08)
#: Logarithm of the width's stretch against the height's: squashed and centre-cropped copies differ by as much.
_STRETCH = 0.3
_SHIFT = 0.08
#: Share of batches whose border is grown from the edge instead of black.
_GROWN_BORDER_SHARE = 0.3
#: Standard deviations: logarithm of the gamma, bend of the tone curve, logarithm of the shade, local contrast,
#: logarithm of the contrast, brightness.
_GAMMA, _BEND, _SHADE, _LOCAL, _CONTRAST, _BRIGHTNESS = 0.35, 0.5, 0.12, 0.35, 0.25, 0.12
_LOCAL_RANGE = (-0.6, 1.2)
_NOISE, _NOISE_SHARE = 0.04, 0.5
#: Patches of one grey in a picture at most, and their sides as shares of the picture's.
_PATCHES, _PATCH_SIDES = 2, (0.05, 0.25)
#: Share of patches at the upper or lower edge, and at the left or right one, where markers stand.
_EDGE_SHARES = (0.35, 0.35)


class RadiographAugmentation:
    """Batches of the trainer (``prepare_batch``), augmented; as a handler, larger from part to part of the training."""

    def __init__(self, sides: Sequence[int]) -> None:
        """Give pictures of *sides* pixels, multiples of 32: the first side in the first part of the epochs, and so on.

        Small pictures first, as in progressive resizing (Howard 2018): most is learnt there, at a fraction of the time.
        """
        self._sides = tuple(sides)
        self._side = self._sides[0]

    def attach(self, engine: Engine) -> None:
        """Follow the epochs of *engine*."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._grow)

    def __call__(
        self,
        batch: Mapping[str, torch.Tensor],
        device: torch.device | str | None = None,
        non_blocking: bool = False,  # noqa: FBT001, FBT002  # MONAI's signature of prepare_batch
        **_: object,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Augmented images (n, 1, side, side) of *batch* and its labels, on *device*."""
        images = self.augmented(batch["image"].to(device, non_blocking=non_blocking))
        # Channels last: depthwise convolutions of a CPU take a third of the time.
        return images.contiguous(memory_format=torch.channels_last), batch["label"].to(
            device, non_blocking=non_blocking
        )

    def augmented(self, images: torch.Tensor) -> torch.Tensor:
        """*images* (n, 1, y, x), 0 to 1, as something else might have shown them."""
        coarse = torch.stack([_coarsened(image) for image in images])
        exposed = _exposed(_framed(coarse, self._side))
        return torch.stack([_patched(image) for image in exposed])

    def _grow(self, engine: Engine) -> None:
        part = (engine.state.epoch - 1) * len(self._sides) // engine.state.max_epochs
        self._side = self._sides[min(part, len(self._sides) - 1)]


def _uniform(count: int, low: float, high: float) -> torch.Tensor:
    return torch.empty(count).uniform_(low, high)


def _normal(count: int, spread: float) -> torch.Tensor:
    """One number an image, to be multiplied with (n, 1, y, x)."""
    return (torch.randn(count) * spread).view(-1, 1, 1, 1)


def _coarsened(image: torch.Tensor) -> torch.Tensor:
    if torch.rand(()) >= _COARSE_SHARE:
        return image
    low, high = (math.log(side) for side in _COARSE_SIDES)
    side = round(math.exp(float(_uniform(1, low, high))))
    small = functional.interpolate(image[None], size=(side, side), mode="area")
    return functional.interpolate(small, size=image.shape[-2:], mode="bilinear", align_corners=False)[0]


def _framed(images: torch.Tensor, side: int) -> torch.Tensor:
    """Turned, mirrored, stretched and cut to *side* pixels in one resampling."""
    count = len(images)
    angle = _uniform(count, -_ROTATION_DEGREES, _ROTATION_DEGREES) * (math.pi / 180)
    extent = torch.exp(_uniform(count, *(math.log(share) for share in _EXTENT)))
    stretch = torch.exp(_uniform(count, -_STRETCH, _STRETCH) / 2)
    width, height = extent * stretch, extent / stretch
    mirror = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    shifts = [_uniform(count, -1, 1) * (_SHIFT + (1 - share).clamp(min=0) * (1 - _SHIFT)) for share in (width, height)]
    place = torch.stack(
        [
            torch.stack([cosine * width * mirror, -sine * height, shifts[0]], dim=1),
            torch.stack([sine * width * mirror, cosine * height, shifts[1]], dim=1),
        ],
        dim=1,
    )
    grid = functional.affine_grid(place, [count, 1, side, side], align_corners=False).to(images)
    border = "border" if torch.rand(()) < _GROWN_BORDER_SHARE else "zeros"
    return functional.grid_sample(images, grid, padding_mode=border, align_corners=False)


def _exposed(images: torch.Tensor) -> torch.Tensor:
    """With another tone curve, shade, local contrast, contrast, brightness and noise; 0 to 1."""
    count, side = len(images), images.shape[-1]
    toned = images.clamp(1e-4, 1) ** torch.exp(_normal(count, _GAMMA))
    toned = toned + _normal(count, _BEND) * toned * (1 - toned) * (2 * toned - 1)
    shade = functional.interpolate(torch.randn(count, 1, 3, 3) * _SHADE, size=(side, side), mode="bicubic")
    toned = toned * torch.exp(shade)
    around = _mean_around(toned, side // 8 | 1)
    toned = toned + _normal(count, _LOCAL).clamp(*_LOCAL_RANGE) * (toned - around)
    toned = (toned - 0.5) * torch.exp(_normal(count, _CONTRAST)) + 0.5 + _normal(count, _BRIGHTNESS)
    strength = _uniform(count, 0, _NOISE) * (torch.rand(count) < _NOISE_SHARE)
    return (toned + torch.randn_like(toned) * strength.view(-1, 1, 1, 1)).clamp(0, 1)


def _mean_around(images: torch.Tensor, window: int) -> torch.Tensor:
    """The mean of the *window* x *window* pixels around each one; a quarter of the time by rows, then columns."""
    half = window // 2
    down = functional.avg_pool2d(images, (window, 1), 1, (half, 0), count_include_pad=False)
    return functional.avg_pool2d(down, (1, window), 1, (0, half), count_include_pad=False)


def _patched(image: torch.Tensor) -> torch.Tensor:
    side = image.shape[-1]
    for _ in range(int(torch.randint(0, _PATCHES + 1, ()))):
        height, width = (round(side * share) for share in _uniform(2, *_PATCH_SIDES).tolist())
        top, left = int(torch.randint(0, side - height + 1, ())), int(torch.randint(0, side - width + 1, ()))
        where, far = float(torch.rand(())), bool(torch.rand(()) < 0.5)
        if where < _EDGE_SHARES[0]:
            top = side - height if far else 0
        elif where < sum(_EDGE_SHARES):
            left = side - width if far else 0
        image[:, top : top + height, left : left + width] = torch.rand(())
    return image
