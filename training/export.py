"""From a tracked run to an ONNX graph with evidence: calibrated, compared with the network, judged on unseen patients.

The graph holds everything after preprocessing: network, calibration, activation, and for images the map of evidence.
A second one computes in half precision, for GPUs: it lies in the run, in ``half/``, and its parity beside the first's.
"""

import json
import tempfile
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import onnx
import torch

from evaluation.case_scores import case_scores, dump_scores
from evaluation.html import to_html
from evaluation.markdown import to_markdown
from evaluation.mask_scores import dump_mask_scores
from evaluation.parity import HALF_TOLERANCE, ParityReport, dump_parity
from evaluation.report import EvaluationReport, defined, dump_report
from models.bundle import Bundle, ClinicalSpec, open_bundle
from models.manifest import StayPreprocessing, Task
from training.calibrate import UNCALIBRATED, Calibration, best_calibration, dump_calibration, fit_calibration
from training.candidates import (
    TREES_TAG,
    BlendReference,
    Rivals,
    TrackedTrees,
    choose,
    dump_choice,
    load_trees,
    validation_truths,
)
from training.checkpoint import load_network
from training.datasets import Dataset, Split
from training.efficientnet_lite import fold_norms
from training.errors import DataError, ExportError, RunError
from training.examples import example_sheet, may_be_shown
from training.graph_parity import compare_graph
from training.graphs import HalfNetwork, graph_of
from training.half_weights import round_to_half, store_as_half
from training.judge import Judgement, judge_graph
from training.pictures import report_pictures
from training.ranges import RANGES, dump_ranges, trained_ranges
from training.tracking import TrackedRun, Tracker

#: Beside the graph that is served; only graphs of images gain from it.
_HALF_TASKS = frozenset({Task.IMAGE_CLASSIFICATION, Task.VOLUME_SEGMENTATION})


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
        network = _trained_network(run_id, bundle, tracker, scratch)
        fold_norms(network)
        if bundle.clinical.task in _HALF_TASKS:
            round_to_half(network)
        graph = scratch / "export" / "model.onnx"
        if TREES_TAG in run.tags:
            trees = load_trees(tracker.fetch(run_id, "boosting", scratch))
            module, calibration = _export_better(network, trees, bundle.clinical, data, graph)
            tracker.keep(run_id, scratch / "candidates", "candidates")
        else:
            calibration = fit_calibration(network, bundle.clinical, data.cases(Split.VALIDATION))
            module = graph_of(bundle.clinical.task, network, calibration)
            export_graph(module, bundle.clinical, graph)
        if bundle.clinical.task in _HALF_TASKS:
            store_as_half(graph)
        parity = compare_graph(module, graph, bundle.clinical, data)
        if bundle.clinical.task in _HALF_TASKS:
            half = scratch / "half" / "model_fp16.onnx"
            export_graph(graph_of(bundle.clinical.task, HalfNetwork(network), calibration), bundle.clinical, half)
            parity = replace(parity, half=compare_graph(module, half, bundle.clinical, data, HALF_TOLERANCE))
            tracker.keep(run_id, half, "half")
        if may_be_shown(data, bundle.clinical):
            tracker.keep_figure(run_id, example_sheet(graph, bundle.clinical, data), "pictures/examples.png")
        judged = judge_graph(graph, bundle, data)
        if isinstance(bundle.clinical.preprocessing, StayPreprocessing):
            ranges = trained_ranges(data, bundle.clinical.preprocessing)
            (graph.parent / RANGES).write_bytes(dump_ranges(ranges))
        (graph.parent / "calibration.json").write_bytes(dump_calibration(calibration))
        _keep(tracker, run_id, graph.parent, parity, judged)
    return ExportedRun(run_id=run_id, calibration=calibration, parity=parity, evaluation=judged.report)


def _trained_network(run_id: str, bundle: Bundle, tracker: Tracker, scratch: Path) -> torch.nn.Module:
    """The network as ``--set`` made it."""
    overrides = json.loads((tracker.fetch(run_id, "config", scratch) / "overrides.json").read_bytes())
    return load_network(bundle, tracker.fetch(run_id, "checkpoint", scratch) / "model.pt", overrides)


def _export_better(
    network: torch.nn.Module, trees: TrackedTrees, clinical: ClinicalSpec, data: Dataset, path: Path
) -> tuple[torch.nn.Module, Calibration]:
    """Write the better of *network* and *trees* to *path*, each alone beside it; returns what the graph must say."""
    choice, scores = choose(network, trees, data)
    calibration = best_calibration(scores, validation_truths(data), clinical.calibration)
    alone = path.parent.parent / "candidates"
    module: torch.nn.Module = graph_of(clinical.task, network, UNCALIBRATED)
    export_graph(module, clinical, alone / "network.onnx")
    rivals = Rivals(network=onnx.load(alone / "network.onnx"), trees=trees.model.to_onnx(), shipped=choice.shipped)
    onnx.save(rivals.trees, alone / "boosting.onnx")
    path.parent.mkdir(parents=True)
    onnx.save(rivals.graph(clinical.inputs[0].shape[1], calibration), path)
    (path.parent / "candidates.json").write_bytes(dump_choice(choice))
    return BlendReference(module, trees.model, choice.shipped, calibration), calibration


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
    without_traces(path)


def without_traces(path: Path) -> None:
    """Take out of the graph at *path* what the exporter says of its own run, among it paths of the machine."""
    model = onnx.load(path)
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.initializer, *graph.value_info, *graph.input, *graph.output):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    onnx.save(model, path)


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
    if judged.masks is not None:
        (folder / "test_mask_scores.npz").write_bytes(dump_mask_scores(judged.masks))
    tracker.keep(run_id, folder, "export")
    page = folder.parent / "evaluation.html"
    page.write_text(to_html(judged.report), encoding="utf-8")
    tracker.keep(run_id, page, "evaluation")
    for name, picture in report_pictures(judged.report).items():
        tracker.keep_figure(run_id, picture, f"pictures/test_{name}.png")
    tracker.metrics(run_id, {f"test_{name}": value for name, value in defined(judged.report.metrics).items()})
    tracker.tag(run_id, {"varsel.parity": "passed" if parity.passed else "failed"})
