"""What stops a training, and what it says then: what, where, and what to do."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from models.bundle import find_bundle
from training.datasets import Case, Dataset, Description, Split, write_dataset
from training.errors import RunError, TrackingError
from training.run import train_bundle
from training.tracking import Tracker

ROOT = Path(__file__).parents[2]
BUNDLE = find_bundle("infection_urinary")
COUNTS = {Split.TRAIN: 200, Split.VALIDATION: 60, Split.TEST: 60}
pytestmark = [
    # ignite, MONAI and MLflow warn of their own internals while they train and log.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    # MLflow's SQLAlchemy engines close their SQLite connections when collected.
    pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning"),
]
#: Trains where no file may grow beyond a size that MLflow's database stays below and the state does not.
SMALL_DISK = """
import resource, sys
from pathlib import Path
from models.bundle import find_bundle
from training.datasets import open_dataset
from training.errors import RunError
from training.run import train_bundle
from training.tracking import Tracker
data, uri, runs = sys.argv[1:]
tracker = Tracker(uri)
tracker.finish(tracker.start("makes the database", {}, {}))
resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))
try:
    train_bundle(find_bundle("infection_urinary"), open_dataset(Path(data)), tracker, runs_dir=Path(runs),
                 overrides={"max_epochs": 1, "batch_size": 50, "network_def::hidden": 20_000})
except RunError as error:
    print(error)
"""


def drawn() -> Iterator[tuple[Split, Case]]:
    rng = np.random.default_rng(1)
    for split, count in COUNTS.items():
        for number in range(count):
            row = rng.normal(size=12).astype(np.float32)
            truth = np.array([row[0] + rng.normal() > 0], dtype=np.float32)
            yield split, Case(patient=f"{split.value}-{number}", input=row, label=truth)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    description = Description(bundle=BUNDLE.name, source="drawn in a test", seed=1)
    return write_dataset(tmp_path_factory.mktemp("rows") / "data", drawn(), description)


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Tracker:
    return Tracker(f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}")


def newest(tracker: Tracker, runs: Path) -> str:
    """The status of the one run whose directory was left in *runs*."""
    (directory,) = runs.iterdir()
    return tracker.find(directory.name).status


def test_one_seed_trains_rows_to_equal_metrics(data: Dataset, tracker: Tracker, tmp_path: Path):
    runs = [train_bundle(BUNDLE, data, tracker, overrides={"max_epochs": 2}, runs_dir=tmp_path) for _ in range(2)]
    assert runs[0].metrics == runs[1].metrics
    other = train_bundle(BUNDLE, data, tracker, overrides={"max_epochs": 2, "seed": 21}, runs_dir=tmp_path)
    assert other.metrics != runs[0].metrics


def test_a_run_says_what_it_was_made_of(data: Dataset, tracker: Tracker, tmp_path: Path):
    run = train_bundle(BUNDLE, data, tracker, overrides={"max_epochs": 1}, runs_dir=tmp_path / "runs")
    found = tracker.find(run.run_id)
    for tag in ("author", "machine", "config_sha256", "data_sha256", "split_sha256", "environment_sha256", "seed"):
        assert found.tags[f"varsel.{tag}"], tag
    assert {"samples_per_second", "training_seconds", "system/cpu_utilization_percentage"} <= set(found.metrics)
    lock = tracker.fetch(run.run_id, "environment", tmp_path) / "requirements.txt"
    assert any(line.startswith("torch==") for line in lock.read_text(encoding="utf-8").splitlines())
    kept = b"".join(path.read_bytes() for path in Path(found.artifact_uri.removeprefix("file://")).rglob("*.json"))
    assert b"train-0" not in kept, "not even a pseudonym of a patient goes to MLflow"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ({"network_def::_target_": "training.additive.Nonsense"}, r"'network_def' in '.*train\.yaml' does not resolve"),
        ({"optimizer::lr": "@nonsense"}, r"'train::trainer' in '.*train\.yaml' does not resolve: .*nonsense"),
        ({"max_epoch": 3}, r"'max_epoch' names nothing in '.*train\.yaml'; did you mean 'max_epochs'\?"),
        (
            {"max_epochs": "two"},
            r"'max_epochs' is 8 in '.*train\.yaml', found 'two' in its place; required is a number",
        ),
    ],
)
def test_a_config_that_does_not_resolve_names_the_id(
    override: dict[str, object], said: str, data: Dataset, tracker: Tracker, tmp_path: Path
):
    with pytest.raises(RunError, match=said):
        train_bundle(BUNDLE, data, tracker, overrides=override, runs_dir=tmp_path)


def test_a_loss_of_nan_stops_with_its_epoch_and_what_to_do(data: Dataset, tracker: Tracker, tmp_path: Path):
    wild = {"max_epochs": 3, "learning_rate": 1e30, "batch_size": 20}
    with pytest.raises(RunError, match=r"the loss became (nan|inf) in epoch 1, step \d+; train anew with a lower"):
        train_bundle(BUNDLE, data, tracker, overrides=wild, runs_dir=tmp_path)
    assert newest(tracker, tmp_path) == "FAILED"


def test_a_full_disk_ends_with_a_sentence_and_a_failed_run(data: Dataset, tmp_path: Path):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    command = [sys.executable, "-W", "ignore", "-c", SMALL_DISK, str(data.path), uri, str(tmp_path / "runs")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert "no room is left to write to '" in done.stdout, done.stdout + done.stderr[-2000:]
    assert "free some and go on with --resume" in done.stdout
    assert newest(Tracker(uri), tmp_path / "runs") == "FAILED"


def test_mlflow_that_is_down_is_told_before_anything_is_trained(data: Dataset, tmp_path: Path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(TrackingError, match=rf"MLflow at '{uri}' does not do what is asked \(.*refused"):
            train_bundle(BUNDLE, data, Tracker(uri), runs_dir=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
