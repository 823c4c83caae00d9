"""Run a bundle's train.yaml and track it: what MONAI's own command line does, with every epoch in MLflow.

A run writes into a directory of its own, ``<runs_dir>/<run id>``, until it is finished: the best checkpoint, and the
state after the last epoch. When its process is killed, `resume_run` goes on from there and comes to the same numbers.
"""

import errno
import fcntl
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from monai.bundle import ConfigWorkflow

from models.bundle import Bundle
from training.candidates import fit_trees
from training.datasets import Dataset, open_dataset
from training.demands import demand_trainable
from training.epochs import EpochWatch, Progress, Under
from training.errors import DataError, RunError, TrackingError
from training.parallel import here
from training.pictures import learning_curve
from training.provenance import config_digest, environment_lock, tags_of
from training.resume import has_state, restore_state
from training.tracking import RunStatus, Tracker
from training.workflow import Recipe, build, causes_of, raise_told, read_config

__all__ = ["Progress", "TrainingRun", "resume_run", "train_bundle"]

_OVERRIDES = "overrides.json"
#: Where a run writes until it is kept, unless the caller says so; the operating system may clean it away.
_SCRATCH = Path(tempfile.gettempdir()) / "varsel-runs"
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
#: torch tells of a failed write in words only.
_TORCH_CANNOT_WRITE = ("inline_container", "iostream error", "file write failed")


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
    #: Time that training took, validation included, in all its parts when it was resumed.
    seconds: float


def train_bundle(
    bundle: Bundle,
    data: Dataset,
    tracker: Tracker,
    *,
    overrides: Mapping[str, object] | None = None,
    progress: Progress | None = None,
    runs_dir: Path = _SCRATCH,
) -> TrainingRun:
    """Train *bundle* on *data* and track it; *overrides* are config ids and values, as on MONAI's command line.

    Of several processes (`training.parallel.joined`) each calls this; the first one tracks.

    Raises:
        DataError: *data* was prepared for another bundle, or holds nothing to learn from.
        TrackingError: MLflow cannot be reached.
        RunError: the config does not resolve, or training ended early; the message says what to do.
    """
    _demand_own(bundle, data)
    demand_trainable(data, bundle.clinical)
    recipe = Recipe(bundle=bundle, dataset_dir=data.path, output_dir=runs_dir, overrides=overrides or {})
    plain = _plain_parameters(read_config(recipe))
    place, name = here(), f"{bundle.name} {bundle.version}"
    known = {**plain, "data_source": data.manifest.source}
    run_id = place.first(lambda: tracker.start(name, known, tags_of(bundle, data, plain.get("seed", 0))))
    under = Under(tracker=tracker, run_id=run_id, directory=runs_dir / run_id, place=place, progress=progress)
    return _run(recipe, data, under)


def resume_run(
    run_id: str,
    bundle: Bundle,
    data: Dataset,
    tracker: Tracker,
    *,
    progress: Progress | None = None,
    runs_dir: Path = _SCRATCH,
) -> TrainingRun:
    """Go on with the run *run_id*, which was killed or failed, after its last whole epoch.

    Raises:
        DataError: *data* is not what the run began with.
        RunError: the run is finished or unknown, its bundle changed, or its state is not in *runs_dir*.
    """
    _demand_resumable(run_id, bundle, data, tracker)
    directory = runs_dir / run_id
    if not (directory / _OVERRIDES).is_file():
        raise RunError(f"'{directory}' does not hold the state of run '{run_id}'; train anew without --resume")
    overrides = json.loads((directory / _OVERRIDES).read_bytes())
    recipe = Recipe(bundle=bundle, dataset_dir=data.path, output_dir=directory, overrides=overrides)
    place = here()
    if place.leads:
        tracker.restart(run_id)
    under = Under(tracker=tracker, run_id=run_id, directory=directory, place=place, progress=progress)
    return _run(recipe, data, under)


def _describe(recipe: Recipe, data: Dataset, under: Under) -> None:
    """Keep all that is known of a new run before its first epoch."""
    bundle, directory = recipe.bundle, under.directory
    overrides = directory / _OVERRIDES
    overrides.write_text(json.dumps(dict(recipe.overrides)), encoding="utf-8")
    lock = directory / "requirements.txt"
    lock.write_text(environment_lock(), encoding="utf-8")
    for path, folder in (
        (bundle.path / "configs", "bundle/configs"),
        (bundle.path / "docs", "bundle/docs"),
        (bundle.path / "LICENSE", "bundle"),
        (data.path / "dataset.json", "data"),
        (overrides, "config"),
        (lock, "environment"),
    ):
        under.tracker.keep(under.run_id, path, folder)


def _run(recipe: Recipe, data: Dataset, under: Under) -> TrainingRun:
    recipe = replace(recipe, output_dir=under.directory)
    with _resumable(under), _alone_in(under), _ended(under):
        if under.place.leads and not (under.directory / _OVERRIDES).exists():
            _describe(recipe, data, under)
        workflow = read_config(recipe)
        build(workflow, recipe.bundle, under.place)
        run = _train(workflow, recipe, under)
        if under.place.leads:
            _keep(workflow, under)
    if under.place.leads:
        shutil.rmtree(under.directory)
    return run


def _train(workflow: ConfigWorkflow, recipe: Recipe, under: Under) -> TrainingRun:
    notes = restore_state(workflow, under.directory) if has_state(under.directory) else {}
    watch = EpochWatch(workflow, under, notes)
    watch.attach()
    state, best_state = workflow.trainer.state, workflow.evaluator.state
    # A run whose last epoch is done has only to be kept; ignite would begin it anew.
    if state.epoch < state.max_epochs:
        with under.watched():
            workflow.run()
    if under.place.leads and "boosting" in workflow.parser:
        trees = workflow.parser.get_parsed_content("boosting")
        fit_trees(trees, open_dataset(recipe.dataset_dir), under.tracker, under.run_id)
    workflow.finalize()
    best, seconds = {f"best_{best_state.key_metric_name}": float(best_state.best_metric)}, watch.seconds
    if under.place.leads:
        watch.flush()
        under.tracker.metrics(under.run_id, {**best, "training_seconds": seconds}, step=state.epoch)
        under.tracker.tag(under.run_id, {"varsel.training_seconds": f"{seconds:.1f}"})
    return TrainingRun(
        run_id=under.run_id,
        bundle=recipe.bundle.name,
        epochs=state.epoch,
        metrics={**watch.latest, **best},
        seconds=seconds,
    )


def _keep(workflow: ConfigWorkflow, under: Under) -> None:
    tracker, run_id, directory = under.tracker, under.run_id, under.directory
    checkpoint = directory / "model.pt"
    if not checkpoint.is_file() or checkpoint.stat().st_size == 0:
        raise RunError(
            f"run '{run_id}' wrote no model.pt; the bundle's CheckpointSaver must keep the best key metric there"
        )
    tracker.keep(run_id, checkpoint, "checkpoint")
    resolved = directory / "train_resolved.json"
    resolved.write_text(json.dumps(workflow.parser.get(), indent=2, default=str) + "\n", encoding="utf-8")
    tracker.keep(run_id, resolved, "config")
    metric = workflow.evaluator.state.key_metric_name
    picture = learning_curve(tracker.history(run_id, "train_loss"), tracker.history(run_id, metric), metric)
    tracker.keep_figure(run_id, picture, "pictures/learning_curve.png")


@contextmanager
def _alone_in(under: Under) -> Iterator[None]:
    """See that no other process goes on with the same run; the system lets go of the lock when a process dies."""
    under.directory.mkdir(parents=True, exist_ok=True)
    with (under.directory / "lock").open("w") as file:
        try:
            if under.place.leads:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(f"run '{under.run_id}' is still being trained by another process; wait for it") from error
        yield


@contextmanager
def _ended(under: Under) -> Iterator[None]:
    """Mark the run by how the body ends; a killed process leaves it RUNNING."""
    status = RunStatus.FAILED
    try:
        yield
        status = RunStatus.FINISHED
    except KeyboardInterrupt:
        status = RunStatus.KILLED
        raise
    finally:
        if under.place.leads:
            _mark(under, status)


def _mark(under: Under, status: RunStatus) -> None:
    try:
        under.tracker.finish(under.run_id, status)
    except TrackingError:
        if status is RunStatus.FINISHED:
            raise


@contextmanager
def _resumable(under: Under) -> Iterator[None]:
    """Say of what is no fault of the training that it can go on."""
    try:
        yield
    except TrackingError as error:
        raise TrackingError(f"{error}; what is trained is kept: go on with --resume {under.run_id}") from error
    except (OSError, RuntimeError) as error:
        raise_told(error)
        if not any(map(_tells_of_a_full_disk, causes_of(error))):
            raise
        raise RunError(
            f"no room is left to write to '{under.directory}'; free some and go on with --resume {under.run_id}"
        ) from error


def _tells_of_a_full_disk(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _NO_ROOM
    return any(words in str(error) for words in _TORCH_CANNOT_WRITE)


def _demand_own(bundle: Bundle, data: Dataset) -> None:
    if data.manifest.bundle != bundle.name:
        raise DataError(f"'{data.path}' was prepared for '{data.manifest.bundle}'; '{bundle.name}' needs its own data")


def _demand_resumable(run_id: str, bundle: Bundle, data: Dataset, tracker: Tracker) -> None:
    _demand_own(bundle, data)
    run = tracker.find(run_id)
    if run.status == RunStatus.FINISHED.value:
        raise RunError(f"run '{run_id}' is finished; go on with varsel export {run_id}")
    if run.tags.get("varsel.config_sha256") != config_digest(bundle):
        raise RunError(f"the configs of '{bundle.name}' are not those that run '{run_id}' began with; train anew")
    if run.tags.get("varsel.data_sha256") != data.sha256:
        raise DataError(f"'{data.path}' is not the data that run '{run_id}' began with; give that data")


def _plain_parameters(workflow: ConfigWorkflow) -> dict[str, object]:
    return {key: value for key, value in workflow.parser.get().items() if isinstance(value, int | float)}
