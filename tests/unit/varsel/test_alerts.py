"""``varsel alerts simulate`` on a shipped release's own test scores and on a table."""

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from models.manifest import Task
from tests.factories.labelled import release_with_layout, stay_table
from varsel.cli import app

POLICY = """
[[alert_policies]]
name = "forty"
model = "stay_demo"
capacity_per_100_patient_days = 40

[[alert_policies]]
name = "other-model"
model = "infection_sepsis"
threshold = 0.09
refractory_hours = 24
"""


def run(directory: Path, *arguments: str) -> Result:
    settings = directory / "varsel.toml"
    settings.write_text(f'[site]\ndata_dir = "{directory / "data"}"\n')
    (directory / "policies.toml").write_text(POLICY)
    return CliRunner().invoke(app, ["--settings", str(settings), "alerts", "simulate", *arguments])


def test_a_table_is_replayed_under_the_naive_and_the_given_policy(tmp_path: Path):
    release_with_layout(tmp_path / "data" / "releases", Task.STAY_RISK)
    data, out = stay_table(tmp_path / "stays.parquet"), tmp_path / "out.json"
    told = run(
        tmp_path, "stay_demo", "--data", str(data), "--policy", str(tmp_path / "policies.toml"), "--out", str(out)
    )
    assert told.exit_code == 0, told.output
    rows = json.loads(out.read_bytes())
    assert [row["policy"]["name"] for row in rows] == ["naive", "forty"]
    assert set(rows[0]["burden"]["ppv_per_patient"]) >= {"value", "lower", "upper"}


def test_a_shipped_release_brings_its_own_history(tmp_path: Path):
    told = run(tmp_path, "infection_sepsis", "--naive", "--out", str(tmp_path / "out.json"))
    assert told.exit_code == 0, told.output
    (row,) = json.loads((tmp_path / "out.json").read_bytes())
    assert (row["burden"]["stays"], row["burden"]["positives"]) == (2081, 123)
    assert row["burden"]["per_100_patient_days"]["value"] > 200


def test_a_model_that_does_not_score_hours_is_refused(tmp_path: Path):
    told = run(tmp_path, "bacteremia_at_culture", "--naive")
    assert told.exit_code == 1
    assert "hour by hour" in told.stderr


def test_without_a_policy_there_is_nothing_to_simulate(tmp_path: Path):
    assert "give --policy FILE" in run(tmp_path, "infection_sepsis").stderr


def test_a_file_without_a_policy_for_the_model_is_told(tmp_path: Path):
    path = tmp_path / "none.toml"
    told = run(tmp_path, "infection_sepsis", "--policy", str(path))
    assert told.exit_code == 2
    path.write_text(POLICY.replace("infection_sepsis", "m"))
    assert "no policy for the model" in run(tmp_path, "infection_sepsis", "--policy", str(path)).stderr
