"""docs/training.md works word for word: its first commands are run as they stand, from an empty directory."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from models.bundle import bundle_names, find_bundle
from models.folder_store import FolderStore
from models.manifest import Task
from training.synthetic import prepare_synthetic

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
#: Invented patients that a bundle can be tried with in seconds.
TINY = {Task.IMAGE_CLASSIFICATION: 40, Task.VOLUME_SEGMENTATION: 7, Task.STAY_RISK: 200}


def console(text: str) -> list[str]:
    """The commands of the first block of a page."""
    block = re.search(r"```console\n(.*?)```", text, re.DOTALL)
    assert block is not None
    return [line.removeprefix("$ ") for line in block.group(1).splitlines() if line.startswith("$ ")]


def run(command: str, directory: Path) -> str:
    words = shlex.split(command)
    varsel = str(Path(sys.executable).parent / words[0])
    done = subprocess.run(
        [varsel, *words[1:]], cwd=directory, capture_output=True, text=True, timeout=900, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.mark.slow
def test_the_guides_commands_lead_from_nothing_to_a_challenger(tmp_path: Path):
    train, export, release, promote = console(GUIDE)
    (run_id,) = re.findall(r"^next: varsel export (\w+)$", run(train, tmp_path), re.MULTILINE)
    assert f"next: varsel release make {run_id}" in run(export.replace("RUN", run_id), tmp_path)
    run(release.replace("RUN", run_id), tmp_path)
    store = FolderStore(tmp_path / "varsel-data" / "releases")
    (made,) = store.releases()
    run(promote.replace("DIGEST", made.short_digest), tmp_path)
    assert store.aliases() == {("infection_urinary", "challenger"): made.digest}


@pytest.mark.slow
@pytest.mark.parametrize("name", bundle_names())
def test_a_bundle_runs_under_monais_own_command(name: str, tmp_path: Path):
    """What a data scientist knows from the Model Zoo works unchanged, without MLflow or Varsel's command."""
    bundle = find_bundle(name)
    data = prepare_synthetic(bundle, tmp_path / "data", TINY[bundle.clinical.task])
    command = [sys.executable, "-m", "monai.bundle", "run", "--config_file", "configs/train.yaml", "--bundle_root", "."]
    options = {"dataset_dir": str(data.path), "output_dir": str(tmp_path / "out"), "max_epochs": 1}
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
