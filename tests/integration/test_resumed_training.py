"""A training that is killed goes on to the same numbers; several processes train as one."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from models.bundle import find_bundle
from tests.factories.mlflow_database import fresh_mlflow
from training.datasets import Dataset, open_dataset
from training.errors import RunError, TrackingError
from training.run import resume_run, train_bundle
from training.synthetic import prepare_synthetic
from training.tracking import Tracker

ROOT = Path(__file__).parents[2]
pytestmark = [
    # ignite, MONAI, MLflow and torch's exporter warn of their own internals while they train and log.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    # MLflow's SQLAlchemy engines close their SQLite connections when collected.
    pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning"),
]
COUNT = {"chest_xray_opacity": 14, "infection_urinary": 300}
#: The bundle that trains fastest.
STAYS = "infection_urinary"
OVERRIDES = {"max_epochs": 3}
#: Trains each bundle in a process that kills itself, as by a power cut, when its second epoch is done.
KILLED = """
import os, signal, sys
from pathlib import Path
from models.bundle import find_bundle
from training.datasets import open_dataset
from training.run import train_bundle
from training.tracking import Tracker
def on_epoch(epoch, epochs, metrics):
    if epoch == 2:
        os.kill(os.getpid(), signal.SIGKILL)
for place in map(Path, sys.argv[1:]):
    process = os.fork()
    if process == 0:
        train_bundle(find_bundle(place.name), open_dataset(place / "data"), Tracker(f"sqlite:///{place / 'mlflow.db'}"),
                     overrides={"max_epochs": 3}, progress=on_epoch, runs_dir=place / "runs")
    print("ended by", os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """For each bundle a directory with its data and the run of a training that was killed."""
    root = tmp_path_factory.mktemp("killed")
    places = {name: root / name for name in COUNT}
    for name, place in places.items():
        prepare_synthetic(find_bundle(name), place / "data", COUNT[name])
    command = [sys.executable, "-W", "ignore", "-c", KILLED, *map(str, places.values())]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert done.stdout.count(f"ended by {-signal.SIGKILL}\n") == len(COUNT), done.stdout + done.stderr[-2000:]
    return places


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    return prepare_synthetic(find_bundle(STAYS), tmp_path / "data", COUNT[STAYS])


@pytest.mark.parametrize("name", sorted(COUNT))
def test_a_killed_training_goes_on_to_the_same_metrics(name: str, killed: dict[str, Path], tmp_path: Path):
    """Also the chosen checkpoint is the same, bit for bit."""
    bundle, place = find_bundle(name), killed[name]
    data, runs, tracker = open_dataset(place / "data"), place / "runs", Tracker(f"sqlite:///{place / 'mlflow.db'}")
    (directory,) = runs.iterdir()
    assert tracker.find(directory.name).status == "RUNNING"
    whole = train_bundle(bundle, data, tracker, overrides=OVERRIDES, runs_dir=runs)

    seen: list[int] = []
    resumed = resume_run(
        directory.name, bundle, data, tracker, progress=lambda epoch, *_: seen.append(epoch), runs_dir=runs
    )
    assert seen == [3]
    assert resumed.metrics == whole.metrics
    assert tracker.history(resumed.run_id, "train_loss") == tracker.history(whole.run_id, "train_loss")
    weights = [_weights(tracker, run.run_id, tmp_path / run.run_id) for run in (resumed, whole)]
    torch.testing.assert_close(*weights, rtol=0, atol=0, equal_nan=True)
    assert tracker.find(resumed.run_id).status == "FINISHED"
    assert list(runs.iterdir()) == [], "a finished run leaves nothing behind"


def _weights(tracker: Tracker, run_id: str, into: Path) -> dict[str, torch.Tensor]:
    into.mkdir()
    return torch.load(tracker.fetch(run_id, "checkpoint", into) / "model.pt", weights_only=True)


def test_what_cannot_be_resumed_says_why(data: Dataset, tmp_path: Path):
    bundle, tracker = find_bundle(STAYS), Tracker(fresh_mlflow(tmp_path))
    done = train_bundle(bundle, data, tracker, overrides={"max_epochs": 1}, runs_dir=tmp_path / "runs")
    with pytest.raises(RunError, match=f"is finished; go on with varsel export {done.run_id}"):
        resume_run(done.run_id, bundle, data, tracker, runs_dir=tmp_path / "runs")
    with pytest.raises(RunError, match="'nonsense' is no run"):
        resume_run("nonsense", bundle, data, tracker, runs_dir=tmp_path / "runs")
    tracker.restart(done.run_id)
    with pytest.raises(RunError, match="does not hold the state of run"):
        resume_run(done.run_id, bundle, data, tracker, runs_dir=tmp_path / "elsewhere")


def test_a_run_that_goes_on_is_not_resumed_beside_itself(data: Dataset, tmp_path: Path):
    bundle, runs = find_bundle(STAYS), tmp_path / "runs"
    tracker, refused = Tracker(fresh_mlflow(tmp_path)), []

    def try_beside(*_: object) -> None:
        (directory,) = runs.iterdir()
        with pytest.raises(RunError, match="still being trained by another process") as caught:
            resume_run(directory.name, bundle, data, tracker, runs_dir=runs)
        refused.append(caught.value)

    done = train_bundle(bundle, data, tracker, overrides={"max_epochs": 1}, progress=try_beside, runs_dir=runs)
    assert len(refused) == 1
    assert tracker.find(done.run_id).status == "FINISHED"


def test_mlflow_that_goes_away_costs_no_training(data: Dataset, tmp_path: Path):
    """Epochs are trained on; their numbers, and the checkpoint, are kept until MLflow answers again."""
    bundle, runs = find_bundle(STAYS), tmp_path / "runs"
    down = _Interrupted(fresh_mlflow(tmp_path))
    with pytest.raises(TrackingError, match=r"what is trained is kept: go on with --resume") as caught:
        train_bundle(bundle, data, down, overrides=OVERRIDES, runs_dir=runs)
    run_id = re.search(r"--resume (\w+)", str(caught.value)).group(1)

    up, seen = Tracker(down.uri), []
    resumed = resume_run(run_id, bundle, data, up, progress=lambda epoch, *_: seen.append(epoch), runs_dir=runs)
    assert seen == [], "nothing was left to train"
    assert [step for step, _ in up.history(run_id, "train_loss")] == [1, 2, 3]
    assert up.find(run_id).status == "FINISHED"
    assert resumed.epochs == 3


class _Interrupted(Tracker):
    """MLflow that goes down after the first epoch."""

    def metrics(self, run_id: str, values: dict[str, float], step: int = 0) -> None:
        if step > 1:
            raise TrackingError("MLflow is down")
        super().metrics(run_id, values, step)


def test_two_processes_train_as_one(data: Dataset, tmp_path: Path):
    """On CPUs by gloo, as GPUs would by NCCL: shares of the cases, averaged gradients, one run, one checkpoint."""
    (tmp_path / "site").mkdir()
    settings = tmp_path / "varsel.toml"
    settings.write_text(f"[site]\ndata_dir = {json.dumps(str(tmp_path / 'site'))}\n", encoding="utf-8")
    command = [sys.executable, "-W", "ignore", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    varsel = [str(Path(sys.executable).parent / "varsel"), "--settings", str(settings), "train", STAYS]
    done = subprocess.run(
        [*command, "--no-python", *varsel, "--data", str(data.path), "--set", "max_epochs=2"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (run_id,) = re.findall(r"^run (\w+): 2 epochs", done.stdout, re.MULTILINE)
    tracker = Tracker(f"sqlite:///{tmp_path / 'site' / 'mlflow.db'}")
    assert [step for step, _ in tracker.history(run_id, "train_loss")] == [1, 2]
    assert (tracker.fetch(run_id, "checkpoint", tmp_path) / "model.pt").stat().st_size > 0
