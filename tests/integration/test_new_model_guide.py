"""docs/new-model.md works word for word: its files are written and its commands run as they stand on the page."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from varsel.cli import app

pytestmark = [
    pytest.mark.slow,
    # ignite, MONAI, MLflow and torch's exporter warn of their own internals while they train and log.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:sqlalchemy.exc.SADeprecationWarning"),
]

ROOT = Path(__file__).parents[2]
_PAGE = (ROOT / "docs" / "new-model.md").read_text(encoding="utf-8")
#: A file block follows a line that names the file in backticks; a console block holds commands.
_BLOCK = re.compile(
    r"^[^\n]*`(?P<file>\w+/[\w./-]+)`[^\n]*\n\n```\w+\n(?P<text>.*?)```|^```console\n(?P<commands>.*?)```",
    re.MULTILINE | re.DOTALL,
)


def follow(section: str, directory: Path) -> None:
    """Do in *directory* what the section of the page called *section* says, from top to bottom."""
    text = next(part for part in re.split(r"^## ", _PAGE, flags=re.MULTILINE) if part.startswith(section))
    found: dict[str, str] = {}
    for block in _BLOCK.finditer(text):
        if block["file"]:
            (directory / block["file"]).write_text(block["text"], encoding="utf-8")
            continue
        for line in block["commands"].splitlines():
            said = run(line.removeprefix("$ "), directory, found)
            found |= {name: value for name, value in _named(said).items() if value}


def run(command: str, directory: Path, found: dict[str, str]) -> str:
    """Do *command*; what `varsel` does in this process: one each would take longer to start than to work."""
    for name, value in found.items():
        command = command.replace(name, value)
    if command.startswith("varsel "):
        answer = CliRunner().invoke(app, shlex.split(command)[1:])
        assert answer.exit_code == 0, f"{command}\n{answer.output}\n{answer.stderr}"
        return answer.stdout
    done = subprocess.run(
        command, shell=True, cwd=directory, env={**os.environ, "VARSEL": str(ROOT)}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _named(said: str) -> dict[str, str]:
    """What the page calls RUN and DIGEST, where a command printed it."""
    run_id = re.search(r"^next: varsel export (\w+)$", said, re.MULTILINE)
    digest = re.search(r"^next: varsel promote \w+ (\w+)", said, re.MULTILINE)
    return {"RUN": run_id[1] if run_id else "", "DIGEST": digest[1] if digest else ""}


def write_stays(path: Path, count: int, seed: int) -> None:
    """A table as the page shows it: fast breathing and fever before a transfer."""
    rng = np.random.default_rng(seed)
    lines = ["stay,age,temp,hr,rr,transferred"]
    for number in range(count):
        ill = rng.random() < 0.3
        temperature = "" if rng.random() < 0.2 else f"{rng.normal(38.2 if ill else 37.0, 0.5):.1f}"
        rates = f"{rng.normal(105 if ill else 80, 12):.0f},{rng.normal(24 if ill else 16, 3):.0f}"
        lines.append(f"S-{seed}-{number},{rng.integers(20, 90)},{temperature},{rates},{int(ill)}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_images(folder: Path, count: int) -> None:
    """Noise, brighter at the bottom where there is an effusion."""
    rng = np.random.default_rng(5)
    folder.mkdir()
    lines = ["file,label,patient,split"]
    for number in range(count):
        effusion = number % 2 == 0
        pixels = rng.integers(0, 120, (160, 160))
        pixels[110:] += 120 * effusion
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number:04}.png")
        split = "test" if number >= count * 3 // 4 else "train"
        lines.append(f"{number:04}.png,{'effusion' if effusion else 'none'},P-{number},{split}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_a_new_risk_goes_from_a_folder_to_a_challenger_and_its_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    write_stays(tmp_path / "stays.csv", 300, 1)
    write_stays(tmp_path / "later.csv", 100, 2)
    follow("A new risk", tmp_path)
    report = json.loads((tmp_path / "report" / "report.json").read_bytes())
    assert report["model"] == "icu_transfer"
    assert report["metrics"]["auroc"]["lower"] > 0.7


def test_a_new_finding_goes_from_a_folder_to_a_release_and_its_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path / "images", 48)
    follow("A new finding on radiographs", tmp_path)
    report = json.loads((tmp_path / "report" / "report.json").read_bytes())
    assert report["model"] == "pleural_effusion"
    assert report["cases"] == 12
