"""Run a bundle's train.yaml and track it: what MONAI's own command line does, with every epoch in MLflow."""

import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ignite.engine import Engine, Events
from monai.bundle import ConfigWorkflow

from models.bundle import Bundle
from training.datasets import Dataset
from training.errors import DataError, RunError
from training.pictures import learning_curve
from training.tracking import Tracker

#: Called after each epoch with (epoch, epochs in all, metrics of the epoch).
Progress = Callable[[int, int, Mapping[str, float]], None]


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """One finished training."""

    #: MLflow run id; ``export_run`` and ``package_run`` go on from it.
    run_id: str
    #: Bundle name.
    bundle: str
    #: Epochs trained.
    epochs: int
    #: Newest value of each metric, and ``best_<key metric>`` of the checkpoint kept.
    metrics: Mapping[str, float]


def train_bundle(
    bundle: Bundle,
    data: Dataset,
    tracker: Tracker,
    *,
    overrides: Mapping[str, object] | None = None,
    progress: Progress | None = None,
) -> TrainingRun:
    """Train *bundle* on *data* and track it; *overrides* are config ids and values, as on MONAI's command line.

    Raises:
        DataError: *data* was prepared for another bundle.
        RunError: training ended without a checkpoint.
    """
    if data.manifest.bundle != bundle.name:
        raise DataError(f"'{data.path}' was prepared for '{data.manifest.bundle}'; '{bundle.name}' needs its own data")
    with tempfile.TemporaryDirectory() as scratch:
        workflow = _workflow(bundle, data, Path(scratch), overrides or {})
        run_id = _start(bundle, data, tracker, workflow)
        succeeded = False
        try:
            epochs, metrics = _train(workflow, tracker, run_id, progress)
            _keep(bundle, workflow, tracker, run_id, Path(scratch))
            succeeded = True
        finally:
            tracker.finish(run_id, succeeded=succeeded)
    return TrainingRun(run_id=run_id, bundle=bundle.name, epochs=epochs, metrics=metrics)


def _workflow(bundle: Bundle, data: Dataset, scratch: Path, overrides: Mapping[str, object]) -> ConfigWorkflow:
    return ConfigWorkflow(
        config_file=str(bundle.config("train.yaml")),
        meta_file=str(bundle.config("metadata.json")),
        # The caller's logging stays as it is.
        logging_file=False,
        workflow_type="train",
        bundle_root=str(bundle.path),
        dataset_dir=str(data.path),
        output_dir=str(scratch),
        **dict(overrides),
    )


def _start(bundle: Bundle, data: Dataset, tracker: Tracker, workflow: ConfigWorkflow) -> str:
    plain = {key: value for key, value in workflow.parser.get().items() if isinstance(value, int | float)}
    tags = {
        "varsel.bundle": bundle.name,
        "varsel.version": bundle.version,
        "varsel.data_sha256": data.sha256,
        "varsel.dataset_dir": str(data.path.resolve()),
        "varsel.seed": str(plain.get("seed", 0)),
        "varsel.git_commit": _git_commit(bundle.path),
    }
    return tracker.start(f"{bundle.name} {bundle.version}", {**plain, "data_source": data.manifest.source}, tags)


def _train(
    workflow: ConfigWorkflow, tracker: Tracker, run_id: str, progress: Progress | None
) -> tuple[int, dict[str, float]]:
    workflow.initialize()
    trainer, evaluator = workflow.trainer, workflow.evaluator
    losses: list[float] = []
    validated: list[int] = []
    latest: dict[str, float] = {}

    def note_loss(engine: Engine) -> None:
        losses.append(float(_first(engine.state.output)["loss"]))

    def note_epoch(engine: Engine) -> None:
        values = {"train_loss": sum(losses) / max(len(losses), 1), **_numbers(engine.state.metrics)}
        if validated:
            values |= _numbers(evaluator.state.metrics)
        losses.clear()
        validated.clear()
        latest.update(values)
        tracker.metrics(run_id, values, step=engine.state.epoch)
        if progress is not None:
            progress(engine.state.epoch, engine.state.max_epochs, values)

    evaluator.add_event_handler(Events.COMPLETED, lambda engine: validated.append(engine.state.iteration))
    # Added last, so that validation and metrics of this epoch are there when they run.
    trainer.add_event_handler(Events.ITERATION_COMPLETED, note_loss)
    trainer.add_event_handler(Events.EPOCH_COMPLETED, note_epoch)
    workflow.run()
    best = f"best_{evaluator.state.key_metric_name}"
    latest[best] = float(evaluator.state.best_metric)
    tracker.metrics(run_id, {best: latest[best]}, step=trainer.state.epoch)
    workflow.finalize()
    return trainer.state.epoch, latest


def _keep(bundle: Bundle, workflow: ConfigWorkflow, tracker: Tracker, run_id: str, scratch: Path) -> None:
    checkpoint = scratch / "model.pt"
    if not checkpoint.is_file():
        raise RunError(
            f"run '{run_id}' wrote no model.pt; the bundle's CheckpointSaver must keep the best key metric there"
        )
    tracker.keep(run_id, checkpoint, "checkpoint")
    tracker.keep(run_id, bundle.path / "configs", "bundle/configs")
    tracker.keep(run_id, bundle.path / "docs", "bundle/docs")
    tracker.keep(run_id, bundle.path / "LICENSE", "bundle")
    resolved = scratch / "train_resolved.json"
    resolved.write_text(json.dumps(workflow.parser.get(), indent=2, default=str) + "\n", encoding="utf-8")
    tracker.keep(run_id, resolved, "config")
    tracker.keep(run_id, Path(workflow.parser["dataset_dir"]) / "dataset.json", "data")
    metric = workflow.evaluator.state.key_metric_name
    picture = learning_curve(tracker.history(run_id, "train_loss"), tracker.history(run_id, metric), metric)
    tracker.keep_figure(run_id, picture, "pictures/learning_curve.png")


def _numbers(metrics: Mapping[str, object]) -> dict[str, float]:
    # Python, numpy or torch scalars, as each MONAI metric likes; curves and matrices are left out.
    plain = {key: np.asarray(value) for key, value in metrics.items()}
    return {key: float(value) for key, value in plain.items() if value.size == 1 and np.isfinite(value).all()}


def _first(output: object) -> Mapping[str, float]:
    # MONAI hands on one dictionary a case; the loss is that of the batch in each of them.
    return output[0] if isinstance(output, list) else output  # type: ignore[return-value]


def _git_commit(path: Path) -> str:
    found = subprocess.run(["git", "-C", str(path), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() if found.returncode == 0 else ""
