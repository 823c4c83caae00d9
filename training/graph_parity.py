"""Network against graph on validation cases: every output, and what would be said of the case."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from monai.inferers import sliding_window_inference

from evaluation.parity import DEFAULT_TOLERANCE, FindingParity, Outputs, ParityReport, Tolerance, compare
from evaluation.segmentation import dice
from models.bundle import ClinicalSpec
from models.manifest import Task, VolumePreprocessing
from models.onnx_runtime import OnnxRuntime
from models.postprocess import components_of
from models.runtime import Tensors
from models.sliding_window import SlidingWindowRuntime, Windows
from training.datasets import Case, Dataset, Split

#: Validation cases that outputs are compared on.
PARITY_CASES = 24
#: Whole volumes that lesions are compared on: each takes seconds, and holds dozens of windows.
_VOLUMES = 2
#: Voxels whose probability lies at the threshold may fall to either side of it.
_SAME_LESIONS_DICE = 0.99

Pair = tuple[Outputs, Outputs]


def compare_graph(
    module: torch.nn.Module,
    graph: Path,
    clinical: ClinicalSpec,
    data: Dataset,
    tolerance: Tolerance = DEFAULT_TOLERANCE,
) -> ParityReport:
    """Run *module* and *graph*, by the runtime that serves, on preprocessed validation cases of *data*."""
    runtime = OnnxRuntime(graph)
    name = clinical.inputs[0].name
    pairs: list[Pair] = []
    for case in islice(data.cases(Split.VALIDATION), PARITY_CASES):
        array = _graph_input(case, clinical)
        pairs.append((_torch_outputs(module, array, clinical), runtime.infer({name: array})))
    who = (f"torch {torch.__version__}", f"onnxruntime {runtime.provider.value}")
    if clinical.task is Task.VOLUME_SEGMENTATION:
        findings = _lesions_alike(module, runtime, clinical, data)
    else:
        findings = _labels_alike(pairs, clinical)
    return replace(compare(pairs, who, tolerance), findings=findings)


def _labels_alike(pairs: Sequence[Pair], clinical: ClinicalSpec) -> FindingParity:
    thresholds = np.array([label.threshold for label in clinical.labels])
    said = [[side["probability"].reshape(-1) >= thresholds for side in pair] for pair in pairs]
    alike = sum(np.array_equal(network, graph) for network, graph in said)
    return FindingParity(cases=len(pairs), alike=alike)


def _lesions_alike(
    module: torch.nn.Module, runtime: OnnxRuntime, clinical: ClinicalSpec, data: Dataset
) -> FindingParity:
    spec = clinical.preprocessing
    assert isinstance(spec, VolumePreprocessing)  # noqa: S101  # the task says so; for the type checker
    served = SlidingWindowRuntime(
        runtime,
        windows=Windows(roi=spec.roi, overlap=spec.overlap),
        labels=len(clinical.labels),
        tensors=(clinical.inputs[0].name, clinical.outputs[0].name),
    )
    volumes = [case.input[np.newaxis].astype(np.float32) for case in islice(data.cases(Split.VALIDATION), _VOLUMES)]
    alike = 0
    for volume in volumes:
        with torch.no_grad():
            expected = sliding_window_inference(torch.from_numpy(volume), spec.roi, 4, module, overlap=spec.overlap)
        found = served.infer({clinical.inputs[0].name: volume})[clinical.outputs[0].name]
        alike += _same_lesions(expected.numpy()[0], found[0], clinical, spec.spacing_mm)
    return FindingParity(cases=len(volumes), alike=alike)


def _same_lesions(
    expected: npt.NDArray[np.generic],
    found: npt.NDArray[np.generic],
    clinical: ClinicalSpec,
    spacing_mm: tuple[float, float, float],
) -> bool:
    for number, label in enumerate(clinical.labels):
        maps = [np.asarray(one[number], dtype=np.float32) for one in (expected, found)]
        counts = {len(components_of(one, label.threshold, spacing_mm, label.minimum_volume_mm3)) for one in maps}
        overlap = dice(maps[0] >= label.threshold, maps[1] >= label.threshold)
        # Nothing said by both is NaN, and the same.
        if len(counts) > 1 or overlap < _SAME_LESIONS_DICE:
            return False
    return True


def _graph_input(case: Case, clinical: ClinicalSpec) -> npt.NDArray[np.float32]:
    array = case.input.astype(np.float32)
    if clinical.task is not Task.VOLUME_SEGMENTATION:
        return array[np.newaxis]
    # One window from the middle, where the lungs are; the windows around it run through the same graph.
    roi = clinical.inputs[0].shape[2:]
    starts = [max(0, (size - window) // 2) for size, window in zip(array.shape[1:], roi, strict=True)]
    window = array[:, *(slice(start, start + size) for start, size in zip(starts, roi, strict=True))]
    missing = [(0, size - found) for size, found in zip(roi, window.shape[1:], strict=True)]
    return np.pad(window, [(0, 0), *missing])[np.newaxis]


def _torch_outputs(module: torch.nn.Module, array: npt.NDArray[np.float32], clinical: ClinicalSpec) -> Tensors:
    with torch.no_grad():
        outputs = module(torch.from_numpy(array))
    if isinstance(outputs, torch.Tensor):
        outputs = (outputs,)
    return {spec.name: output.numpy() for spec, output in zip(clinical.outputs, outputs, strict=True)}
