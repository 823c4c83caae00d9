"""What happens around each epoch: its own seed, its numbers in MLflow, the state to resume from."""

import logging
import math
import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from ignite.engine import Engine, Events
from monai.bundle import ConfigWorkflow
from monai.data.utils import set_rnd

from training.errors import RunError, TrackingError
from training.parallel import Place
from training.resume import save_state
from training.tracking import Tracker

#: Called after each epoch with (epoch, epochs in all, metrics of the epoch).
Progress = Callable[[int, int, Mapping[str, float]], None]

_log = logging.getLogger(__name__)
#: Epochs of one seed lie so far apart that no two trainings share one.
_SEEDS_APART = 100_003


@dataclass(frozen=True, kw_only=True)
class Under:
    """The run that a training goes on under."""

    #: MLflow's.
    tracker: Tracker
    #: MLflow run id.
    run_id: str
    #: Where its state lies until it is finished.
    directory: Path
    #: Which of several processes this is.
    place: Place
    #: Whom to tell of each epoch.
    progress: Progress | None

    def watched(self) -> AbstractContextManager[None]:
        """While it lasts, MLflow is told how cores, memory and GPU are used; by the first process alone."""
        return self.tracker.watch_system(self.run_id) if self.place.leads else nullcontext()


class EpochWatch:
    """Attached to a bundle's trainer and evaluator, after all handlers of their own."""

    def __init__(self, workflow: ConfigWorkflow, under: Under, notes: Mapping[str, Any]) -> None:
        """Watch *workflow*; *notes* are those of the state it goes on from, empty for a new training."""
        self._workflow = workflow
        self._under = under
        self._seed = int(workflow.parser.get("seed", 0) or 0)
        self._losses: list[float] = []
        self._samples = 0
        self._started = self._learnt = self._resumed = perf_counter()
        self._validated = False
        self._seconds_before = float(notes.get("seconds", 0.0))
        #: Newest value of each metric.
        self.latest: dict[str, float] = dict(notes.get("latest", {}))
        # Epochs that MLflow has not taken yet: (epoch, its numbers).
        self._pending: list[tuple[int, dict[str, float]]] = [(int(e), dict(v)) for e, v in notes.get("pending", [])]

    @property
    def seconds(self) -> float:
        """Time that training has taken so far, in all its parts."""
        return self._seconds_before + perf_counter() - self._resumed

    def attach(self) -> None:
        """Begin to watch."""
        trainer = self._workflow.trainer
        trainer.add_event_handler(Events.EPOCH_STARTED, self._begin)
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._note_batch)
        # Added last, so that validation and metrics of this epoch are there when it runs.
        trainer.add_event_handler(Events.EPOCH_COMPLETED, self._note_epoch)
        self._workflow.evaluator.add_event_handler(Events.COMPLETED, self._note_validation)

    def flush(self) -> None:
        """Log what MLflow did not take before.

        Raises:
            TrackingError: it still does not.
        """
        while self._pending:
            epoch, values = self._pending[0]
            self._under.tracker.metrics(self._under.run_id, values, step=epoch)
            self._pending.pop(0)

    def _begin(self, engine: Engine) -> None:
        # A seed for each epoch: what an epoch draws does not depend on how many went before it in this process.
        seed = (self._seed * _SEEDS_APART + engine.state.epoch) % 2**32
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002  # what transforms and losses of bundles may draw from
        torch.manual_seed(seed)
        # Augmentation differs between processes; the order of cases, drawn from torch, must not.
        set_rnd(self._workflow.trainer.data_loader.dataset, seed=(seed + self._under.place.rank) % 2**32)
        self._losses.clear()
        self._samples = 0
        self._started = self._learnt = perf_counter()

    def _note_batch(self, engine: Engine) -> None:
        loss = torch.as_tensor(_first(engine.state.output)["loss"]).detach().item()
        if not math.isfinite(loss):
            parser = self._workflow.parser
            rate = f" (now {parser.get('learning_rate')})" if "learning_rate" in parser else ""
            raise RunError(
                f"the loss became {loss} in epoch {engine.state.epoch}, step {engine.state.iteration}; "
                f"train anew with a lower learning rate{rate}, e.g. --set learning_rate=..., or look for faulty inputs"
            )
        self._losses.append(loss)
        self._samples += _size(engine.state.batch)
        self._learnt = perf_counter()

    def _note_validation(self, _: Engine) -> None:
        self._validated = True

    def _note_epoch(self, engine: Engine) -> None:
        values = {"train_loss": sum(self._losses) / max(len(self._losses), 1), **_numbers(engine.state.metrics)}
        if self._validated:
            values |= _numbers(self._workflow.evaluator.state.metrics)
        self._validated = False
        self.latest.update(values)
        # Of learning alone, without validation; no quality, so not among the newest metrics.
        samples_per_second = self._samples * self._under.place.world / max(self._learnt - self._started, 1e-9)
        if not self._under.place.leads:
            return
        self._pending.append((engine.state.epoch, {**values, "samples_per_second": samples_per_second}))
        self._try_to_log()
        notes = {"seconds": self.seconds, "latest": self.latest, "pending": self._pending}
        save_state(self._workflow, self._under.directory, notes)
        if self._under.progress is not None:
            self._under.progress(engine.state.epoch, engine.state.max_epochs, values)

    def _try_to_log(self) -> None:
        try:
            self.flush()
        except TrackingError as error:
            # Hours of training are worth more than a curve that is drawn late.
            _log.warning("epoch %d is not in MLflow yet: %s", self._pending[-1][0], error)


def _numbers(metrics: Mapping[str, object]) -> dict[str, float]:
    # Python, numpy or torch scalars, as each MONAI metric likes; curves and matrices are left out.
    plain = {key: np.asarray(value) for key, value in metrics.items()}
    return {key: float(value) for key, value in plain.items() if value.size == 1 and np.isfinite(value).all()}


def _first(output: object) -> Mapping[str, torch.Tensor | float]:
    # MONAI hands on one dictionary a case; the loss is that of the batch in each of them, as a number or not yet one.
    return output[0] if isinstance(output, list) else output  # type: ignore[return-value]


def _size(batch: object) -> int:
    return len(batch) if isinstance(batch, list) else len(next(iter(batch.values())))  # type: ignore[attr-defined]
