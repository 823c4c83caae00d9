"""The commands of a hospital's node, with MLflow's real registry: what came on a disk is promoted like any other."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from models.folder_store import FolderStore
from models.mlflow_registry import MlflowRegistry
from tests.factories.candidates import APPROVER, AUTHOR, MODEL, make_candidate, parity
from varsel.cli import app

pytestmark = [
    # MLflow warns of its own internals while it is imported.
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    # MLflow's SQLAlchemy engines close their SQLite connections when collected.
    pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning"),
    # MLflow's queries use what SQLAlchemy 2.1 deprecates.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:sqlalchemy.exc.SADeprecationWarning"),
]


def run(directory: Path, *arguments: str | Path) -> Result:
    settings = directory / "varsel.toml"
    settings.write_text(f"[site]\ndata_dir = {json.dumps(str(directory / 'data'))}\n")
    return CliRunner().invoke(app, ["--settings", str(settings), *map(str, arguments)])


def test_a_release_from_a_disk_is_installed_promoted_shown_and_rolled_back(tmp_path: Path):
    for version in ("0.1.0", "0.2.0"):
        made = make_candidate(tmp_path / "disk", version=version)
        installed = run(tmp_path, "release", "install", made.path)
        assert installed.exit_code == 0, installed.output
        answer = run(
            *(tmp_path, "promote", MODEL, version, "--to", "champion"),
            *("--reason", "better", "--approver", APPROVER),
        )
        assert answer.exit_code == 0, answer.output
    registry = MlflowRegistry(f"sqlite:///{tmp_path / 'data' / 'mlflow.db'}")
    store = FolderStore(tmp_path / "data" / "releases")
    newest = store.resolve(MODEL, "champion")
    assert registry.find(MODEL, "champion").digest == newest.digest
    assert registry.pull(MODEL, "champion", FolderStore(tmp_path / "pulled")).digest == newest.digest

    assert run(tmp_path, "rollback", MODEL, "--reason", "worse").exit_code == 0

    assert registry.find(MODEL, "champion").digest == store.resolve(MODEL, "champion").digest != newest.digest
    told = run(tmp_path, "history", MODEL).output
    assert f"trained by {AUTHOR}, approver {APPROVER}: better" in told
    assert "rollback of champion" in told
    machines = json.loads(run(tmp_path, "history", MODEL, "--json").output)
    assert [len(machines["decisions"]), len(machines["moves"])] == [2, 3]
    assert "2 releases are whole; 3 moves and 2 decisions" in run(tmp_path, "release", "verify").output
    assert "rollback " in run(tmp_path, "release", "ledger").output


def test_a_refused_promotion_fails_and_names_every_reason(tmp_path: Path):
    poor = make_candidate(tmp_path / "disk", files={"evidence/parity.json": parity(0.01), "LICENSE": None})
    run(tmp_path, "release", "install", poor.path)
    answer = run(tmp_path, "promote", MODEL, "0.1.0", "--to", "champion", "--reason", "r", "--approver", AUTHOR)
    assert answer.exit_code == 1
    for words in ("parity of network and graph", "missing: LICENSE", "an approver who is not the author"):
        assert words in answer.stderr
    assert "may NOT be champion" in run(tmp_path, "history", MODEL).output
    registry = MlflowRegistry(f"sqlite:///{tmp_path / 'data' / 'mlflow.db'}")
    tags = registry._client.get_model_version(MODEL, "1").tags
    assert tags["validation_status"] == "refused"
    assert len(tags["gate_report_sha256"]) == 64


#: Makes these look as if they were never installed, for imports and for whoever asks whether they are.
_WITHOUT = """
import sys

class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        missing = name.split(".")[0] in {"torch", "monai", "mlflow", "onnx", "sklearn", "matplotlib"}
        return None if missing else self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""


def test_a_node_where_nothing_is_trained_installs_promotes_and_rolls_back(tmp_path: Path):
    settings = tmp_path / "varsel.toml"
    settings.write_text(f"[site]\ndata_dir = {json.dumps(str(tmp_path / 'data'))}\n")
    first, second = (make_candidate(tmp_path / "disk", version=version) for version in ("0.1.0", "0.2.0"))
    steps = [
        *(("release", "install", str(one.path)) for one in (first, second)),
        *(
            ("promote", MODEL, version, "--to", "champion", "--reason", "r", "--approver", APPROVER)
            for version in ("0.1.0", "0.2.0")
        ),
        ("rollback", MODEL),
    ]
    calls = "\n".join(f"app(['--settings', {str(settings)!r}, *{step!r}], standalone_mode=False)" for step in steps)
    done = subprocess.run(
        [sys.executable, "-c", f"{_WITHOUT}\nfrom varsel.cli import app\n{calls}"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "MLflow: not installed here" in done.stdout
    assert f"{MODEL} 0.1.0 ({first.short_digest}) is champion again" in done.stdout
    assert FolderStore(tmp_path / "data" / "releases").resolve(MODEL, "champion").digest == first.digest
