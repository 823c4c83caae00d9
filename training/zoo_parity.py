"""A zoo bundle's network against what would be served, on drawn chest CTs: windows, whole volumes, and its own way."""

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from evaluation.parity import ParityReport
from evaluation.segmentation import dice
from models.bundle import Bundle, ClinicalSpec
from models.onnx_runtime import OnnxRuntime
from models.sliding_window import SlidingWindowRuntime, Windows
from training.datasets import Split
from training.errors import BundleError, ExportError
from training.export import export_graph
from training.graph_parity import compare_graph
from training.synthetic import prepare_synthetic
from training.zoo import ZooBundle
from training.zoo_graph import ServedLayout
from training.zoo_recipe import ZooRecipe, tensor_of

Floats = npt.NDArray[np.float32]
#: The fewest that have a validation split.
_VOLUMES = 7
#: Served windows start from the other end of a flipped axis, and probabilities are blended where MONAI blends
#: logits: voxels at the edge of a structure may fall to either side.
OWN_WAY_DICE = 0.95


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What came of asking network and graph the same."""

    #: The graph that would be served.
    graph: Path
    #: Both on windows and whole volumes, laid alike.
    parity: ParityReport
    #: Dice of each label's mask between the bundle's own inferer and serving; NaN where both are empty.
    agreement: Mapping[str, float]


def demand_shapes(zoo: ZooBundle, recipe: ZooRecipe) -> str:
    """See that the network of *zoo* takes and gives what its metadata say; tells what was found.

    Raises:
        BundleError: it does not.
    """
    taken, given = tensor_of(zoo, "inputs"), tensor_of(zoo, "outputs")
    plain = [size for size in taken["spatial_shape"] if isinstance(size, int)]
    # Sizes by a rule (2**p*n) leave the choice; the inferer's window is one that the authors ask with.
    shape = plain if len(plain) == len(taken["spatial_shape"]) else _network_roi(recipe)
    file = zoo.path / "configs" / "metadata.json"
    try:
        with torch.no_grad():
            output = zoo.network(torch.zeros(1, taken["num_channels"], *shape))
    except (RuntimeError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0][:200]
        raise BundleError(
            f"'{file}' says that the network takes {taken['num_channels']} channels of {shape}; "
            f"the network of '{zoo.config}' fails on that: {reason}"
        ) from error
    found = list(output.shape[1:]) if isinstance(output, torch.Tensor) else type(output).__name__
    sizes = zip(given["spatial_shape"], shape, strict=False)
    wanted = [given["num_channels"], *(said if isinstance(said, int) else size for said, size in sizes)]
    if found != wanted:
        raise BundleError(f"'{file}' says that the network gives {wanted} (channels, sizes) for {shape}; found {found}")
    return f"{taken['num_channels']} x {_sizes(shape)} in, {_sizes(wanted)} out"


def try_as_served(zoo: ZooBundle, recipe: ZooRecipe, clinical: ClinicalSpec, directory: Path) -> Trial:
    """Write the graph that would be served to ``model.onnx`` in *directory*, and ask it what the network is asked.

    Raises:
        ExportError: the network cannot be exported, or its graph differs from it.
        BundleError: a mask differs from that of the bundle's own inferer by more than windows laid and blended
            otherwise explain.
    """
    module, graph = ServedLayout(zoo.network, recipe).eval(), directory / "model.onnx"
    export_graph(module, clinical, graph)
    with tempfile.TemporaryDirectory() as drawn:
        bundle = Bundle(path=zoo.path, name=zoo.name, version=zoo.metadata["version"], clinical=clinical)
        data = prepare_synthetic(bundle, Path(drawn), _VOLUMES)
        parity = compare_graph(module, graph, clinical, data)
        volume = next(iter(data.cases(Split.VALIDATION))).input[np.newaxis].astype(np.float32)
    if not parity.passed:
        worst = max(tensor.tolerance_used for tensor in parity.tensors)
        raise ExportError(
            f"the graph of '{zoo.name}' differs from its network: {worst:.3g} of the tolerance used, at most 1 needed; "
            f"masks: {parity.findings}"
        )
    own, served = _own_way(zoo, module, volume), _served(graph, recipe, clinical, volume)
    agreement = {
        label.key: float(dice(own[number] >= label.threshold, served[number] >= label.threshold))
        for number, label in enumerate(clinical.labels)
    }
    _demand_agreement(zoo, agreement)
    return Trial(graph=graph, parity=parity, agreement=agreement)


def _own_way(zoo: ZooBundle, module: ServedLayout, volume: Floats) -> Floats:
    inferer = zoo.resolved("inferer")
    with torch.no_grad():
        output = inferer(module.to_network(torch.from_numpy(volume)), zoo.network)
    return np.asarray(module.to_served(output), np.float32)[0]


def _served(graph: Path, recipe: ZooRecipe, clinical: ClinicalSpec, volume: Floats) -> Floats:
    taken, given = clinical.inputs[0].name, clinical.outputs[0].name
    runtime = SlidingWindowRuntime(
        OnnxRuntime(graph),
        windows=Windows(roi=recipe.preprocessing.roi, overlap=recipe.preprocessing.overlap),
        labels=len(clinical.labels),
        tensors=(taken, given),
    )
    return np.asarray(runtime.infer({taken: volume})[given], np.float32)[0]


def _demand_agreement(zoo: ZooBundle, agreement: Mapping[str, float]) -> None:
    if any(value < OWN_WAY_DICE for value in agreement.values()):
        told = ", ".join(f"{key} {value:.3f}" for key, value in agreement.items())
        raise BundleError(
            f"masks of '{zoo.name}' by its own inferer and as served agree too little on a drawn CT: Dice {told}; "
            f"needed is {OWN_WAY_DICE}: look at 'inferer' in '{zoo.config}'"
        )


def _network_roi(recipe: ZooRecipe) -> list[int]:
    return [recipe.preprocessing.roi[axis] for axis in recipe.axes]


def _sizes(shape: Iterable[int]) -> str:
    return " x ".join(str(size) for size in shape)
