"""The state of a training after its last whole epoch: enough to go on as if it had never stopped.

Random numbers are no part of it: each epoch draws from a seed of its own (`training.epochs`).
"""

import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from ignite.engine import Events
from monai.bundle import ConfigWorkflow
from monai.handlers import CheckpointSaver, EarlyStopHandler, LrScheduleHandler
from torch.nn.parallel import DistributedDataParallel

from training.errors import RunError

_FILE = "state.pt"


class Stateful(Protocol):
    """A part of a training that can be put down and taken up again; a bundle's own handlers may be such."""

    def state_dict(self) -> Mapping[str, Any]:
        """What it has come to: tensors, numbers, texts, and lists and dictionaries of them."""

    def load_state_dict(self, state: Mapping[str, Any], /) -> object:
        """Go on from *state*."""


def save_state(workflow: ConfigWorkflow, directory: Path, notes: Mapping[str, Any]) -> None:
    """Write the state of *workflow* after an epoch to *directory*; whole or not at all. *notes* are kept with it."""
    trainer, evaluator = workflow.trainer, workflow.evaluator
    state = {
        "epoch": trainer.state.epoch,
        "parts": {name: _plain(part.state_dict()) for name, part in _parts(workflow).items()},
        "best": {name: _best(engine) for name, engine in (("trainer", trainer), ("evaluator", evaluator))},
        "scaler": None if trainer.scaler is None else trainer.scaler.state_dict(),
        "notes": dict(notes),
    }
    fresh = directory / f"{_FILE}.new"
    with fresh.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(directory / _FILE)


def has_state(directory: Path) -> bool:
    """Whether a training left its state in *directory*."""
    return (directory / _FILE).is_file()


def restore_state(workflow: ConfigWorkflow, directory: Path) -> Mapping[str, Any]:
    """Bring the built *workflow* to where it was left in *directory*; gives the notes kept with it.

    Raises:
        RunError: the state cannot be read, or is of another network.
    """
    path = directory / _FILE
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        parts = _parts(workflow)
        for name, part in parts.items():
            part.load_state_dict(state["parts"][name])
    except (OSError, EOFError, RuntimeError, KeyError, ValueError, pickle.UnpicklingError) as error:
        raise RunError(f"'{path}' is no state of this training; train anew without --resume") from error
    trainer = workflow.trainer
    trainer.state.epoch = state["epoch"]
    trainer.state.iteration = state["epoch"] * trainer.state.epoch_length
    for name, engine in (("trainer", trainer), ("evaluator", workflow.evaluator)):
        engine.state.best_metric, engine.state.best_metric_epoch = state["best"][name]
    # A kill between the removal of the last best checkpoint and the writing of the next leaves none to remove.
    (directory / "model.pt").touch()
    if state["scaler"] is not None:
        # The trainer makes its scale of the loss when it starts.
        trainer.add_event_handler(Events.STARTED, lambda engine: engine.scaler.load_state_dict(state["scaler"]))
    return dict(state["notes"])


def _parts(workflow: ConfigWorkflow) -> dict[str, Stateful]:
    network = workflow.trainer.network
    found: dict[str, Stateful] = {
        "network": network.module if isinstance(network, DistributedDataParallel) else network,
        "optimizer": workflow.trainer.optimizer,
    }
    for side in ("train_handlers", "val_handlers"):
        for number, handler in enumerate(getattr(workflow, side) or ()):
            part = _part_of(handler)
            if part is not None:
                found[f"{side}.{number}"] = part
    return found


def _part_of(handler: object) -> Stateful | None:
    part: object = handler
    if isinstance(handler, LrScheduleHandler):
        part = handler.lr_scheduler
    elif isinstance(handler, CheckpointSaver):
        # Which checkpoint is best so far; without it the next one, however poor, would take its place.
        part = handler._key_metric_checkpoint  # noqa: SLF001
    elif isinstance(handler, EarlyStopHandler):
        part = handler._handler  # noqa: SLF001
    return part if hasattr(part, "state_dict") and hasattr(part, "load_state_dict") else None


def _best(engine: Any) -> tuple[float, int]:
    return float(engine.state.best_metric), int(engine.state.best_metric_epoch)


def _plain(value: Any) -> Any:
    """*value* without numpy's scalars and named tuples, which a load that runs no code refuses."""
    if isinstance(value, torch.Tensor):
        return value
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(one) for one in value) if type(value) in {list, tuple} else [*map(_plain, value)]
    return value.item() if hasattr(value, "item") else value
