"""``varsel evaluate`` on small releases and labelled data made here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from models.manifest import Task
from models.release import sha256_of
from tests.factories.labelled import image_folder, release_with_layout, stay_table
from varsel.cli import app

NUMBERS = ("auroc", "auprc", "brier", "accuracy", "calibration_slope", "calibration_intercept", "ece")


def store_of(directory: Path) -> Path:
    return directory / "data" / "releases"


def run(directory: Path, *arguments: str) -> Result:
    settings = directory / "varsel.toml"
    settings.write_text(f'[site]\ndata_dir = "{directory / "data"}"\n')
    return CliRunner().invoke(app, ["--settings", str(settings), "evaluate", *arguments])


def report_in(directory: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((directory / "report.json").read_bytes())
    return found


def test_a_champion_is_judged_on_a_folder_of_images_it_never_saw(tmp_path: Path):
    release = release_with_layout(store_of(tmp_path), Task.IMAGE_CLASSIFICATION)
    data, out = image_folder(tmp_path / "images"), tmp_path / "out"
    result = run(tmp_path, "image_demo@champion", "--data", str(data), "--out", str(out))
    assert result.exit_code == 0, result.output
    report = report_in(out)
    assert (report["digest"], report["cases"], report["patients"]) == (release.digest, 60, 30)
    assert report["chosen"] == "named"
    for name in NUMBERS:
        assert set(report["metrics"][name]) == {"value", "lower", "upper", "reason"}
    assert report["metrics"]["auroc"]["lower"] <= report["metrics"]["auroc"]["value"]
    assert {"report.md", "report.html", "plots/roc.png"} <= {
        path.relative_to(out).as_posix() for path in out.rglob("*")
    }


@pytest.mark.parametrize("language", ["en", "da"])
def test_without_a_champion_the_shipped_release_is_judged_and_the_report_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str
):
    release = release_with_layout(tmp_path / "shipped", Task.IMAGE_CLASSIFICATION)
    monkeypatch.setattr("models.folder_store._SHIPPED", tmp_path / "shipped")
    data, out = image_folder(tmp_path / "images", images=20, splits=False), tmp_path / "out"
    result = run(tmp_path, "image_demo@champion", "--data", str(data), "--out", str(out), "--language", language)
    assert result.exit_code == 0, result.output
    assert "the release that ships with Varsel is judged" in result.stdout.splitlines()[0]
    report = report_in(out)
    assert (report["digest"], report["chosen"]) == (release.digest, "shipped")
    assert "worth on new cases" not in result.output
    assert "that ships with Varsel" in (out / "report.md").read_text()
    told = {"en": "There is no champion here", "da": "Her er ingen champion"}[language]
    assert told in (out / "report.html").read_text()


def test_judging_on_the_very_files_of_the_training_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    release_with_layout(store_of(tmp_path), Task.STAY_RISK)
    data, out = stay_table(tmp_path / "stays.parquet", stays=12), tmp_path / "out"
    monkeypatch.setattr("evaluation.evidence.source_digests", lambda _: frozenset({sha256_of(data)}))
    result = run(tmp_path, "stay_demo", "--data", str(data), "--out", str(out))
    assert result.exit_code == 0, result.output
    assert (
        "NOT EXAMINED: what the model is worth on new cases: the model was made from these very files" in result.stdout
    )
    assert "these very files" in str(report_in(out)["not_examined"])


def test_the_page_stands_alone_and_shows_no_picture_unless_asked(tmp_path: Path):
    release_with_layout(store_of(tmp_path), Task.IMAGE_CLASSIFICATION)
    data = image_folder(tmp_path / "images")
    for name, options in (("plain", []), ("shown", ["--gallery"])):
        result = run(tmp_path, "image_demo", "--data", str(data), "--out", str(tmp_path / name), *options)
        assert result.exit_code == 0, result.output
    plain, shown = ((tmp_path / name / "report.html").read_text() for name in ("plain", "shown"))
    assert "http" not in plain.replace("http-equiv", "")
    assert 'class="gallery"' not in plain
    assert 'class="gallery"' in shown


def test_a_split_is_judged_alone(tmp_path: Path):
    release_with_layout(store_of(tmp_path), Task.IMAGE_CLASSIFICATION)
    data, out = image_folder(tmp_path / "images"), tmp_path / "out"
    result = run(tmp_path, "image_demo", "--data", str(data), "--out", str(out), "--split", "test")
    assert result.exit_code == 0, result.output
    assert report_in(out)["data"]["split"] == "test"
    assert report_in(out)["cases"] == 32


def test_a_split_that_the_data_do_not_name_is_refused(tmp_path: Path):
    release_with_layout(store_of(tmp_path), Task.IMAGE_CLASSIFICATION)
    data = image_folder(tmp_path / "images", splits=False)
    result = run(tmp_path, "image_demo", "--data", str(data), "--out", str(tmp_path / "out"), "--split", "test")
    assert result.exit_code == 1
    assert "no cases of the split 'test'" in result.stderr


def test_hours_have_utility_and_alert_burden(tmp_path: Path):
    release_with_layout(store_of(tmp_path), Task.STAY_RISK)
    data, out = stay_table(tmp_path / "stays.parquet"), tmp_path / "out"
    result = run(tmp_path, "stay_demo@champion", "--data", str(data), "--out", str(out), "--language", "da")
    assert result.exit_code == 0, result.output
    report = report_in(out)
    assert report["metrics"]["utility"]["lower"] <= report["metrics"]["utility"]["upper"]
    assert [alert["policy"] for alert in report["alerts"]] == ["every_hour", "then_silent", "tenth_flagged"]
    assert "Alarmbyrde" in (out / "report.html").read_text()


def test_two_releases_are_compared_case_by_case(tmp_path: Path):
    champion = release_with_layout(store_of(tmp_path), Task.STAY_RISK)
    challenger = release_with_layout(store_of(tmp_path), Task.STAY_RISK, version="0.2.0", alias="challenger")
    data, out = stay_table(tmp_path / "stays.parquet"), tmp_path / "out"
    name = f"stay_demo@{challenger.short_digest}"
    result = run(tmp_path, name, "--data", str(data), "--out", str(out), "--against", "champion")
    assert result.exit_code == 0, result.output
    comparison = report_in(out)["comparison"]
    assert comparison["digest"] == champion.digest
    assert comparison["metrics"]["auroc"] == {"metric": "auroc", "difference": 0, "lower": 0, "upper": 0}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("image_demo@challenger", "no challenger"),
        ("image_demo@ffff", "installed"),
        ("nothing_like_it", "no champion"),
    ],
)
def test_a_release_that_is_not_there_is_told(tmp_path: Path, name: str, told: str):
    release_with_layout(store_of(tmp_path), Task.IMAGE_CLASSIFICATION)
    data = image_folder(tmp_path / "images", images=8)
    result = run(tmp_path, name, "--data", str(data), "--out", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert told in result.stderr.lower()


def test_an_output_directory_that_is_a_file_is_told_before_anything_is_read(tmp_path: Path):
    (tmp_path / "out").write_text("")
    result = run(tmp_path, "no_such_model", "--data", str(tmp_path / "nothing"), "--out", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert "give another directory with --out" in result.stderr


def test_judging_a_release_needs_neither_torch_nor_mlflow(tmp_path: Path):
    release_with_layout(store_of(tmp_path), Task.STAY_RISK)
    data = stay_table(tmp_path / "stays.parquet")
    (tmp_path / "varsel.toml").write_text(f'[site]\ndata_dir = "{tmp_path / "data"}"\n')
    arguments = ["--settings", str(tmp_path / "varsel.toml"), "evaluate", "stay_demo", "--data", str(data)]
    script = (
        "import sys\n"
        "for name in ('torch', 'monai', 'mlflow', 'ignite'): sys.modules[name] = None\n"
        "from varsel.cli import app\n"
        f"app({[*arguments, '--out', str(tmp_path / 'out')]!r})\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
