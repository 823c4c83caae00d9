"""Makes one model of the demonstration and says how far it is, a JSON object a line on standard output.

A process of its own, run by `varsel.demo.models`: two models at a time with one thread each use two cores better than
one model with two threads (0.40 against 0.75 CPU seconds a batch of radiographs, measured with both cores busy).
"""

import fcntl
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from evaluation.decision import PromotionDecision
from models.bundle import find_bundle
from models.errors import ModelError
from models.registry import Alias
from serving.settings import Settings, load_settings
from training.errors import TrainingError
from varsel.errors import DemoError
from varsel.making import Making, open_making

_REASON = "made by varsel demo from synthetic data"
#: Nobody approves a demonstration's models but the gates themselves.
_APPROVER = "varsel demo"


def make(name: str, settings: Settings) -> None:
    """Draw data, train, export, package, register, promote.

    Raises:
        DemoError: the model did not pass its gates.
        TrainingError, ModelError: a step failed.
    """
    with _alone(settings):
        # Opening makes MLflow's database, which two processes may not do at once.
        making = replace(open_making(settings), actor=_APPROVER)
    _say(step="data")
    data = making.data(find_bundle(name), None)
    _say(step="training")
    run = making.train(name, data, {}, _on_epoch)
    _say(step="export")
    making.export(run.run_id)
    _say(step="release")
    with _alone(settings):
        short_digest, decision = _release(making, run.run_id)
    if not decision.allowed:
        raise DemoError(f"'{name}' was trained but may not be champion: {'; '.join(decision.reasons)}")
    _say(step=short_digest)


def _release(making: Making, run_id: str) -> tuple[str, PromotionDecision]:
    release, _ = making.release(run_id)
    return release.short_digest, making.promote(release, Alias.CHAMPION, _REASON)


def _on_epoch(epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
    del metrics
    _say(epoch=epoch, epochs=epochs)


def _say(**said: object) -> None:
    print(json.dumps(said), flush=True)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    settings.site.data_dir.mkdir(parents=True, exist_ok=True)
    with (settings.site.data_dir / "making.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _main(settings_path: Path, name: str) -> int:
    try:
        make(name, load_settings(settings_path))
    except (DemoError, ModelError, TrainingError) as error:
        _say(error=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1]), sys.argv[2]))
