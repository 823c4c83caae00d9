"""From a zoo bundle's inference config to what serving must do alike: preprocessing, axes, activation, labels.

The zoo's arrays have the axes that ``Orientationd`` gives them, e.g. RAS: (x to the right, y to the front, z up).
Varsel's have (z up, y to the back, x to the left), as DICOM's slices lie (PS3.3 C.7.6.2.1.1).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from models.manifest import VolumePreprocessing
from training.errors import BundleError
from training.zoo import ZooBundle

_SUPPORTED = "supported are bundles that mark voxels of one 3D image of one channel, by sliding window"
#: Letter of an axis code -> our axis (z 0, y 1, x 2) and whether it runs against ours.
_DIRECTIONS: Mapping[str, tuple[int, bool]] = {
    "S": (0, False),
    "I": (0, True),
    "P": (1, False),
    "A": (1, True),
    "L": (2, False),
    "R": (2, True),
}
#: Transforms that change no number: they bring a file into the form that serving starts from.
_FORM_ONLY = frozenset(
    {"loadimaged", "ensurechannelfirstd", "ensuretyped", "totensord", "casttotyped", "addchanneld", "aschannelfirstd"}
)
_READ = frozenset({"orientationd", "spacingd", "scaleintensityranged"})


class Activation(Enum):
    """What makes probabilities of the network's output."""

    #: The channels exclude each other; the first is background and is not said.
    SOFTMAX = "softmax"
    #: Each channel is a label of its own.
    SIGMOID = "sigmoid"


@dataclass(frozen=True, kw_only=True)
class ZooRecipe:
    """How the network of one bundle is asked and understood."""

    #: In our words and axes.
    preprocessing: VolumePreprocessing
    #: Direction of each of the network's axes, e.g. ``RAS``.
    axcodes: str
    #: What the network gets where our input is 0 and where it is 1.
    value_range: tuple[float, float]
    #: How its output becomes probabilities.
    activation: Activation
    #: Keys of the labels, in the order of the graph's output channels.
    labels: tuple[str, ...]

    @property
    def axes(self) -> tuple[int, ...]:
        """Of each of the network's axes, which one of ours it is: 0 is z, 1 is y, 2 is x."""
        return tuple(_DIRECTIONS[letter][0] for letter in self.axcodes)

    @property
    def flipped(self) -> tuple[int, ...]:
        """Those of the network's axes that run against ours."""
        return tuple(axis for axis, letter in enumerate(self.axcodes) if _DIRECTIONS[letter][1])


@dataclass(frozen=True, kw_only=True)
class _Step:
    """One transform of a config."""

    #: Its class in small letters, e.g. ``spacingd``.
    kind: str
    #: Its id in the config.
    id_: str


def read_recipe(zoo: ZooBundle) -> ZooRecipe:
    """What the inference config of *zoo* does, as far as serving can do the same.

    Raises:
        BundleError: it does something that serving cannot, or does not say what serving must know.
        RunError: a part of it does not resolve.
    """
    _demand_supported(zoo)
    steps = {step.kind: step.id_ for step in _steps(zoo, "preprocessing")}
    unknown = sorted(set(steps) - _READ - _FORM_ONLY)
    if unknown or not set(steps) >= _READ:
        raise BundleError(
            f"'preprocessing' in '{zoo.config}' has {', '.join(steps) or 'no transforms'}; serving can do, and needs, "
            f"{', '.join(sorted(_READ))} and nothing else that changes numbers"
        )
    axcodes = str(zoo.resolved(f"{steps['orientationd']}::axcodes", ""))
    if sorted(_DIRECTIONS[letter][0] for letter in axcodes if letter in _DIRECTIONS) != [0, 1, 2]:
        raise BundleError(f"Orientationd in '{zoo.config}' has axcodes '{axcodes}'; needed are three such as RAS")
    window, value_range = _window(zoo, steps["scaleintensityranged"])
    roi, overlap = _windows(zoo)
    return ZooRecipe(
        preprocessing=VolumePreprocessing(
            spacing_mm=_in_our_order(_spacing(zoo, steps["spacingd"]), axcodes),
            window_hu=window,
            roi=_in_our_order(roi, axcodes),
            overlap=overlap,
        ),
        axcodes=axcodes,
        value_range=value_range,
        activation=(activation := _activation(zoo)),
        labels=_labels(zoo, activation),
    )


def tensor_of(zoo: ZooBundle, side: str) -> Mapping[str, Any]:
    """What the metadata say of the one tensor on *side*, ``inputs`` or ``outputs``, of the network.

    Raises:
        BundleError: there are several, or the metadata are not valid.
    """
    tensors = zoo.metadata["network_data_format"][side]
    if len(tensors) != 1:
        raise BundleError(f"'{zoo.path / 'configs' / 'metadata.json'}' has {side} {', '.join(tensors)}; {_SUPPORTED}")
    tensor: Mapping[str, Any] = next(iter(tensors.values()))
    return tensor


def _demand_supported(zoo: ZooBundle) -> None:
    taken, given = tensor_of(zoo, "inputs"), tensor_of(zoo, "outputs")
    axes, channels, kind = len(taken["spatial_shape"]), taken["num_channels"], given["format"]
    if axes != 3 or channels != 1 or "segmentation" not in kind.lower():
        raise BundleError(
            f"'{zoo.path / 'configs' / 'metadata.json'}' has an input of {channels} channels and {axes} spatial axes "
            f"and an output of format '{kind}'; {_SUPPORTED}"
        )


def _steps(zoo: ZooBundle, part: str) -> Iterator[_Step]:
    """The transforms of *part*, a Compose or a single one, that are not disabled."""
    raw = zoo.raw(part)
    inner = raw.get("transforms") if isinstance(raw, dict) else None
    listed = [(f"{part}::transforms::{n}", one) for n, one in enumerate(inner)] if inner else [(part, raw)]
    for id_, one in listed:
        if not isinstance(one, dict) or "_target_" not in one:
            raise BundleError(f"'{id_}' in '{zoo.config}' is no transform; needed is one with its _target_")
        if not zoo.resolved(f"{id_}::_disabled_", default=False):
            kind = str(one["_target_"]).rpartition(".")[2].lower()
            # MONAI has each transform of dictionaries under three names: Spacingd, SpacingD, SpacingDict.
            yield _Step(kind=kind.removesuffix("ict"), id_=id_)


def _spacing(zoo: ZooBundle, id_: str) -> tuple[float, ...]:
    pixdim = zoo.resolved(f"{id_}::pixdim")
    spacing = tuple(float(one) for one in pixdim) if isinstance(pixdim, list | tuple) else ()
    if len(spacing) != 3 or min(spacing) <= 0:
        raise BundleError(f"Spacingd in '{zoo.config}' has pixdim {pixdim}; needed are three numbers above 0, in mm")
    return spacing


def _window(zoo: ZooBundle, id_: str) -> tuple[tuple[float, float], tuple[float, float]]:
    low, high = (float(zoo.resolved(f"{id_}::{name}")) for name in ("a_min", "a_max"))
    bounds = [zoo.resolved(f"{id_}::{name}", None) for name in ("b_min", "b_max")]
    if not zoo.resolved(f"{id_}::clip", default=False) or None in bounds or low >= high:
        raise BundleError(
            f"ScaleIntensityRanged in '{zoo.config}' maps {low:g} to {high:g} onto {bounds}, or does not clip; "
            "serving needs a_min below a_max, b_min, b_max and clip: true"
        )
    return (low, high), (float(bounds[0]), float(bounds[1]))


def _windows(zoo: ZooBundle) -> tuple[tuple[int, ...], float]:
    inferer = zoo.resolved("inferer")
    roi = getattr(inferer, "roi_size", None)
    if not isinstance(roi, list | tuple) or len(roi) != 3 or min(roi) <= 0:
        raise BundleError(
            f"'inferer' in '{zoo.config}' is {type(inferer).__name__} with roi_size {roi}; "
            "needed is a SlidingWindowInferer with three sizes above 0"
        )
    overlap = inferer.overlap
    if not isinstance(overlap, float | int) or not 0 <= overlap < 1:
        raise BundleError(f"'inferer' in '{zoo.config}' has overlap {overlap}; needed is one number, 0 to below 1")
    return tuple(int(size) for size in roi), float(overlap)


def _in_our_order(values: tuple[Any, ...], axcodes: str) -> tuple[Any, Any, Any]:
    ours = {_DIRECTIONS[letter][0]: value for letter, value in zip(axcodes, values, strict=True)}
    return ours[0], ours[1], ours[2]


def _activation(zoo: ZooBundle) -> Activation:
    steps = {step.kind: step.id_ for step in _steps(zoo, "postprocessing")}
    asked = steps.get("activationsd", "")
    for activation in Activation:
        if asked and zoo.resolved(f"{asked}::{activation.value}", default=False) is True:
            return activation
    discrete = steps.get("asdiscreted", "")
    if discrete and not asked and zoo.resolved(f"{discrete}::argmax", default=False) is True:
        return Activation.SOFTMAX
    raise BundleError(
        f"'postprocessing' in '{zoo.config}' has {', '.join(steps)}; needed is Activationsd with softmax or sigmoid, "
        "or AsDiscreted with argmax, so that the output can be understood as probabilities"
    )


def _labels(zoo: ZooBundle, activation: Activation) -> tuple[str, ...]:
    given = tensor_of(zoo, "outputs")
    channels: Mapping[str, str] = given.get("channel_def", {})
    names = [channels.get(str(number), "") for number in range(given["num_channels"])]
    file = zoo.path / "configs" / "metadata.json"
    if len(channels) != len(names) or not all(names):
        raise BundleError(
            f"'{file}' has {len(names)} output channels and names {sorted(channels)} in channel_def; "
            "each needs its name there"
        )
    if activation is Activation.SOFTMAX and (len(names) < 2 or "background" not in names[0].lower()):
        raise BundleError(f"'{file}' has the channels {', '.join(names)}; softmax needs background first, and a label")
    said = names[1:] if activation is Activation.SOFTMAX else names
    return tuple(re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") for name in said)
