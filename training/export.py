"""From a tracked run to an ONNX graph with evidence: calibrated, compared with the network, judged on unseen patients.

The graph holds everything after preprocessing: network, temperature, activation, and for images the map of evidence.
"""

import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from evaluation.case_scores import case_scores, dump_scores
from evaluation.markdown import to_markdown
from evaluation.parity import ParityReport, compare, dump_parity
from evaluation.report import EvaluationReport, defined, dump_report
from models.bundle import ClinicalSpec, open_bundle
from models.manifest import Task
from models.onnx_runtime import OnnxRuntime
from models.runtime import Tensors
from training.additive import AdditiveRiskGraph
from training.calibrate import Calibration, dump_calibration, fit_calibration
from training.checkpoint import load_network
from training.datasets import Case, Dataset, Split
from training.errors import DataError, ExportError, RunError
from training.judge import Judgement, judge_graph
from training.networks import image_logit
from training.pictures import report_pictures
from training.tracking import TrackedRun, Tracker

#: Validation cases that parity is measured on.
PARITY_CASES = 24


@dataclass(frozen=True, kw_only=True)
class ExportedRun:
    """A run whose graph and evidence now lie among its artifacts, in ``export/``."""

    #: MLflow run id.
    run_id: str
    #: What the graph does to the log-odds.
    calibration: Calibration
    #: Network against graph.
    parity: ParityReport
    #: The graph on the test split.
    evaluation: EvaluationReport


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
        evidence = self.network(image)
        # The map is moved as the logit is: where it is above 0, the place alone would say the label.
        probability = torch.sigmoid(image_logit(evidence) * self.slope + self.intercept)
        return probability, torch.relu(evidence * self.slope + self.intercept)


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


_GRAPHS: Mapping[Task, Callable[[torch.nn.Module, Calibration], torch.nn.Module]] = {
    Task.IMAGE_CLASSIFICATION: EvidenceGraph,
    Task.VOLUME_SEGMENTATION: VoxelGraph,
    Task.STAY_RISK: AdditiveRiskGraph,
}


def export_run(run_id: str, data: Dataset, tracker: Tracker) -> ExportedRun:
    """Calibrate on validation, export, compare on validation, judge on test; everything is kept in the run.

    Raises:
        RunError: there is no such run, or it did not finish.
        DataError: *data* is not what the run was trained on.
        ExportError: the network cannot be exported.
    """
    run = tracker.find(run_id)
    _demand_ready(run, data)
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        bundle = open_bundle(tracker.fetch(run_id, "bundle", scratch))
        network = load_network(bundle, tracker.fetch(run_id, "checkpoint", scratch) / "model.pt")
        calibration = fit_calibration(network, bundle.clinical, data.cases(Split.VALIDATION))
        module = _GRAPHS[bundle.clinical.task](network, calibration).eval()
        graph = scratch / "export" / "model.onnx"
        export_graph(module, bundle.clinical, graph)
        parity = compare_graph(module, graph, bundle.clinical, data)
        judged = judge_graph(graph, bundle, data)
        (graph.parent / "calibration.json").write_bytes(dump_calibration(calibration))
        _keep(tracker, run_id, graph.parent, parity, judged)
    return ExportedRun(run_id=run_id, calibration=calibration, parity=parity, evaluation=judged.report)


def export_graph(module: torch.nn.Module, clinical: ClinicalSpec, path: Path) -> None:
    """Write *module* as one ONNX file at *path*, with any batch size.

    Raises:
        ExportError: the exporter refuses the network.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    spec = clinical.inputs[0]
    # Two rows: a batch of one would be taken for a constant.
    example = torch.rand(2, *spec.shape[1:])
    try:
        with warnings.catch_warnings():
            # The exporter warns of its own internals (onnxscript, pytree); what it made is checked by parity.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module,
                (example,),
                str(path),
                input_names=[spec.name],
                output_names=[output.name for output in clinical.outputs],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
        raise ExportError(f"the {clinical.task.value} network cannot be exported: {error}") from error


def compare_graph(module: torch.nn.Module, graph: Path, clinical: ClinicalSpec, data: Dataset) -> ParityReport:
    """Run *module* and *graph* on preprocessed validation cases of *data* and compare every output."""
    runtime = OnnxRuntime(graph)
    name = clinical.inputs[0].name
    pairs = []
    for case in islice(data.cases(Split.VALIDATION), PARITY_CASES):
        array = _graph_input(case, clinical)
        pairs.append((_torch_outputs(module, array, clinical), runtime.infer({name: array})))
    who = (f"torch {torch.__version__}", f"onnxruntime {runtime.provider.value}")
    return compare(pairs, who)


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


def _demand_ready(run: TrackedRun, data: Dataset) -> None:
    if run.status != "FINISHED" or "varsel.bundle" not in run.tags:
        raise RunError(f"run '{run.run_id}' is {run.status} and no finished training of a bundle; train again")
    if run.tags["varsel.data_sha256"] != data.sha256:
        raise DataError(
            f"'{data.path}' has digest {data.sha256[:12]}, the run was trained on "
            f"{run.tags['varsel.data_sha256'][:12]}; give that data"
        )


def _keep(tracker: Tracker, run_id: str, folder: Path, parity: ParityReport, judged: Judgement) -> None:
    (folder / "parity.json").write_bytes(dump_parity(parity))
    (folder / "evaluation.json").write_bytes(dump_report(judged.report))
    (folder / "evaluation.md").write_text(to_markdown(judged.report), encoding="utf-8")
    if judged.scored is not None:
        (folder / "test_scores.npz").write_bytes(dump_scores(case_scores(judged.scored)))
    tracker.keep(run_id, folder, "export")
    for name, picture in report_pictures(judged.report).items():
        tracker.keep_figure(run_id, picture, f"pictures/test_{name}.png")
    tracker.metrics(run_id, {f"test_{name}": value for name, value in defined(judged.report.metrics).items()})
    tracker.tag(run_id, {"varsel.parity": "passed" if parity.passed else "failed"})
