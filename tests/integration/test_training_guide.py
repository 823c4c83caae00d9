"""docs/training.md works word for word: its first commands are run as they stand, from an empty directory."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from monai.bundle import run as run_bundle
from typer.testing import CliRunner

from evaluation.rebuild import compare_rebuild
from models.bundle import bundle_names, find_bundle
from models.folder_store import FolderStore, shipped_releases
from models.manifest import Task
from models.release import open_release
from training.synthetic import prepare_synthetic
from varsel.cli import app

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
#: Invented patients that a bundle can be tried with in seconds.
TINY = {Task.IMAGE_CLASSIFICATION: 20, Task.VOLUME_SEGMENTATION: 7, Task.STAY_RISK: 60}
#: docs/training.md: how far the risk of one test case may move. Rounding moves it by less than a millionth, a learning
#: rate that is off by a thousandth by 0.001, another seed by 0.09.
FURTHEST_CASE = 0.01
pytestmark = [
    pytest.mark.slow,
    # ignite, MONAI, MLflow and torch's exporter warn of their own internals while they train and log.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:sqlalchemy.exc.SADeprecationWarning"),
]


def console(text: str) -> list[str]:
    """The commands of the first block of a page."""
    block = re.search(r"```console\n(.*?)```", text, re.DOTALL)
    assert block is not None
    return [line.removeprefix("$ ") for line in block.group(1).splitlines() if line.startswith("$ ")]


def run(command: str) -> str:
    """Do in this process what `varsel` does: a process each would take longer to start than to work."""
    varsel, *words = shlex.split(command)
    assert varsel == "varsel"
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, f"{command}\n{done.output}\n{done.stderr}"
    return done.stdout


def test_the_guides_commands_lead_from_nothing_to_a_challenger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    train, export, release, promote = console(GUIDE)
    (run_id,) = re.findall(r"^next: varsel export (\w+)$", run(train), re.MULTILINE)
    assert f"next: varsel release make {run_id}" in run(export.replace("RUN", run_id))
    run(release.replace("RUN", run_id))
    store = FolderStore(tmp_path / "varsel-data" / "releases")
    (made,) = store.releases()
    run(promote.replace("DIGEST", made.short_digest))
    assert store.aliases() == {("infection_urinary", "challenger"): made.digest}


def test_a_release_that_ships_made_again_here_is_within_the_stated_tolerance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """From nothing, by the page's command: all invented patients, the shipped recipe, the whole evidence."""
    monkeypatch.chdir(tmp_path)
    command = "varsel release rebuild infection_urinary"
    assert f"\n$ {command}\n" in GUIDE
    said = run(command)
    (shipped,) = (open_release(path) for path in shipped_releases() if path.parent.name == "infection_urinary")
    (made,) = FolderStore(tmp_path / "varsel-data" / "releases").releases()
    compared = compare_rebuild(shipped, made)
    assert len(compared.numbers) == 13
    assert [number for number in compared.numbers if not number.within] == [], said
    assert compared.furthest_case is not None
    assert compared.furthest_case <= FURTHEST_CASE, said


@pytest.mark.parametrize("name", bundle_names())
def test_a_bundle_runs_as_monai_runs_one(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What a data scientist knows from the Model Zoo works unchanged, without MLflow or Varsel's command."""
    bundle = find_bundle(name)
    data = prepare_synthetic(bundle, tmp_path / "data", TINY[bundle.clinical.task])
    monkeypatch.chdir(bundle.path)
    run_bundle(
        config_file="configs/train.yaml",
        bundle_root=".",
        dataset_dir=str(data.path),
        output_dir=str(tmp_path / "out"),
        max_epochs=1,
    )
    assert (tmp_path / "out" / "model.pt").is_file()


def test_a_bundle_runs_under_monais_own_command(tmp_path: Path):
    """The command of the page, in a process of its own."""
    bundle = find_bundle("infection_urinary")
    data = prepare_synthetic(bundle, tmp_path / "data", TINY[bundle.clinical.task])
    options = {"dataset_dir": str(data.path), "output_dir": str(tmp_path / "out"), "max_epochs": 1}
    command = [sys.executable, "-m", "monai.bundle", "run", "--config_file", "configs/train.yaml", "--bundle_root", "."]
    done = subprocess.run(
        [*command, *(word for key, value in options.items() for word in (f"--{key}", str(value)))],
        cwd=bundle.path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "out" / "model.pt").is_file()
